//! Identical renders at the same time run once.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use dlcs_core::derivative::{DerivativeError, DerivativeKey, RenderError, Rendered};
use dlcs_core::iiif::ResolvedRequest;
use tokio::sync::OnceCell;

use crate::lock::Lock;

/// What is asked for: the key is new with every version of an image, so that no two versions are ever taken for each other.
pub(super) type Wanted = (DerivativeKey, ResolvedRequest);

type Outcome = OnceCell<Result<Rendered, Arc<RenderError>>>;

/// The renders that are under way.
#[derive(Default)]
pub(super) struct Flights {
    running: Lock<HashMap<Wanted, Flight>>,
}

/// A render, and how many wait for it.
#[derive(Default)]
struct Flight {
    outcome: Arc<Outcome>,
    /// Counted here, under the lock: a count of references still holds those of seats that are being given up.
    seats: usize,
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
        let mut running = self.running.lock();
        let flight = running.entry(wanted.clone()).or_default();
        flight.seats += 1;
        Arc::clone(&flight.outcome)
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
        let mut running = self.flights.running.lock();
        let Some(flight) = running.get_mut(self.wanted) else {
            return;
        };
        // Who begins after the end is on another flight.
        if !Arc::ptr_eq(&flight.outcome, &self.outcome) {
            return;
        }
        flight.seats -= 1;
        if flight.seats == 0 || self.outcome.initialized() {
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use dlcs_core::derivative::UploadId;
    use dlcs_core::iiif::{Dimensions, Format, GrammarVersion, ImageRequest, Limits};
    use shuttle::future::{block_on, yield_now};
    use shuttle::thread::spawn;

    use crate::lock::explored::{some_orders, unless_given_up};

    use super::*;

    fn wanted() -> Wanted {
        let image = Dimensions::new(8, 8).unwrap();
        let request = ImageRequest::parse(GrammarVersion::V3, "full", "max", "0", "default.jpg");
        let request = request.unwrap().resolve(image, &Limits::default()).unwrap();
        (DerivativeKey::Upload(UploadId::assign()), request)
    }

    #[derive(Default)]
    struct Renderer {
        flights: Flights,
        at_once: AtomicUsize,
    }

    impl Renderer {
        async fn render(&self) -> Result<Rendered, RenderError> {
            struct Ends<'r>(&'r AtomicUsize);
            impl Drop for Ends<'_> {
                fn drop(&mut self) {
                    self.0.fetch_sub(1, Ordering::SeqCst);
                }
            }
            let before = self.at_once.fetch_add(1, Ordering::SeqCst);
            let _ends = Ends(&self.at_once);
            assert_eq!(before, 0, "it is rendered twice at once");
            yield_now().await;
            yield_now().await;
            Ok(Rendered {
                format: Format::Png,
                bytes: "pixels".into(),
            })
        }

        async fn ask(&self, wanted: &Wanted) {
            let joined = self.flights.join(wanted, self.render());
            if let Some(rendered) = unless_given_up(joined).await {
                assert_eq!(rendered.unwrap().bytes, "pixels");
            }
        }
    }

    #[test]
    fn whoever_gives_up_in_whatever_order_one_renders_at_a_time_and_the_others_get_it() {
        let wanted = Arc::new(wanted());
        some_orders(10_000, move || {
            let renderer = Arc::new(Renderer::default());
            let callers = [0; 4].map(|_| {
                let (renderer, wanted) = (Arc::clone(&renderer), Arc::clone(&wanted));
                spawn(move || block_on(renderer.ask(&wanted)))
            });
            for caller in callers {
                caller.join().unwrap();
            }
            assert!(renderer.flights.running.lock().is_empty());
        });
    }

    #[test]
    fn flights_that_nobody_waits_for_are_forgotten_whoever_leaves_last() {
        let wanted = wanted();
        let flights = Flights::default();
        let wait = || {
            let mut waits = Box::pin(flights.join(&wanted, pending()));
            let mut context = Context::from_waker(Waker::noop());
            assert!(matches!(waits.as_mut().poll(&mut context), Poll::Pending));
            waits
        };
        let (first, second) = (wait(), wait());
        // Of a third, in another thread, that is past its own turn at the lock and not yet gone.
        let leaving = Arc::clone(&flights.running.lock()[&wanted].outcome);
        drop(first);
        assert_eq!(flights.running.lock().len(), 1);
        drop(second);
        assert!(flights.running.lock().is_empty());
        drop(leaving);
    }
}
