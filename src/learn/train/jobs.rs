use crate::learn::data::Batch;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A piece of work of a step.
pub(super) type Job<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// The results of `jobs` in their order, worked off by `threads` threads of their own; what comes out does not depend on
/// how many.
///
/// Threads of their own and not rayon's: flex works on rayon's, and a worker that waits there for a part of a convolution
/// would take up another job while it holds the lock of its graph.
pub(super) fn run<T: Send>(jobs: Vec<Job<'_, T>>, threads: usize) -> Vec<T> {
    if threads <= 1 || jobs.len() <= 1 {
        return jobs.into_iter().map(|job| job()).collect();
    }
    let count = jobs.len();
    let jobs: Vec<Mutex<Option<Job<T>>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = jobs.get(number) else { return };
                let job = slot.lock().unwrap_or_else(|e| e.into_inner()).take();
                if let Some(job) = job {
                    *results[number].lock().unwrap_or_else(|e| e.into_inner()) = Some(job());
                }
            }
        };
        let handles: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(work)).collect();
        for handle in handles {
            handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    results.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(|e| e.into_inner())).collect()
}

/// How the images of a step are worked on: the sums of floats depend on the pieces, not on the threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    /// Images in a piece; a step's last piece may have fewer.
    pub images: usize,
    /// Threads that work on pieces at once.
    pub threads: usize,
}

impl Pieces {
    /// The whole batch at once, in the caller's thread: for devices that are parallel by themselves.
    pub const WHOLE: Pieces = Pieces { images: usize::MAX, threads: 1 };

    /// The batch in pieces, each with its share of the batch.
    pub(super) fn of(&self, batch: &Batch) -> Vec<(f64, Batch)> {
        let all = batch.a.dims()[0];
        let step = self.images.clamp(1, all);
        (0..all)
            .step_by(step)
            .map(|start| {
                let count = step.min(all - start);
                (count as f64 / all as f64, batch.narrow(start, count))
            })
            .collect()
    }
}
