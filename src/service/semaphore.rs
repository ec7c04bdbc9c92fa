//! A counting semaphore: at most N threads do something at the same time, and the others wait.
//!
//! A server has a thread for each connection, and a few processors. Where each of 500 threads reads a folder of 10,000
//! images, all of them are slow and hold memory; one after the other the first is done at once. Remembers nothing
//! of who had a permit.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct Semaphore {
    free: Mutex<usize>,
    released: Condvar,
}

/// The right to go on, until it is dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    /// With so many permits; at least one.
    pub fn new(most: usize) -> Semaphore {
        Semaphore { free: Mutex::new(most.max(1)), released: Condvar::new() }
    }

    /// Takes a permit; waits for one where there is none.
    pub fn acquire(&self) -> Permit<'_> {
        let full = |free: &mut usize| *free == 0;
        let mut free = self.released.wait_while(self.free(), full).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn everybody_comes_in_and_never_more_than_the_gate_lets_in() {
        let (semaphore, inside, most, passed) =
            (Semaphore::new(3), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| {
                    let _permit = semaphore.acquire();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    passed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(passed.load(Ordering::SeqCst), 30);
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }
}
