use super::{Error, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What long work reports its progress to, and what can stop it.
///
/// Passed down by reference; there is no global progress bar and no global stop flag. Work calls
/// [`Watch::advance`] after each unit (a channel, a block of rows): it moves the progress bar and
/// returns an error once the user has asked to stop.
#[derive(Clone)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    sink: Arc<dyn Fn(u64) + Send + Sync>,
}

impl Watch {
    /// Nobody looks and nobody stops: for tests and library callers.
    pub fn silent() -> Watch {
        Watch { stop: Arc::new(AtomicBool::new(false)), sink: Arc::new(|_| {}) }
    }

    /// Stops once `stop` is set.
    pub fn stopped_by(stop: Arc<AtomicBool>) -> Watch {
        Watch { stop, sink: Arc::new(|_| {}) }
    }

    /// The same stop flag, another receiver of progress.
    pub fn reporting_to(&self, sink: impl Fn(u64) + Send + Sync + 'static) -> Watch {
        Watch { stop: self.stop.clone(), sink: Arc::new(sink) }
    }

    /// The same stop flag, no progress: for the inner loops of a reported unit.
    pub fn quiet(&self) -> Watch {
        self.reporting_to(|_| {})
    }

    /// `units` more units are done.
    pub fn advance(&self, units: u64) -> Result<()> {
        (self.sink)(units);
        self.check()
    }

    /// An error once the user has asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::interrupted()) } else { Ok(()) }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch {{ stop: {} }}", self.stop.load(Ordering::Relaxed))
    }
}
