//! Opening: the server, the schema, the key.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::cache::Caches;
use super::config::{KeyPlace, PostgresCatalogueConfig};
use super::connection::{Settings, pool};
use super::database::{Connector, Database};
use super::error::{OLDEST_SERVER, OpenError, PgError, is_broken};
use super::listener::Listener;
use super::migrate::{MigrationError, migrate};
use super::row::read_one;
use super::seal::{Sealer, SealingKey};
use super::session::Session;
use super::token::Tokens;
use super::{PostgresCatalogue, origin_strategy, tls};

/// Rows in memory may say for so long what another node has changed.
const CACHE_AGE: Duration = Duration::from_millis(500);
/// How often it is tried where the server ends the connection, and the wait between.
const ATTEMPTS: u32 = 3;
const REST: Duration = Duration::from_secs(1);
/// How long opening may take, where there is nothing to migrate.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn open(config: PostgresCatalogueConfig) -> Result<PostgresCatalogue, OpenError> {
    let PostgresCatalogueConfig {
        address,
        schema,
        connections,
        clock,
        sealing_key,
        old_sealing_keys,
    } = config;
    let settings = Settings::new(schema.as_deref());
    let encryption = address.encryption.clone();
    let connector = blocking(move || tls::connector(&encryption)).await?;
    let channel = prepare_patiently(&address, &settings, &connector, schema.as_deref()).await?;
    let database = Database {
        pool: pool(&address, &settings, connector.clone(), connections),
        connector: Connector(connector.clone()),
        caches: Arc::new(Caches::for_at_most(CACHE_AGE)),
        clock,
        listener: Listener::start(address.clone(), settings, connector, channel),
    };
    let failed = |error: PgError| OpenError::Database {
        host: address.host(),
        source: Box::new(error),
    };
    let known = known_key(&database).await.map_err(failed)?;
    let may_be_new = known.is_none() || !old_sealing_keys.is_empty();
    let key = match sealing_key.ok_or(OpenError::NoKey)? {
        KeyPlace::Given(key) => key,
        KeyPlace::File(path) => blocking(move || key_file(&path, may_be_new)).await?,
    };
    let keys = std::iter::once(&key).chain(&old_sealing_keys);
    let sealers: Arc<[Sealer]> = keys.map(Sealer::new).collect();
    // Mostly there is nothing to change, and nobody to wait for who has the row in hand.
    if known.as_deref() != Some(sealers[0].key_id()) || sealers.len() > 1 {
        match adopt_patiently(&database, &sealers).await.map_err(failed)? {
            Some(0) => {}
            Some(strategies) => tracing::info!(strategies, "sealed credentials with the new key"),
            None => return Err(OpenError::OtherKey),
        }
    }
    Ok(PostgresCatalogue {
        database,
        tokens: Tokens::default(),
        sealers,
    })
}

/// Does what may wait for a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => panic!("the runtime is shutting down"),
        },
    }
}

