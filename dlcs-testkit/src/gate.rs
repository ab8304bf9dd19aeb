//! A place where a fake stops until the test lets it go on; for tests that would otherwise sleep.

use std::sync::Arc;

use tokio::sync::watch;

/// A gate that is shut until it is opened.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let gate = dlcs_testkit::Gate::new();
/// let waiting = tokio::spawn({
///     let gate = gate.clone();
///     async move { gate.pass().await }
/// });
/// gate.reached().await;
/// gate.open();
/// waiting.await.expect("it passes");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    open: watch::Sender<bool>,
    visits: watch::Sender<Visits>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Visits {
    ever: usize,
    present: usize,
}

/// Someone who waits at the gate.
struct Visitor<'a>(&'a State);

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.0.visits.send_modify(|visits| visits.present -= 1);
    }
}

impl Gate {
    /// A gate that is shut.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(State {
            open: watch::Sender::new(false),
            visits: watch::Sender::new(Visits::default()),
        }))
    }

    /// Opens the gate, for all that wait and all that come.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until the gate is open.
    pub async fn pass(&self) {
        self.0.visits.send_modify(|visits| {
            visits.ever += 1;
            visits.present += 1;
        });
        let _visitor = Visitor(&self.0);
        // The sender lives as long as `self`.
        let _ = self.0.open.subscribe().wait_for(|open| *open).await;
    }

    /// Waits until somebody has come to the gate.
    pub async fn reached(&self) {
        self.until(|visits| visits.ever > 0).await;
    }

    /// Waits until somebody has come to the gate, and nobody waits at it any more.
    pub async fn abandoned(&self) {
        self.until(|visits| visits.ever > 0 && visits.present == 0)
            .await;
    }

    async fn until(&self, condition: impl FnMut(&Visits) -> bool) {
        let _ = self.0.visits.subscribe().wait_for(condition).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
