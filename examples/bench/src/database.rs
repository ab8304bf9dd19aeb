//! A database of one measurement in a PostgreSQL server.

use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::Result;

/// An empty database, which is dropped with everything in it.
pub(crate) struct Database {
    runtime: Runtime,
    server: String,
    name: String,
}

impl Database {
    /// Makes one in the server at this address, which names a database to connect to meanwhile.
    pub(crate) fn create(server: &str, purpose: &str) -> Result<Self> {
        let database = Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            server: server.to_owned(),
            name: format!("dlcs_bench_{purpose}_{}", std::process::id()),
        };
        database.run(&format!("CREATE DATABASE {}", database.name))?;
        Ok(database)
    }

    pub(crate) fn url(&self) -> Result<String> {
        let (server, _) = self
            .server
            .rsplit_once('/')
            .ok_or("the address of PostgreSQL names no database")?;
        Ok(format!("{server}/{}", self.name))
    }

    /// Runs statements in the database, one after the other.
    pub(crate) fn fill(&self, statements: &[String]) -> Result<()> {
        self.run_at(&self.url()?, statements)
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.run_at(&self.server, &[sql.to_owned()])
    }

    fn run_at(&self, address: &str, statements: &[String]) -> Result<()> {
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
            let speaking = tokio::spawn(connection);
            for sql in statements {
                client.batch_execute(sql).await?;
            }
            speaking.abort();
            Ok(())
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // One that is left does no harm, and has the name of this process.
        let _ = self.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
