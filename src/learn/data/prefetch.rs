use crate::error::{Error, Result};
use crate::learn::data::{Batch, BatchRequest, TrainingData};
use burn::tensor::Device;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Batches of consecutive steps, made ahead by a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Prefetcher {
    next: u64,
    /// None once it is dropped, which is what ends the thread.
    batches: Option<Receiver<(u64, Result<Batch>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetcher {
    /// From step `request.step` on, at most `ahead` batches before they are asked for.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn new(data: Arc<TrainingData>, request: BatchRequest, device: &Device, ahead: usize) -> Result<Prefetcher> {
        let (sender, batches) = sync_channel(ahead.max(1));
        let (next, device) = (request.step, device.clone());
        let work = move || {
            for step in next.. {
                let batch = data.batch(&BatchRequest { step, ..request }, &device);
                let failed = batch.is_err();
                // nobody takes it any more, or nothing more will come
                if sender.send((step, batch)).is_err() || failed {
                    return;
                }
            }
        };
        let thread = Builder::new()
            .name("batches".into())
            .spawn(work)
            .map_err(|e| Error::input(format!("cannot start a thread that reads images: {e}")))?;
        Ok(Prefetcher { next, batches: Some(batches), thread: Some(thread) })
    }

    /// The batch of `step`: that of the first request, then the next ones in turn.
    ///
    /// # Errors
    /// Images that cannot be read.
    pub fn take(&mut self, step: u64) -> Result<Batch> {
        assert_eq!(step, self.next, "steps in their order");
        let stopped = || Error::input("the thread that reads images has stopped");
        let made = self.batches.as_ref().and_then(|batches| batches.recv().ok());
        let (made, batch) = made.ok_or_else(stopped)?;
        assert_eq!(made, step, "steps in their order");
        self.next += 1;
        batch
    }
}

impl Drop for Prefetcher {
    /// Waits for the batch that is being made: nothing reads files or uses the device afterwards.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // a panic of the thread was told by `take`
            let _ = thread.join();
        }
    }
}
