use crate::error::{Error, Result};
use crate::learn::data::{Batch, BatchRequest, TrainingData};
use burn::tensor::Device;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

/// Batches of consecutive steps, made ahead by a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Prefetcher {
    next: u64,
    batches: Receiver<(u64, Result<Batch>)>,
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
        std::thread::Builder::new()
            .name("batches".into())
            .spawn(work)
            .map_err(|e| Error::input(format!("cannot start a thread that reads images: {e}")))?;
        Ok(Prefetcher { next, batches })
    }

    /// The batch of `step`: that of the first request, then the next ones in turn.
    ///
    /// # Errors
    /// Images that cannot be read.
    pub fn take(&mut self, step: u64) -> Result<Batch> {
        assert_eq!(step, self.next, "steps in their order");
        let stopped = || Error::input("the thread that reads images has stopped");
        let (made, batch) = self.batches.recv().map_err(|_| stopped())?;
        assert_eq!(made, step, "steps in their order");
        self.next += 1;
        batch
    }
}
