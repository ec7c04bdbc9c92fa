//! A weighted semaphore with two bounds: so much in all, and of it so much for each visitor.
//!
//! In: an amount, and for whom. Out: a [`VisitorPermit`], released when it is dropped, or which bound is in the way. Visitors
//! who cannot be told apart are bounded together only. Never: waits, or remembers a visitor who has nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct VisitorSemaphore {
    all: u64,
    each: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    sum: u64,
    by_visitor: HashMap<String, u64>,
}

/// A part of it, until it is dropped.
#[derive(Debug)]
pub struct VisitorPermit {
    of: Arc<VisitorSemaphore>,
    amount: u64,
    visitor: Option<String>,
}

/// Which bound is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// That of all.
    All,
    /// That of this visitor.
    Visitor,
}

impl VisitorSemaphore {
    /// So much in all, and so much for each visitor.
    pub fn new(all: u64, each: u64) -> Arc<VisitorSemaphore> {
        Arc::new(VisitorSemaphore { all, each, taken: Mutex::default() })
    }

    /// Takes this amount, if there is so much left.
    pub fn try_acquire(self: &Arc<Self>, amount: u64, visitor: Option<&str>) -> Result<VisitorPermit, Exhausted> {
        let mut taken = self.taken();
        let fits = |had: u64, most: u64| had.checked_add(amount).is_some_and(|sum| sum <= most);
        let had = visitor.and_then(|visitor| taken.by_visitor.get(visitor)).copied().unwrap_or(0);
        if visitor.is_some() && !fits(had, self.each) {
            return Err(Exhausted::Visitor);
        }
        if !fits(taken.sum, self.all) {
            return Err(Exhausted::All);
        }
        taken.sum += amount;
        if let Some(visitor) = visitor {
            taken.by_visitor.insert(visitor.to_owned(), had + amount);
        }
        Ok(VisitorPermit { of: Arc::clone(self), amount, visitor: visitor.map(str::to_owned) })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VisitorPermit {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.sum -= self.amount;
        let Some(visitor) = &self.visitor else { return };
        let left = taken.by_visitor.get(visitor).map_or(0, |had| had - self.amount);
        match left {
            0 => taken.by_visitor.remove(visitor),
            left => taken.by_visitor.insert(visitor.clone(), left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_all_no_more_than_there_is() {
        let semaphore = VisitorSemaphore::new(10, 4);
        let amy = semaphore.try_acquire(3, Some("amy")).unwrap();
        assert_eq!(semaphore.try_acquire(2, Some("amy")).unwrap_err(), Exhausted::Visitor);
        let more = semaphore.try_acquire(1, Some("amy")).unwrap();
        let _bob = semaphore.try_acquire(4, Some("bob")).unwrap();
        assert_eq!(semaphore.try_acquire(3, Some("eve")).unwrap_err(), Exhausted::All);
        assert_eq!(semaphore.try_acquire(3, None).unwrap_err(), Exhausted::All);
        drop(amy);
        assert_eq!(semaphore.try_acquire(4, Some("amy")).unwrap_err(), Exhausted::Visitor);
        let _nobody = semaphore.try_acquire(5, None).unwrap();
        drop(more);
        assert!(!semaphore.taken().by_visitor.contains_key("amy"), "who has nothing is forgotten");
        assert_eq!(semaphore.try_acquire(u64::MAX, None).unwrap_err(), Exhausted::All);
    }
}
