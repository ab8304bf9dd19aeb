//! A PostgreSQL database for one test.

use std::sync::atomic::{AtomicU32, Ordering};

use dlcs_testkit::program::skip;
use tokio_postgres::NoTls;

use crate::proxy::Proxy;

/// A database of its own, dropped in the end.
pub(crate) struct Database {
    admin: tokio_postgres::Client,
    host: String,
    name: String,
}

impl Database {
    /// `None` when there is no server, which is said.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        let address = std::env::var("DLCS_TEST_POSTGRES")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
        let (admin, connection) = match tokio_postgres::connect(&address, NoTls).await {
            Ok(connected) => connected,
            Err(error) => {
                skip(
                    test,
                    &format!("PostgreSQL at `DLCS_TEST_POSTGRES` ({error})"),
                );
                return None;
            }
        };
        tokio::spawn(connection);
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("dlcs_program_{}_{number}", std::process::id());
        for statement in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
        ] {
            admin.batch_execute(&statement).await.unwrap();
        }
        let (host, _) = address.rsplit_once('/').unwrap();
        Some(Self {
            admin,
            host: host.to_owned(),
            name,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.host, self.name)
    }

    /// The same database behind a proxy.
    pub(crate) fn url_by(&self, proxy: &Proxy) -> String {
        let (before, _) = self.host.rsplit_once('@').unwrap();
        format!("{before}@{}/{}?sslmode=disable", proxy.address, self.name)
    }

    /// The address of the server.
    pub(crate) fn server(&self) -> String {
        self.host.rsplit_once('@').unwrap().1.to_owned()
    }

    /// Ends every connection to it, as an administrator does.
    pub(crate) async fn cut(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        self.admin.execute(sql, &[&self.name]).await.unwrap();
    }

    /// Changes it behind the program's back.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.execute(sql, &[]).await.unwrap()
    }

    /// Runs several statements.
    pub(crate) async fn batch(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    /// A text out of each row.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// One number out of the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn drop(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
    }
}
