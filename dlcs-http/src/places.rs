//! How many of something each of many has open at once: nobody may have them all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// What is open, by who has it.
#[derive(Debug, Clone)]
pub(crate) struct Places<K> {
    open: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
}

/// One of somebody's places, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Hash + Eq> {
    open: Arc<Mutex<HashMap<K, usize>>>,
    whose: K,
}

impl<K: Hash + Eq + Clone> Places<K> {
    /// So many for each.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: Arc::default(),
            most,
        }
    }

    /// Counts one more; `None` for who has all that may be had.
    pub(crate) fn enter(&self, whose: K) -> Option<Place<K>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&whose).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        open.insert(whose.clone(), count + 1);
        Some(Place {
            open: Arc::clone(&self.open),
            whose,
        })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.whose) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.whose)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_is_forgotten_afterwards() {
        let places = Places::new(2);
        let first = places.enter("a");
        let second = places.enter("a").unwrap();
        assert!(places.enter("a").is_none());
        assert!(places.enter("b").is_some());
        drop(first);
        let third = places.enter("a").unwrap();
        assert!(places.enter("a").is_none());
        assert_eq!(places.open.lock().unwrap().len(), 1);
        drop((second, third));
        assert!(places.open.lock().unwrap().is_empty());
        assert!(Places::new(0).enter("a").is_none());
    }
}
