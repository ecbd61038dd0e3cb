//! A small cache of what was made lately, shared between threads.
//!
//! A value is made once, however many threads ask for it at the same time; a failure is not kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The slot of a key: empty until its value is made.
type Slot<V> = Arc<Mutex<Option<Arc<V>>>>;

/// The values of the keys that were asked for last, up to a number.
pub(super) struct Recent<K, V> {
    limit: usize,
    slots: Mutex<VecDeque<(K, Slot<V>)>>,
}

impl<K: PartialEq + Clone, V> Recent<K, V> {
    /// A cache of at most `limit` values.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, slots: Mutex::new(VecDeque::with_capacity(limit)) }
    }

    /// The value of `key`, made now where it is not there. Whoever asks meanwhile waits for it.
    pub(super) fn fetch<E>(&self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        let mut value = held(&slot);
        if let Some(value) = value.as_ref() {
            return Ok(Arc::clone(value));
        }
        let made = Arc::new(make()?);
        *value = Some(Arc::clone(&made));
        Ok(made)
    }

    fn slot(&self, key: &K) -> Slot<V> {
        let mut slots = held(&self.slots);
        let entry = match slots.iter().position(|(known, _)| known == key) {
            Some(at) => slots.remove(at),
            None => None,
        };
        let (key, slot) = entry.unwrap_or_else(|| (key.clone(), Slot::default()));
        slots.push_front((key, Arc::clone(&slot)));
        slots.truncate(self.limit);
        slot
    }
}

/// Locks, also after a thread has panicked: what is guarded here is whole between any two statements.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
