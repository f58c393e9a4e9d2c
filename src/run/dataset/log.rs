//! build.log: what happened when, for people. Nothing reads it again.

use crate::error::{Error, Result};
use crate::run::Progress;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Name of the file.
pub(super) const LOG: &str = "build.log";
/// Notes on the terminal come no more often than this.
const BETWEEN_NOTES: Duration = Duration::from_secs(30);

/// The log of a build.
pub(super) struct Log<'p> {
    path: PathBuf,
    file: Mutex<File>,
    progress: &'p dyn Progress,
    /// Who writes, of several processes.
    who: String,
    state: Mutex<State>,
}

struct State {
    done: u64,
    of: u64,
    /// When that was said.
    begun: Instant,
    noted: Instant,
}

impl<'p> Log<'p> {
    /// Goes on with the log of `folder`.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn open(folder: &Path, who: String, progress: &'p dyn Progress) -> Result<Log<'p>> {
        let path = folder.join(LOG);
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(|e| Error::io("write", &path, e))?;
        let now = Instant::now();
        let state = Mutex::new(State { done: 0, of: 0, begun: now, noted: now });
        Ok(Log { path, file: Mutex::new(file), progress, who, state })
    }

    /// A line.
    ///
    /// # Errors
    /// A disk that is full.
    pub(super) fn line(&self, text: &str) -> Result<()> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let mjd_utc = 40_587.0 + seconds as f64 / 86_400.0;
        let line = format!("{} {} {text}\n", &crate::time::format_utc(mjd_utc)[..19], self.who);
        // one write a line: processes on one folder do not break each other's lines
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|e| Error::io("write", &self.path, e))
    }

    /// From now on `of` samples are to be made.
    pub(super) fn begin(&self, of: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.done, state.of, state.begun) = (0, of, Instant::now());
    }

    /// A shard of `samples` is finished.
    ///
    /// # Errors
    /// A disk that is full.
    pub(super) fn shard(&self, shard: usize, samples: usize, failed: usize, took: Duration) -> Result<()> {
        let (done, of, begun, note) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.done += samples as u64;
            let note = state.noted.elapsed() >= BETWEEN_NOTES;
            if note {
                state.noted = Instant::now();
            }
            (state.done, state.of, state.begun, note)
        };
        let elapsed = begun.elapsed().as_secs_f64();
        let rate = done as f64 / elapsed.max(1e-9);
        let left = (of.saturating_sub(done)) as f64 / rate.max(1e-9);
        let failures = if failed > 0 { format!(", {failed} FAILED") } else { String::new() };
        let text = format!(
            "shard {shard}: {samples} samples in {:.1} s{failures}; {done} of {of}, {rate:.1} a second, {} left",
            took.as_secs_f64(),
            duration_words(left)
        );
        if note {
            self.progress.note(&text);
        }
        self.line(&text)
    }
}

/// Seconds in words of two parts: "2 h 3 min".
pub(super) fn duration_words(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..=119 => format!("{whole} s"),
        120..=7199 => format!("{} min", (whole + 30) / 60),
        7200..=172_799 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Unseen;

    #[test]
    fn lines_are_added_to_those_there() {
        let folder = tempfile::tempdir().unwrap();
        for part in ["0/2", "1/2"] {
            let log = Log::open(folder.path(), part.into(), &Unseen).unwrap();
            log.begin(20);
            log.shard(3, 10, 1, Duration::from_millis(1500)).unwrap();
        }
        let text = std::fs::read_to_string(folder.path().join(LOG)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|l| l.contains("shard 3: 10 samples in 1.5 s, 1 FAILED; 10 of 20")), "{text}");
        assert!(text.starts_with("20") && text.contains(" 1/2 shard"), "{text}");
    }

    #[test]
    fn durations_are_said_in_words() {
        let words = [3.2, 600.0, 7400.0, 200_000.0].map(duration_words);
        assert_eq!(words, ["3 s", "10 min", "2 h 3 min", "2 d 7 h"]);
    }
}
