//! The events of a batch: what it has come to, as it comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dlcs_core::batch::Batch;
use dlcs_core::{BatchId, CustomerId, Dlcs};
use futures_util::{Stream, stream};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::{Outcome, batch};
use crate::auth::authorise;
use crate::context::Context;
use crate::events::{self, Opened, Streams};
use crate::hydra::no_content;
use crate::route::Access;

/// The id of the last event that a client has seen.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long a stream says nothing before it says that it is alive; and how often the client's key is looked at again.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /customers/{customer}/queue/batches/{batch}/events`
pub(crate) async fn get(
    context: &Context,
    customer: CustomerId,
    id: BatchId,
    streams: &Streams,
    headers: &HeaderMap,
) -> Outcome {
    let batch = context.dlcs.batch(customer, id).await?;
    let seen = headers.get(LAST_EVENT_ID);
    if batch.finished.is_some()
        && seen.is_some_and(|seen| seen.as_bytes() == event_id(&batch).as_bytes())
    {
        // This, and nothing else, keeps a browser from connecting again and again.
        return Ok(no_content());
    }
    let watch = Watch {
        dlcs: context.dlcs.clone(),
        api: Arc::clone(&context.api),
        opened: streams.open(customer)?,
        credentials: headers
            .get(AUTHORIZATION)
            .cloned()
            .into_iter()
            .map(|value| (AUTHORIZATION, value))
            .collect(),
        checked: Instant::now(),
    };
    Ok(events::response(watch.events(batch)))
}

/// Names what a batch has come to: the id of its event.
fn event_id(batch: &Batch) -> String {
    let superseded = u8::from(batch.superseded);
    let finished = batch.finished.map_or(0, |at| at.as_micros());
    format!(
        "{}-{}-{superseded}-{finished}",
        batch.completed, batch.errors
    )
}

/// Looks at a batch for a client.
struct Watch {
    dlcs: Dlcs,
    api: Arc<str>,
    opened: Opened,
    credentials: HeaderMap,
    /// When the credentials were looked at.
    checked: Instant,
}

/// What is sent next.
enum Next {
    /// The batch, for the first time.
    First(Batch),
    /// What comes after this.
    After(Batch),
}

impl Watch {
    /// The batch at once and at every change, until it is finished.
    fn events(self, batch: Batch) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold((self, Next::First(batch)), |(mut watch, next)| async move {
            let (bytes, batch) = match next {
                Next::First(batch) => {
                    let first = events::beginning() + &watch.event(&batch);
                    (first.into(), batch)
                }
                Next::After(batch) => watch.next(batch).await?,
            };
            Some((bytes, (watch, Next::After(batch))))
        })
    }

    fn event(&self, batch: &Batch) -> String {
        let resource = batch::document(&self.api, batch, Some(self.dlcs.clock().now()));
        events::event("batch", &event_id(batch), &resource)
    }

    /// What comes after a batch was seen; `None` at the end.
    async fn next(&mut self, seen: Batch) -> Option<(Bytes, Batch)> {
        if seen.finished.is_some() {
            return None;
        }
        let changed = tokio::select! {
            biased;
            () = self.opened.stopped() => return None,
            changed = self.dlcs.batch_changed(&seen) => Some(changed),
            () = tokio::time::sleep(KEEP_ALIVE) => None,
        };
        if self.checked.elapsed() >= KEEP_ALIVE {
            // A key that is deleted stops working at once, here within seconds.
            let access = Access::Customer(seen.customer);
            let caller = authorise(&self.dlcs, &self.credentials, access, || {}).await;
            caller.ok()?;
            self.checked = Instant::now();
        }
        match changed {
            None => Some((events::ALIVE, seen)),
            Some(Ok(batch)) => Some((self.event(&batch).into(), batch)),
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(batch = %seen.id, error, "a stream of events ended early");
                None
            }
        }
    }
}
