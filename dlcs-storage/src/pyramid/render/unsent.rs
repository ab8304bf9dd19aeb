//! Results that are being sent: what asks for one of them meanwhile gets the same bytes.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::super::admission::Kept;
use super::flight::Wanted;
use crate::lock::Lock;

type Sending = HashMap<Wanted, Weak<Unsent>>;

/// The results that are being sent, of those that take of a budget until they are.
#[derive(Default)]
pub(super) struct Outbox {
    sending: Arc<Lock<Sending>>,
}

/// One result.
struct Unsent {
    wanted: Wanted,
    bytes: Bytes,
    _kept: Kept,
    sending: Arc<Lock<Sending>>,
}

impl Outbox {
    /// What is being sent to others.
    pub(super) fn get(&self, wanted: &Wanted) -> Option<Bytes> {
        let sending = self.sending.lock();
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
        let mut sending = self.sending.lock();
        sending.insert(wanted, Arc::downgrade(&unsent));
        Bytes::from_owner(Reader(unsent))
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let mut sending = self.sending.lock();
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

#[cfg(test)]
mod tests {
    use dlcs_core::derivative::{DerivativeKey, UploadId};
    use dlcs_core::iiif::{Dimensions, GrammarVersion, ImageRequest, Limits};
    use shuttle::thread::spawn;

    use crate::lock::explored::{all_orders, others_may_go_first};

    use super::*;

    #[test]
    fn what_nobody_reads_any_more_is_forgotten_in_whatever_order_they_end() {
        let image = Dimensions::new(8, 8).unwrap();
        let request = ImageRequest::parse(GrammarVersion::V3, "full", "max", "0", "default.jpg");
        let request = request.unwrap().resolve(image, &Limits::default()).unwrap();
        let wanted: Wanted = (DerivativeKey::Upload(UploadId::assign()), request);
        let theirs = wanted.clone();
        let orders = all_orders(move || {
            let (outbox, wanted) = (Outbox::default(), theirs.clone());
            let first = outbox.send(wanted.clone(), "pixels".into(), Kept::of_nothing());
            let first = spawn(move || drop(first));
            let second = outbox.send(wanted.clone(), "pixels".into(), Kept::of_nothing());
            first.join().unwrap();
            assert!(outbox.get(&wanted).is_some(), "the second is being sent");
            drop(second);
            assert!(outbox.sending.lock().is_empty());
        });
        assert!(orders > 5, "{orders}");
        let orders = all_orders(move || {
            let outbox = Arc::new(Outbox::default());
            let readers = [0; 2].map(|_| {
                let (outbox, wanted) = (Arc::clone(&outbox), wanted.clone());
                spawn(move || {
                    let bytes = outbox.get(&wanted);
                    let bytes = bytes.unwrap_or_else(|| {
                        outbox.send(wanted.clone(), "pixels".into(), Kept::of_nothing())
                    });
                    others_may_go_first();
                    assert_eq!(bytes, "pixels");
                })
            });
            for reader in readers {
                reader.join().unwrap();
            }
            assert!(outbox.sending.lock().is_empty());
        });
        assert!(orders > 1000, "{orders}");
    }
}
