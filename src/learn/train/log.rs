use crate::error::{Error, Result};
use crate::formats::Staged;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line of a training's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Steps done.
    pub step: u64,
    /// Passes through the training split.
    pub epoch: f64,
    /// Seconds of training so far, those before an interruption too.
    pub seconds: f64,
    /// What was found.
    pub entry: Entry,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Losses of the last step, unweighted, and the generators' learning rate.
    Losses {
        /// By name.
        losses: BTreeMap<String, f64>,
        /// Learning rate.
        rate: f64,
    },
    /// Metrics of the validation split.
    Validation(BTreeMap<String, f64>),
}

impl LogLine {
    fn to_json(&self) -> Value {
        let numbers = |map: &BTreeMap<String, f64>| -> Map<String, Value> {
            map.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let (step, epoch, seconds) = (self.step, self.epoch, self.seconds);
        match &self.entry {
            Entry::Losses { losses, rate } => {
                json!({"step": step, "epoch": epoch, "seconds": seconds, "rate": rate, "losses": numbers(losses)})
            }
            Entry::Validation(metrics) => {
                json!({"step": step, "epoch": epoch, "seconds": seconds, "validation": numbers(metrics)})
            }
        }
    }

    fn from_json(value: &Value) -> Option<LogLine> {
        let numbers = |value: &Value| -> Option<BTreeMap<String, f64>> {
            // JSON knows no NaN and writes null for it
            let one = |(name, v): (&String, &Value)| (name.clone(), v.as_f64().unwrap_or(f64::NAN));
            Some(value.as_object()?.iter().map(one).collect())
        };
        let entry = match (value.get("losses"), value.get("validation")) {
            (Some(losses), None) => Entry::Losses { losses: numbers(losses)?, rate: value["rate"].as_f64()? },
            (None, Some(metrics)) => Entry::Validation(numbers(metrics)?),
            _ => return None,
        };
        let (step, epoch) = (value["step"].as_u64()?, value["epoch"].as_f64()?);
        Some(LogLine { step, epoch, seconds: value["seconds"].as_f64()?, entry })
    }
}

/// `log.jsonl`: one JSON object a line, appended while the training goes on.
#[derive(Debug)]
pub struct TrainingLog {
    path: PathBuf,
    file: File,
}

impl TrainingLog {
    /// A log that goes on after step `step`: later lines, of a run that ended after its last checkpoint, are dropped.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn after(path: &Path, step: u64) -> Result<TrainingLog> {
        let kept = match path.exists() {
            true if step > 0 => read_log(path)?.into_iter().filter(|line| line.step <= step).collect(),
            _ => Vec::new(),
        };
        let text: String = kept.iter().map(|line: &LogLine| format!("{}\n", line.to_json())).collect();
        Staged::write_bytes(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(|e| Error::io("write", path, e))?;
        Ok(TrainingLog { path: path.to_path_buf(), file })
    }

    /// One more line.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write(&mut self, line: &LogLine) -> Result<()> {
        writeln!(self.file, "{}", line.to_json()).map_err(|e| Error::io("write", &self.path, e))
    }
}

/// The lines of a log; a last one that was cut off is left out.
///
/// # Errors
/// A file that is not there, or is no log.
pub fn read_log(path: &Path) -> Result<Vec<LogLine>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let line = |(number, text): (usize, &str)| {
        let value = serde_json::from_str(text).ok();
        value.as_ref().and_then(LogLine::from_json).ok_or_else(|| {
            Error::input("this is no line of a training's log").found(text).place(format!(
                "{}, line {}",
                path.display(),
                number + 1
            ))
        })
    };
    whole.lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, value: f64) -> LogLine {
        let map = BTreeMap::from([("l1".to_owned(), value)]);
        let entry = match step % 2 {
            0 => Entry::Losses { losses: map, rate: 2e-4 },
            _ => Entry::Validation(map),
        };
        LogLine { step, epoch: step as f64 / 8.0, seconds: 0.1 * step as f64, entry }
    }

    #[test]
    fn a_log_goes_on_where_the_checkpoint_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = TrainingLog::after(&path, 0).unwrap();
        for step in 1..=5 {
            log.write(&line(step, 0.1 * step as f64)).unwrap();
        }
        drop(log);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"step\": 6, \"epo").unwrap();
        assert_eq!(read_log(&path).unwrap().len(), 5);
        let mut log = TrainingLog::after(&path, 3).unwrap();
        log.write(&line(4, f64::NAN)).unwrap();
        let lines = read_log(&path).unwrap();
        assert_eq!(lines.iter().map(|l| l.step).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(lines[1], line(2, 0.2));
        assert!(matches!(&lines[3].entry, Entry::Losses { losses, .. } if losses["l1"].is_nan()));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(read_log(&path).unwrap_err().to_string().contains("line 1"));
    }
}
