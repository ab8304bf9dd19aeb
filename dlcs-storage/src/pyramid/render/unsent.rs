//! Results that are being sent: what asks for one of them meanwhile gets the same bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use super::super::admission::Kept;
use super::flight::Wanted;

type Sending = HashMap<Wanted, Weak<Unsent>>;

/// The results that are being sent, of those that take of a budget until they are.
#[derive(Default)]
pub(super) struct Outbox {
    sending: Arc<Mutex<Sending>>,
}

/// One result.
struct Unsent {
    wanted: Wanted,
    bytes: Bytes,
    _kept: Kept,
    sending: Arc<Mutex<Sending>>,
}

impl Outbox {
    /// What is being sent to others.
    pub(super) fn get(&self, wanted: &Wanted) -> Option<Bytes> {
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = sending.get(wanted)?.upgrade()?;
        Some(Bytes::from_owner(Reader(unsent)))
    }

    /// The same bytes, which take of a budget until nobody reads them any more.
    pub(super) fn send(&self, wanted: Wanted, bytes: Bytes, kept: Kept) -> Bytes {
        let unsent = Arc::new(Unsent {
            wanted: wanted.clone(),
            bytes,
            _kept: kept,
            sending: Arc::clone(&self.sending),
        });
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        sending.insert(wanted, Arc::downgrade(&unsent));
        Bytes::from_owner(Reader(unsent))
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        // Another one of the same name may have come meanwhile.
        let is_gone = |unsent: &Weak<Self>| unsent.strong_count() == 0;
        if sending.get(&self.wanted).is_some_and(is_gone) {
            sending.remove(&self.wanted);
        }
    }
}

/// One who reads a result.
struct Reader(Arc<Unsent>);

impl AsRef<[u8]> for Reader {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}
