//! The connection that listens: it hears of work from other nodes, and tells them of ours.
//!
//! What is announced is announced after it was committed, by this connection and not by the transaction: transactions that announce something
//! commit one after another, each with its wait for the disk. An announcement that is lost is made up for by polling.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::connection::{Settings, quoted};

/// How long anything that this connection does may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so much silence the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Wakes the workers of this process and of the others.
pub(super) struct Listener {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    wakeups: watch::Sender<u64>,
    announcements: Notify,
}

impl Listener {
    /// Begins to listen, and goes on for as long as this is kept.
    pub(super) fn start(
        address: Address,
        settings: Settings,
        connector: MakeRustlsConnect,
        channel: String,
    ) -> Self {
        let shared = Arc::new(Shared {
            wakeups: watch::Sender::new(0),
            announcements: Notify::new(),
        });
        let line = Line {
            address,
            settings,
            connector,
            channel,
            shared: Arc::clone(&shared),
        };
        let task = tokio::spawn(line.keep()).abort_handle();
        Self { shared, task }
    }

    /// Wakes the workers of this process now, and those of others as soon as they can be told.
    pub(super) fn announce(&self) {
        self.shared.wake();
        self.shared.announcements.notify_one();
    }

    /// Returns a receiver that changes when workers are to be woken.
    pub(super) fn wakeups(&self) -> watch::Receiver<u64> {
        self.shared.wakeups.subscribe()
    }
}

impl Shared {
    fn wake(&self) {
        self.wakeups.send_modify(|count| *count += 1);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

/// A connection that is made again whenever it breaks.
struct Line {
    address: Address,
    settings: Settings,
    connector: MakeRustlsConnect,
    channel: String,
    shared: Arc<Shared>,
}

impl Line {
    async fn keep(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.hold(&mut pause).await {
                Ok(()) => tracing::debug!("the listening connection was closed"),
                Err(error) => tracing::debug!(%error, "the listening connection broke"),
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Listens until the connection breaks.
    async fn hold(&self, pause: &mut Duration) -> Result<(), Broken> {
        let connecting = self.address.driver.connect(self.connector.clone());
        let (client, mut connection) = within(connecting).await?;
        let own = AtomicI32::new(0);
        let hear = async {
            let mut messages = poll_fn(|context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message.map_err(Broken::Driver)? {
                    AsyncMessage::Notification(heard)
                        if heard.process_id() != own.load(Ordering::Relaxed) =>
                    {
                        self.shared.wake();
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        let speak = async {
            own.store(self.listen(&client).await?, Ordering::Relaxed);
            *pause = FIRST_PAUSE;
            // Something may have been announced while nobody listened.
            self.shared.wake();
            self.speak(&client).await
        };
        tokio::select! {
            heard = hear => heard,
            spoken = speak => spoken,
        }
    }

    /// Begins to listen; returns the number of this connection.
    async fn listen(&self, client: &Client) -> Result<i32, Broken> {
        within(self.settings.apply(client)).await?;
        let channel = quoted(&self.channel);
        let sql = format!("LISTEN {channel}; SELECT pg_backend_pid()");
        let answers = within(client.simple_query(&sql)).await?;
        let number = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        Ok(number.unwrap_or_default())
    }

    /// Announces what there is to announce, and sees to it that the connection still stands.
    async fn speak(&self, client: &Client) -> Result<(), Broken> {
        let announcement = format!("NOTIFY {}", quoted(&self.channel));
        loop {
            match timeout(SILENCE, self.shared.announcements.notified()).await {
                Ok(()) => within(client.batch_execute(&announcement)).await?,
                Err(_) => within(client.check_connection()).await?,
            }
        }
    }
}

/// Why the connection is of no more use.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the server does not answer")]
    Silent,
    #[error(transparent)]
    Driver(tokio_postgres::Error),
}

async fn within<T>(
    operation: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Broken> {
    let outcome = timeout(PATIENCE, operation).await;
    outcome.map_err(|_| Broken::Silent)?.map_err(Broken::Driver)
}
