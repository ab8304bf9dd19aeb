//! A PostgreSQL database of its own, dropped in the end.

use tokio_postgres::{Client, NoTls};

use crate::Result;

/// Where the server is, unless `DLCS_TEST_POSTGRES` says so.
const SERVER: &str = "postgres://postgres@127.0.0.1:5432/test";

/// A database.
#[derive(Debug)]
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one.
    ///
    /// # Errors
    /// There is no server, or it refuses.
    pub(crate) async fn create(seed: u64) -> Result<Self> {
        let server = std::env::var("DLCS_TEST_POSTGRES").unwrap_or_else(|_| SERVER.to_owned());
        let name = format!("dlcs_chaos_{}_{seed}", std::process::id());
        let admin = connect(&server).await?;
        admin
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        Ok(Self { server, name })
    }

    /// What `--database-url` takes.
    pub(crate) fn url(&self) -> String {
        let host = self
            .server
            .rsplit_once('/')
            .map_or(self.server.as_str(), |(host, _)| host);
        format!("{host}/{}", self.name)
    }

    /// One number out of it.
    pub(crate) async fn number(&self, sql: &str) -> Result<i64> {
        Ok(connect(&self.url())
            .await?
            .query_one(sql, &[])
            .await?
            .try_get(0)?)
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Client> {
        connect(&self.url()).await
    }

    pub(crate) async fn drop(self) -> Result<()> {
        let admin = connect(&self.server).await?;
        admin
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await?;
        Ok(())
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|error| {
        format!("PostgreSQL does not answer at `DLCS_TEST_POSTGRES`, or {SERVER}: {error}")
    })?;
    tokio::spawn(connection);
    Ok(client)
}
