//! Connections: how they are opened, with which settings, and how they are lent out.

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::migrate;

/// How long an operation waits for a connection.
const WAIT: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CREATE: Duration = Duration::from_secs(10);
/// How long a connection may take to say that it is still there.
const ANSWER: Duration = Duration::from_secs(2);
/// A connection that has rested for longer is asked whether it is still there.
const REST: Duration = Duration::from_secs(5);

/// A connection that is older is not lent out again: what the server has planned for it may be outdated.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Settings of every connection. No operation goes on for ever, and none that waits holds up the others. Every statement looks for rows in
/// an index: plans that read a table must not come up because nothing is known of it yet.
const SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET client_encoding = 'UTF8';
    SET client_min_messages = 'error';
    SET enable_seqscan = off;
    SET enable_mergejoin = off;
    SET enable_hashjoin = off;
    SET jit = off;
";

/// What every connection is told first.
#[derive(Debug, Clone)]
pub(super) struct Settings(String);

impl Settings {
    pub(super) fn new(schema: Option<&str>) -> Self {
        let path = schema.map_or_else(String::new, |schema| {
            format!("SET search_path = {};", quoted(schema))
        });
        Self(format!("{SETTINGS}{path}"))
    }

    pub(super) async fn apply(
        &self,
        client: &tokio_postgres::Client,
    ) -> Result<(), tokio_postgres::Error> {
        client.batch_execute(&self.0).await
    }
}

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes the pool; connections are opened when first needed.
pub(super) fn pool(
    address: &Address,
    settings: &Settings,
    connector: MakeRustlsConnect,
    connections: usize,
) -> Pool {
    let manager = Manager::from_config(
        address.driver.clone(),
        connector,
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    let settings = settings.clone();
    Pool::builder(manager)
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(CREATE))
        .recycle_timeout(Some(ANSWER))
        .post_create(Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let settings = settings.clone();
            Box::pin(async move {
                let applied = timeout(CREATE, settings.apply(client)).await;
                applied.map_err(|_| silent())?.map_err(HookError::Backend)?;
                refuse_newer(client).await
            })
        }))
        .pre_recycle(Hook::async_fn(|client: &mut ClientWrapper, metrics| {
            let rested = metrics.last_used() > REST;
            let aged = metrics.age() > LIFETIME;
            Box::pin(async move {
                if aged {
                    return Err(HookError::message("the connection has served its time"));
                }
                if rested {
                    refuse_newer(client).await?;
                }
                Ok(())
            })
        }))
        .build()
        .expect("a pool with a runtime can have timeouts")
}

/// Asks a connection whether it is there, and whether this program knows the schema still: a newer node may have changed it.
async fn refuse_newer(client: &ClientWrapper) -> Result<(), HookError> {
    let asked = timeout(ANSWER, migrate::outdated(client)).await;
    let outdated = asked.map_err(|_| silent())?.map_err(HookError::Backend)?;
    match outdated {
        Some(error) => Err(HookError::message(error.to_string())),
        None => Ok(()),
    }
}

fn silent() -> HookError {
    HookError::message("the connection does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(
            quoted("a\"; DROP TABLE x; --"),
            "\"a\"\"; DROP TABLE x; --\""
        );
    }
}