/// Prepares, and once more where a connection that had been made is lost meanwhile: each step happens whole or not at all.
async fn prepare_patiently(
    address: &Address,
    settings: &Settings,
    connector: &MakeRustlsConnect,
    schema: Option<&str>,
) -> Result<String, OpenError> {
    let mut attempt = 1;
    loop {
        let silent = |_| OpenError::Unreachable {
            host: address.host(),
            source: "it does not answer in time".into(),
        };
        let connecting = timeout(PATIENCE, address.driver.connect(connector.clone()));
        let connected = connecting.await.map_err(silent)?;
        let connected = connected.map_err(|error| not_opened(address, error))?;
        match prepare(address, settings, connected, schema).await {
            Err(error) if attempt < ATTEMPTS && was_lost(&error) => {
                tracing::warn!(error = &error as &dyn Error, "the database is opened again");
                tokio::time::sleep(REST).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Whether a connection was lost, which had been made: the server was told to end it, or nothing came over it for too long.
fn was_lost(error: &OpenError) -> bool {
    let (OpenError::Database { source, .. } | OpenError::Unreachable { source, .. }) = error else {
        return false;
    };
    let driver = source.downcast_ref::<tokio_postgres::Error>();
    driver.is_some_and(|error| match error.code() {
        Some(code) => code.code().starts_with("57P") || code.code() == "25P03",
        None => is_broken(error),
    })
}

/// Looks at the server and brings the schema up to date; returns the name that nodes with this schema call each other by.
async fn prepare<S, T>(
    address: &Address,
    settings: &Settings,
    (mut client, connection): (Client, Connection<S, T>),
    schema: Option<&str>,
) -> Result<String, OpenError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error| not_opened(address, error);
    let silent = |_| OpenError::Unreachable {
        host: address.host(),
        source: "it does not answer in time".into(),
    };
    let work = async {
        timeout(PATIENCE, async {
            check_server(address, &client).await?;
            settings.apply(&client).await.map_err(failed)
        })
        .await
        .map_err(silent)??;
        // Takes the time that it takes.
        migrate(&mut client, schema)
            .await
            .map_err(|error| match error {
                MigrationError::Refused(error) => error,
                MigrationError::Driver(error) => failed(error),
            })?;
        let place = "SELECT oid::text FROM pg_namespace WHERE nspname = current_schema()";
        let row = client.query_one(place, &[]).await.map_err(failed)?;
        let place: String = row.try_get(0).map_err(failed)?;
        Ok(format!("dlcs_queue_{place}"))
    };
    tokio::pin!(connection, work);
    tokio::select! {
        // It knows better why there is no answer.
        biased;
        ended = &mut connection => Err(OpenError::Database {
            host: address.host(),
            source: match ended {
                Ok(()) => "the connection was closed".into(),
                Err(error) => error.into(),
            },
        }),
        outcome = &mut work => outcome,
    }
}

async fn check_server(address: &Address, client: &Client) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_version'),
                      current_setting('server_encoding'),
                      pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean";
    let row = client.query_one(sql, &[]).await;
    let row = row.map_err(|error| not_opened(address, error))?;
    let get = |error| not_opened(address, error);
    if row.try_get::<_, i32>(0).map_err(get)? < OLDEST_SERVER {
        return Err(OpenError::OldServer {
            found: row.try_get(1).map_err(get)?,
        });
    }
    let encoding: String = row.try_get(2).map_err(get)?;
    if encoding != "UTF8" {
        return Err(OpenError::NotUtf8 { found: encoding });
    }
    if row.try_get(3).map_err(get)? {
        return Err(OpenError::ReadOnly {
            host: address.host(),
        });
    }
    Ok(())
}

/// What an error of the driver means to somebody who opens a catalogue.
fn not_opened(address: &Address, error: tokio_postgres::Error) -> OpenError {
    let host = address.host();
    match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            OpenError::Denied {
                host,
                user: address.user(),
                source: error.into(),
            }
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => OpenError::NoSuchDatabase {
            host,
            database: address.database(),
        },
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => OpenError::NotAllowed {
            user: address.user(),
            database: address.database(),
            source: error.into(),
        },
        Some(_) => OpenError::Database {
            host,
            source: error.into(),
        },
        // The driver has no other word for where it failed.
        None if error.to_string().contains("TLS") => OpenError::NotEncrypted {
            host,
            source: error.into(),
        },
        // No password was given, and one is needed: that is said by the cause.
        None if error
            .source()
            .is_some_and(|cause| cause.to_string().contains("password")) =>
        {
            OpenError::Denied {
                host,
                user: address.user(),
                source: error.into(),
            }
        }
        None if is_broken(&error) || error.to_string().contains("timeout") => {
            OpenError::Unreachable {
                host,
                source: error.into(),
            }
        }
        None => OpenError::Database {
            host,
            source: error.into(),
        },
    }
}

fn key_file(path: &Path, may_be_new: bool) -> Result<SealingKey, OpenError> {
    match SealingKey::read(path)? {
        Some(key) => Ok(key),
        None if may_be_new => Ok(SealingKey::create(path)?),
        None => Err(OpenError::MissingKey {
            path: path.to_owned(),
        }),
    }
}

/// The id of the key that the nodes of this database have, although a server that has much to do may be slow to say it.
async fn known_key(database: &Database) -> Result<Option<Vec<u8>>, PgError> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let known = database.read(|session| async move {
            let row = session.row("SELECT id FROM sealing_key", &[]).await?;
            read_one(row, |columns| columns.get())
        });
        match known.await {
            Err(error) if is_tried_again(&error, limit) => tokio::time::sleep(REST).await,
            known => return known,
        }
    }
}

/// Adopts a key, although a process that was stopped in the middle of that may be in the way for a while.
async fn adopt_patiently(
    database: &Database,
    sealers: &Arc<[Sealer]>,
) -> Result<Option<usize>, PgError> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let adopted = database.write(|session| {
            let sealers = Arc::clone(sealers);
            async move { adopt_key(&session, &sealers).await }
        });
        match adopted.await {
            Err(error) if is_tried_again(&error, limit) => tokio::time::sleep(REST).await,
            adopted => return adopted,
        }
    }
}

fn is_tried_again(error: &PgError, limit: Instant) -> bool {
    let again = error.may_pass() && Instant::now() < limit;
    if again {
        tracing::warn!(
            error = error as &dyn Error,
            "the sealing key cannot be read or adopted yet: trying again"
        );
    }
    again
}

/// Makes the first of these keys the database's; returns how many credentials it sealed anew, or `None` where the database's key is none of
/// these.
async fn adopt_key(session: &Session, sealers: &[Sealer]) -> Result<Option<usize>, PgError> {
    let [present, old @ ..] = sealers else {
        return Ok(None);
    };
    let first = "INSERT INTO sealing_key (one, id) VALUES (TRUE, $1) ON CONFLICT DO NOTHING";
    let id = present.key_id();
    session.execute(first, &[&id]).await?;
    let held = session
        .row("SELECT id FROM sealing_key FOR UPDATE", &[])
        .await?;
    let known: Option<Vec<u8>> = read_one(held, |columns| columns.get())?;
    if !sealers
        .iter()
        .any(|sealer| known.as_deref() == Some(sealer.key_id()))
    {
        return Ok(None);
    }
    session
        .execute("UPDATE sealing_key SET id = $1", &[&id])
        .await?;
    origin_strategy::reseal(session, present, old)
        .await
        .map(Some)
}
