//! Server-Sent Events: how many streams of them may be open, when they end, and how an event is written. Holds no events.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use dlcs_core::CustomerId;
use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::{ResponseBody, streamed};
use crate::error::{ApiError, Kind};
use crate::places::{Place, Places};

/// Tells nginx, and who took that over from it, to pass on what comes as it comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How many milliseconds a client is to wait before it connects again.
const RECONNECT: u32 = 5000;

/// Says that a stream is alive.
pub(crate) const ALIVE: Bytes = Bytes::from_static(b": alive\n\n");

/// How many streams may be open, and until when.
#[derive(Clone)]
pub(crate) struct Streams {
    permits: Arc<Semaphore>,
    /// What each customer has of them.
    customers: Places<CustomerId>,
    stopped: Option<Shared<BoxFuture<'static, ()>>>,
}

impl Streams {
    /// The most streams that are open at once, unless told otherwise.
    pub(crate) const DEFAULT_LIMIT: usize = 128;

    pub(crate) fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            // About half of them are left to the others.
            customers: Places::new(limit.div_ceil(2)),
            stopped: None,
        }
    }

    /// The same streams, which end when this is ready.
    pub(crate) fn until(&self, stopped: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            permits: Arc::clone(&self.permits),
            customers: self.customers.clone(),
            stopped: Some(stopped.boxed().shared()),
        }
    }

    /// Makes room for one more of a customer's.
    pub(crate) fn open(&self, customer: CustomerId) -> Result<Opened, ApiError> {
        let full = |whose| {
            let detail = format!(
                "too many streams of events{whose} are open: try again later, or read the batch itself"
            );
            ApiError::new(Kind::Overloaded, detail)
        };
        let place = self.customers.enter(customer);
        let place = place.ok_or_else(|| full(" of this customer"))?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        Ok(Opened {
            _place: place,
            _permit: permit.map_err(|_| full(""))?,
            stopped: self.stopped.clone(),
        })
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// The room of one stream, for as long as it is open.
pub(crate) struct Opened {
    _place: Place<CustomerId>,
    _permit: OwnedSemaphorePermit,
    stopped: Option<Shared<BoxFuture<'static, ()>>>,
}

impl Opened {
    /// Is ready when the stream must end.
    pub(crate) async fn stopped(&self) {
        match self.stopped.clone() {
            Some(stopped) => stopped.await,
            None => pending().await,
        }
    }
}

/// The body of a stream of events.
pub(crate) struct Events(BoxStream<'static, Bytes>);

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Events").finish_non_exhaustive()
    }
}

/// What a stream begins with.
pub(crate) fn beginning() -> String {
    format!("retry: {RECONNECT}\n\n")
}

/// An event that carries a resource. Neither its name nor its id may hold line breaks; JSON holds none.
pub(crate) fn event(name: &str, id: &str, resource: &impl Serialize) -> String {
    let json =
        serde_json::to_string(resource).expect("resources have only text, numbers and lists");
    format!("event: {name}\nid: {id}\ndata: {json}\n\n")
}

/// The response whose body is a stream of events.
pub(crate) fn response(
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Response<ResponseBody> {
    let mut response = Response::new(streamed(Events(events.boxed())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_three_lines_and_an_empty_one() {
        let written = event("batch", "1", &serde_json::json!({"text": "a\nb\rc"}));
        assert_eq!(
            written,
            "event: batch\nid: 1\ndata: {\"text\":\"a\\nb\\rc\"}\n\n"
        );
    }

    #[test]
    fn room_that_is_left_is_there_again() {
        let streams = Streams::new(1);
        let opened = streams.open(CustomerId::FIRST).ok();
        let open = || streams.until(async {}).open(CustomerId::FIRST);
        assert!(open().is_err());
        drop(opened);
        assert!(open().is_ok());
    }

    #[test]
    fn no_customer_has_more_than_half_of_them() {
        let streams = Streams::new(4);
        let customers = [1, 2, 3].map(|id| CustomerId::new(id).unwrap());
        let opened: Vec<_> = (0..3).map(|_| streams.open(customers[0])).collect();
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 2);
        let others = customers.map(|customer| streams.open(customer).ok());
        assert_eq!(others.each_ref().map(Option::is_some), [false, true, true]);
        assert!(streams.open(customers[2]).is_err(), "all are open");
    }
}
