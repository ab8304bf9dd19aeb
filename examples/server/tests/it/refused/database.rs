//! Databases that are not there, or not for this user or this program.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{CANARY, Start, closed, newer, refused, silent};
use crate::database::Database;
use crate::program::Program;

/// Asks for a password as PostgreSQL does, and refuses whatever comes.
fn refusing_passwords() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut length = [0; 4];
            client.read_exact(&mut length).unwrap();
            let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
            client.read_exact(&mut startup).unwrap();
            // A password in plain text, please.
            client.write_all(b"R\0\0\0\x08\0\0\0\x03").unwrap();
            let mut head = [0; 5];
            // Who has none goes away.
            if client.read_exact(&mut head).is_err() {
                continue;
            }
            assert_eq!(head[0], b'p');
            let fields =
                b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"dlcs\"\0\0";
            let mut refusal = vec![b'E'];
            refusal.extend((fields.len() as u32 + 4).to_be_bytes());
            refusal.extend(fields);
            client.write_all(&refusal).unwrap();
        }
    });
    address
}

#[test]
fn a_database_that_does_not_answer_is_said_and_waited_for_within_bounds() {
    let (closed, (_listener, silent)) = (closed(), silent());
    let url = |address: &str| format!("postgres://dlcs:{CANARY}-password@{address}/dlcs");
    std::thread::scope(|scope| {
        for (address, cause) in [
            (&closed, "Connection refused"),
            (&silent, "it does not answer in time"),
        ] {
            scope.spawn(move || {
                let said = Start::new().refused(1, &["--database-url", &url(address)]);
                let expected = format!(
                    "dlcs: cannot open the catalogue: no database answers at `{address}`: check the host, the port, and that PostgreSQL runs there: "
                );
                assert!(said.starts_with(&expected) && said.contains(cause), "{said}");
            });
        }
        // A check that could not be made must not be taken for one that found something.
        let start = Start::new();
        std::fs::create_dir(start.data()).unwrap();
        let said = refused("fsck", &start.data(), 3, &["--database-url", &url(&closed)]);
        assert!(said.contains("no database answers at"), "{said}");
    });
}

#[test]
fn a_password_that_is_refused_is_said_and_not_shown() {
    let address = refusing_passwords();
    let url = format!("postgres://dlcs:{CANARY}-password@{address}/dlcs");
    let said = Start::new().refused(1, &["--database-url", &url]);
    let expected = format!(
        "dlcs: cannot open the catalogue: the database at `{address}` does not let the user `dlcs` in: check user and password: "
    );
    assert!(said.starts_with(&expected), "{said}");
    // And where none was given.
    let url = format!("postgres://dlcs@{address}/dlcs");
    let said = Start::new().refused(1, &["--database-url", &url]);
    assert!(said.starts_with(&expected), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_let_the_user_work_is_said() {
    let test = "a_database_that_does_not_let_the_user_work_is_said";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let [no_login, no_connect, no_create] =
        ["out", "far", "poor"].map(|kind| format!("{}_{kind}", database.name()));
    for (role, rights) in [
        (&no_login, "NOLOGIN"),
        (&no_connect, "LOGIN"),
        (&no_create, "LOGIN"),
    ] {
        let password = format!("PASSWORD '{CANARY}-password'");
        database
            .execute(&format!("DROP ROLE IF EXISTS {role}"))
            .await;
        database
            .execute(&format!("CREATE ROLE {role} {rights} {password}"))
            .await;
    }
    let name = database.name().to_owned();
    for grant in [
        format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
        format!("GRANT CONNECT ON DATABASE {name} TO {no_create}"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
    ] {
        database.execute(&grant).await;
    }
    let server = database.server();
    let start = |user: &str, database: &str| {
        let url =
            format!("postgres://{user}:{CANARY}-password@{server}/{database}?sslmode=disable");
        Start::new().refused(1, &["--database-url", &url])
    };
    let said = start("postgres", "dlcs_no_such_database");
    let expected = format!(
        "dlcs: cannot open the catalogue: the server at `{server}` has no database `dlcs_no_such_database`: make it, or choose another"
    );
    assert_eq!(said, expected);
    for user in [no_login.as_str(), "dlcs_nobody"] {
        let said = start(user, &name);
        let expected = format!(
            "the database at `{server}` does not let the user `{user}` in: check user and password: "
        );
        assert!(said.contains(&expected), "{said}");
    }
    let said = start(&no_connect, &name);
    assert!(said.contains("grant it CONNECT on the database"), "{said}");
    let said = start(&no_create, &name);
    assert!(said.contains("CREATE on the schema"), "{said}");
    database
        .execute(&format!("REVOKE ALL ON DATABASE {name} FROM {no_create}"))
        .await;
    for role in [no_login, no_connect, no_create] {
        database.execute(&format!("DROP ROLE {role}")).await;
    }
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_in_postgresql_is_refused_and_left_alone() {
    let test = "a_newer_schema_in_postgresql_is_refused_and_left_alone";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let start = Start::new();
    let url = database.url();
    let flags = ["--database-url", url.as_str()];
    drop(Program::start(&start.data(), &flags));
    database
        .execute("INSERT INTO dlcs_migrations VALUES (77, 0)")
        .await;
    let rows = "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM api_keys) + (SELECT count(*) FROM dlcs_migrations)";
    let before = database.number(rows).await;
    let said = start.refused(1, &flags);
    assert_eq!(said, newer("77"));
    assert_eq!(database.number(rows).await, before);
    database.drop().await;
}
