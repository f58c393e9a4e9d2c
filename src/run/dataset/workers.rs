//! Work of a data set on several threads.
//!
//! Each worker has a pool of its own, so that a parallel loop within one piece of work never takes up another piece: memory
//! stays that of as many pieces as there are workers.

use crate::error::{Error, Result};
use rayon::ThreadPool;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many workers share how many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workers {
    pub workers: usize,
    pub threads: usize,
}

impl Workers {
    /// As many workers as threads, if there is so much work and the memory of `bytes_each` suffices for each.
    pub(super) fn new(threads: usize, work: usize, bytes_each: u64, free_bytes: u64) -> Workers {
        let fit = usize::try_from(free_bytes / bytes_each.max(1)).unwrap_or(usize::MAX);
        Workers { workers: threads.min(work).min(fit).max(1), threads: threads.max(1) }
    }

    /// Calls `work` with every number below `count`, each once and in rising order of starts; the first error ends it.
    ///
    /// # Errors
    /// That of a call; threads that cannot be started.
    pub(super) fn each(&self, count: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let first: Mutex<Option<Error>> = Mutex::new(None);
        let pools = (0..self.workers.min(count.max(1))).map(|w| self.pool(w)).collect::<Result<Vec<_>>>()?;
        std::thread::scope(|scope| {
            for pool in &pools {
                let (next, failed, first, work) = (&next, &failed, &first, &work);
                scope.spawn(move || {
                    while !failed.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        if let Err(error) = pool.install(|| work(number)) {
                            failed.store(true, Ordering::Relaxed);
                            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                });
            }
        });
        first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// The pool of worker number `worker`: an even share of the threads.
    fn pool(&self, worker: usize) -> Result<ThreadPool> {
        let share = self.threads / self.workers + usize::from(worker < self.threads % self.workers);
        rayon::ThreadPoolBuilder::new()
            .num_threads(share.max(1))
            .build()
            .map_err(|e| Error::input(format!("cannot start threads: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_once() {
        for workers in [1, 3] {
            let done: Vec<AtomicUsize> = (0..20).map(|_| AtomicUsize::new(0)).collect();
            Workers { workers, threads: 3 }
                .each(20, |i| {
                    done[i].fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
                .unwrap();
            assert!(done.iter().all(|n| n.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn an_error_ends_it() {
        let done = AtomicUsize::new(0);
        let result = Workers { workers: 2, threads: 2 }.each(1_000_000, |i| {
            done.fetch_add(1, Ordering::Relaxed);
            if i == 5 { Err(Error::input("the fifth")) } else { Ok(()) }
        });
        assert!(result.unwrap_err().to_string().contains("the fifth"));
        assert!(done.load(Ordering::Relaxed) < 1_000_000);
    }

    #[test]
    fn memory_and_work_limit_the_workers() {
        assert_eq!(Workers::new(8, 3, 10, 1000).workers, 3);
        assert_eq!(Workers::new(8, 100, 300, 1000).workers, 3);
        assert_eq!(Workers::new(8, 100, 3000, 1000).workers, 1);
    }
}
