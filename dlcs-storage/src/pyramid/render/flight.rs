//! Identical renders at the same time run once.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dlcs_core::derivative::{DerivativeError, DerivativeKey, RenderError, Rendered};
use dlcs_core::iiif::ResolvedRequest;
use tokio::sync::OnceCell;

/// What is asked for: the key is new with every version of an image, so that no two versions are ever taken for each other.
pub(super) type Wanted = (DerivativeKey, ResolvedRequest);

type Outcome = OnceCell<Result<Rendered, Arc<RenderError>>>;

/// The renders that are under way.
#[derive(Default)]
pub(super) struct Flights {
    running: Mutex<HashMap<Wanted, Arc<Outcome>>>,
}

impl Flights {
    /// Renders, or waits for who already does.
    ///
    /// Should that one be given up before it ends, one of those who wait begins anew. All share an outcome, and later ones none: what failed is
    /// tried again.
    pub(super) async fn join(
        &self,
        wanted: &Wanted,
        render: impl Future<Output = Result<Rendered, RenderError>> + Send,
    ) -> Result<Rendered, RenderError> {
        let seat = Seat {
            outcome: self.seat(wanted),
            wanted,
            flights: self,
        };
        let outcome = seat
            .outcome
            .get_or_init(|| async { render.await.map_err(Arc::new) })
            .await;
        match outcome {
            Ok(rendered) => Ok(rendered.clone()),
            Err(error) => Err(shared(error)),
        }
    }

    fn seat(&self, wanted: &Wanted) -> Arc<Outcome> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(running.entry(wanted.clone()).or_default())
    }
}

/// A place in a flight.
struct Seat<'a> {
    outcome: Arc<Outcome>,
    wanted: &'a Wanted,
    flights: &'a Flights,
}

impl Drop for Seat<'_> {
    /// The flight is forgotten when it has ended, or nobody is left.
    fn drop(&mut self) {
        let mut running = self
            .flights
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_this = running
            .get(self.wanted)
            .is_some_and(|outcome| Arc::ptr_eq(outcome, &self.outcome));
        // One count is the map's, one is ours.
        if is_this && (self.outcome.initialized() || Arc::strong_count(&self.outcome) <= 2) {
            running.remove(self.wanted);
        }
    }
}

/// An error for each of those who wait.
fn shared(error: &Arc<RenderError>) -> RenderError {
    let source = || Box::new(SharedError(Arc::clone(error)));
    match &**error {
        RenderError::Overloaded => RenderError::Overloaded,
        RenderError::TooLarge { needed, available } => RenderError::TooLarge {
            needed: *needed,
            available: *available,
        },
        RenderError::Damaged { reason } => RenderError::Damaged {
            reason: reason.clone(),
        },
        RenderError::Derivative(DerivativeError::NotFound { key }) => {
            DerivativeError::NotFound { key: key.clone() }.into()
        }
        RenderError::Derivative(DerivativeError::Backend { backend, .. }) => {
            DerivativeError::Backend {
                backend,
                source: source(),
            }
            .into()
        }
        _ => RenderError::Backend { source: source() },
    }
}

/// An error that several have.
#[derive(Debug)]
struct SharedError(Arc<RenderError>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
