use crate::error::Watch;
use crate::run::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Standard error as the place for progress: bars on a terminal, lines elsewhere.
pub(super) struct Console {
    watch: Watch,
    quiet: bool,
    bars: bool,
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    bar: ProgressBar,
    started: Instant,
}

impl Console {
    pub(super) fn new(watch: Watch, quiet: bool) -> Console {
        Console { watch, quiet, bars: !quiet && std::io::stderr().is_terminal(), stage: Mutex::new(None) }
    }

    fn end_stage(&self) {
        if let Some(stage) = self.stage.lock().unwrap_or_else(|e| e.into_inner()).take() {
            stage.bar.finish_and_clear();
            if !self.quiet {
                say(&stage.name, &format!("{:.1} s", stage.started.elapsed().as_secs_f64()));
            }
        }
    }
}

impl Progress for Console {
    fn stage(&self, name: &str, units: u64) -> Watch {
        self.end_stage();
        let target = if self.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(units), target);
        let style =
            ProgressStyle::with_template("{prefix:>14}  {bar:30} {pos}/{len}  {elapsed} of about {duration}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        let shown = bar.clone();
        *self.stage.lock().unwrap_or_else(|e| e.into_inner()) =
            Some(Stage { name: name.to_string(), bar, started: Instant::now() });
        self.watch.reporting_to(move |n| shown.inc(n))
    }

    fn status(&self, text: &str) {
        if let Some(stage) = self.stage.lock().unwrap_or_else(|e| e.into_inner()).as_ref() {
            stage.bar.set_message(text.to_string());
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.stage
                .lock()
                .unwrap_or_else(|e| e.into_inner())
                .as_ref()
                .map_or_else(|| say("note", text), |stage| stage.bar.suspend(|| say("note", text)));
        }
    }
}

/// One line on standard error; a reader that has gone (`2>&1 | head`) is no reason to stop.
fn say(name: &str, text: &str) {
    let _ = writeln!(std::io::stderr(), "{name:>14}  {text}");
}

impl Drop for Console {
    fn drop(&mut self) {
        self.end_stage();
    }
}
