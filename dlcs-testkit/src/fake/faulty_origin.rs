//! An origin with one fault: for tests of what depends on an origin, and of the contract itself.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use dlcs_core::origin::{
    OriginEntry, OriginError, OriginListing, OriginRequest, OriginResponse, OriginStrategy, Result,
};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use url::Url;

use super::FakeOrigin;

/// What a [`FaultyOrigin`] does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginFault {
    /// Names its schemes in upper case.
    ShoutsSchemes,
    /// Takes an empty object for a missing one.
    MissesEmpty,
    /// Reads the whole object before it answers.
    Buffers,
    /// Declares a byte more than there is.
    OverstatesLength,
    /// Ends a truncated body as if it were whole.
    HidesTruncation,
    /// Says of everything that fails that it is out of order.
    BlursMissing,
    /// Says of a refused access that it is out of order.
    BlursDenied,
    /// Reads more than the limit.
    IgnoresLimit,
    /// Waits for an hour.
    IgnoresPatience,
    /// Decodes addresses once more, unless they come out of a listing.
    DecodesTwice,
    /// Lists addresses that are decoded once too often.
    ListsDecoded,
    /// Reads on although nobody listens.
    ReadsOn,
    /// Shows the credentials that it used last.
    ShowsCredentials,
    /// Serves thirty-two fetches at once, and no more.
    ServesFew,
}

/// An origin in memory with one fault.
pub struct FaultyOrigin {
    origin: Arc<FakeOrigin>,
    fault: OriginFault,
    last_access: Mutex<String>,
    busy: Arc<AtomicUsize>,
}

impl FaultyOrigin {
    /// Gives an origin this fault.
    #[must_use]
    pub fn new(origin: Arc<FakeOrigin>, fault: OriginFault) -> Self {
        Self {
            origin,
            fault,
            last_access: Mutex::default(),
            busy: Arc::default(),
        }
    }

    async fn open_soundly(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let decoded;
        let mut request = request;
        match self.fault {
            OriginFault::IgnoresLimit => request = request.with_limit(u64::MAX),
            OriginFault::IgnoresPatience => {
                request = request.with_patience(Duration::from_secs(3600));
            }
            OriginFault::DecodesTwice if !request.url().path().starts_with("/folder/") => {
                decoded = decoded_once_more(request.url());
                let plain = OriginRequest::new(&decoded);
                request = plain
                    .with_access(request.access())
                    .with_limit(request.limit())
                    .with_patience(request.patience());
            }
            _ => {}
        }
        self.origin.open(request).await
    }
}

/// Reads `%25` as `%`, as a second decoding does.
fn decoded_once_more(url: &Url) -> Url {
    let mut decoded = url.clone();
    decoded.set_path(&url.path().replace("%25", "%"));
    decoded
}

/// Counts a fetch for as long as it lives.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl OriginStrategy for FaultyOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        match self.fault {
            OriginFault::ShoutsSchemes => &["FAKE"],
            _ => self.origin.schemes(),
        }
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let busy = Busy(Arc::clone(&self.busy));
        let others = self.busy.fetch_add(1, Ordering::Relaxed);
        if self.fault == OriginFault::ServesFew {
            if others >= 32 {
                return Err(out_of_order());
            }
            // Others come meanwhile.
            tokio::task::yield_now().await;
        }
        if self.fault == OriginFault::ShowsCredentials && request.access().has_credentials() {
            let mut last = self
                .last_access
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *last = format!("{:?}", request.access().fields());
        }
        let response =
            self.open_soundly(request)
                .await
                .map_err(|error| match (self.fault, error) {
                    (OriginFault::BlursMissing, OriginError::NotFound { .. })
                    | (OriginFault::BlursDenied, OriginError::Denied { .. }) => out_of_order(),
                    (_, error) => error,
                })?;
        let length = response.length();
        if self.fault == OriginFault::MissesEmpty && length == Some(0) {
            return Err(OriginError::NotFound { status: None });
        }
        let mut body = response.into_body();
        body = match self.fault {
            OriginFault::Buffers => {
                let mut bytes = BytesMut::new();
                while let Some(chunk) = body.next().await {
                    bytes.extend_from_slice(&chunk?);
                }
                stream::iter([Ok(bytes.freeze())]).boxed()
            }
            OriginFault::HidesTruncation => body
                .map(|chunk| match chunk {
                    Err(OriginError::Interrupted { .. }) => Ok(Bytes::new()),
                    chunk => chunk,
                })
                .boxed(),
            OriginFault::ReadsOn => {
                let (sender, receiver) = mpsc::unbounded_channel();
                tokio::spawn(async move {
                    while let Some(chunk) = body.next().await {
                        let _ = sender.send(chunk);
                    }
                });
                stream::unfold(receiver, |mut receiver| async move {
                    receiver.recv().await.map(|chunk| (chunk, receiver))
                })
                .boxed()
            }
            _ => body,
        };
        let body = body.inspect(move |_| {
            let _ = &busy;
        });
        let answer = OriginResponse::new(body.boxed());
        Ok(match (length, self.fault) {
            (Some(length), OriginFault::OverstatesLength) => answer.with_length(length + 1),
            (Some(length), _) => answer.with_length(length),
            (None, _) => answer,
        })
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let entries = self.origin.list(request).await?;
        if self.fault == OriginFault::ListsDecoded {
            return Ok(entries.map(|entry| entry.map(as_decoded)).boxed());
        }
        Ok(entries)
    }
}

fn as_decoded(mut entry: OriginEntry) -> OriginEntry {
    entry.url = decoded_once_more(&entry.url);
    entry
}

fn out_of_order() -> OriginError {
    OriginError::Unavailable {
        status: None,
        retry_after: None,
    }
}

impl fmt::Debug for FaultyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("FaultyOrigin");
        if self.fault == OriginFault::ShowsCredentials {
            debug.field("last_access", &self.last_access);
        }
        debug.field("fault", &self.fault).finish_non_exhaustive()
    }
}
