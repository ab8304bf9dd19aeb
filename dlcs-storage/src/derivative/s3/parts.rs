//! A body in parts of one length.

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeBody, Result};
use futures_util::StreamExt;
use object_store::PutPayload;

/// Cuts a body into parts that are all of the same length but for the last one: some services want that.
pub(super) struct Parts {
    body: DerivativeBody,
    /// What came of the body and is in no part yet.
    rest: Bytes,
    length: usize,
}

impl Parts {
    /// The parts of a body, of this length.
    pub(super) const fn new(body: DerivativeBody, length: usize) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            length,
        }
    }

    /// The next part; shorter than the others where the body ends, and empty after that.
    ///
    /// # Errors
    /// The body's own.
    pub(super) async fn next(&mut self) -> Result<PutPayload> {
        let (mut chunks, mut missing) = (Vec::new(), self.length);
        while missing > 0 {
            if self.rest.is_empty() {
                match self.body.next().await {
                    Some(chunk) => self.rest = chunk?,
                    None => break,
                }
            }
            let chunk = self.rest.split_to(self.rest.len().min(missing));
            missing -= chunk.len();
            chunks.push(chunk);
        }
        Ok(chunks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn parts_are_of_one_length_but_for_the_last() {
        for (chunks, expected) in [
            (vec![], vec![]),
            (vec![10], vec![10]),
            (vec![4, 6], vec![10]),
            (vec![25], vec![10, 10, 5]),
            (vec![0, 9, 2, 0, 18, 1], vec![10, 10, 10]),
        ] {
            let body = chunks
                .iter()
                .map(|length| Ok(Bytes::from(vec![7; *length])));
            let mut parts = Parts::new(stream::iter(body.collect::<Vec<_>>()).boxed(), 10);
            let mut lengths = Vec::new();
            loop {
                match parts.next().await.unwrap().content_length() {
                    0 => break,
                    length => lengths.push(length),
                }
            }
            assert_eq!(lengths, expected, "{chunks:?}");
        }
    }
}
