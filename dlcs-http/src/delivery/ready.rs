//! Answers with pixels that lie ready for who asks for them again.
//!
//! What an answer says follows from its address, from the one that delivery is known by, and from the record of the image. As long as the
//! catalogue says that the record is the same, so is the answer, and none of it is made anew.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::Image;
use http::request::Parts;
use http::{HeaderMap, Method, Response};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::HEADERS;
use super::headers::Description;
use crate::body::{ResponseBody, full, left_out};
use crate::context::Context;
use crate::error::ApiError;

/// The longest body that is kept.
const LONGEST: usize = 256 << 10;
/// What an answer takes beside its body, its addresses and the record: its headers.
const OVERHEAD: u64 = 2048;

/// Answers that are kept, by what they answer.
#[derive(Clone)]
pub(crate) struct ReadyAnswers(Option<Arc<Cache<Address, Arc<ReadyAnswer>, AnswerWeight>>>);

/// An answer, and what it was made from.
#[derive(Debug)]
pub(super) struct ReadyAnswer {
    image: Arc<Image>,
    description: Description,
    headers: HeaderMap,
    body: Bytes,
}

impl ReadyAnswers {
    /// Keeps at most this many bytes; 0: nothing.
    pub(crate) fn new(bytes: u64) -> Self {
        // A typical answer is a tile.
        let typical = (bytes >> 15).max(16) as usize;
        Self((bytes > 0).then(|| Arc::new(Cache::with_weighter(typical, bytes, AnswerWeight))))
    }

    /// The answer to a request, where one is kept that still holds.
    ///
    /// # Errors
    /// The catalogue's, which cannot say whether it does.
    pub(super) async fn find(
        &self,
        context: &Context,
        request: &Parts,
    ) -> Result<Option<Response<ResponseBody>>, ApiError> {
        let Some(cache) = &self.0 else {
            return Ok(None);
        };
        let sought = Sought((&context.delivery, request.uri.path()));
        let Some(answer) = cache.get(&sought) else {
            return Ok(None);
        };
        let found = context
            .dlcs
            .catalogue()
            .find_image(&answer.image.id)
            .await?;
        if found.is_none_or(|image| !Arc::ptr_eq(&image, &answer.image) && image != answer.image) {
            // Somebody may have kept a newer one meanwhile.
            cache.remove_if(&sought, |kept| Arc::ptr_eq(kept, &answer));
            return Ok(None);
        }
        if let Some(response) = answer.description.not_modified(&request.headers) {
            return Ok(Some(response));
        }
        let is_head = request.method == Method::HEAD;
        let body = if is_head {
            left_out()
        } else {
            full(answer.body.clone())
        };
        let mut response = Response::new(body);
        response.headers_mut().clone_from(&answer.headers);
        Ok(Some(response))
    }

    /// Keeps an answer for the next one who asks for it; one that will say something else before long is not kept.
    pub(super) fn keep(
        &self,
        context: &Context,
        request: &Parts,
        image: &Arc<Image>,
        description: Description,
        body: &Bytes,
    ) {
        let Some(cache) = &self.0 else { return };
        if body.len() > LONGEST || description.modified.is_none() {
            return;
        }
        let address = Address {
            base: Arc::clone(&context.delivery),
            path: request.uri.path().into(),
        };
        let mut headers = HeaderMap::with_capacity(HEADERS);
        description.add_to(&mut headers);
        let answer = ReadyAnswer {
            image: Arc::clone(image),
            description,
            headers,
            // Of what was handed over nothing is held: it may count until it has been sent, or have room for more.
            body: Bytes::copy_from_slice(body),
        };
        cache.insert(address, Arc::new(answer));
    }
}

impl fmt::Debug for ReadyAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadyAnswers(..)")
    }
}

/// What an answer is found by.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// The address that delivery is known by.
    base: Arc<str>,
    path: Box<str>,
}

/// The same, as a request has it.
#[derive(Debug, Hash)]
struct Sought<'a>((&'a str, &'a str));

impl Hash for Address {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Sought((&self.base, &self.path)).hash(state);
    }
}

impl Equivalent<Address> for Sought<'_> {
    fn equivalent(&self, address: &Address) -> bool {
        let Self((base, path)) = *self;
        *address.path == *path && *address.base == *base
    }
}

#[derive(Debug, Clone, Copy)]
struct AnswerWeight;

impl Weighter<Address, Arc<ReadyAnswer>> for AnswerWeight {
    fn weight(&self, address: &Address, answer: &Arc<ReadyAnswer>) -> u64 {
        // The base stands in a header, too.
        let addresses = address.path.len() + 2 * address.base.len();
        OVERHEAD + (addresses + answer.image.memory() + answer.body.len()) as u64
    }
}
