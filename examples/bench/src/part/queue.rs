//! Submitting batches over HTTP: each is on the disk before its answer comes.

use std::time::Instant;

use serde_json::json;

use super::Bench;
use crate::Result;
use crate::server::Server;
use crate::table::Table;

const CLIENTS: usize = 4;
const MEMBERS: usize = 250;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = bench.idle_server("queue", None)?;
    measure(bench, table, &server, "SQLite", "≥ 10,000")?;
    drop(server);
    if let Some(database) = bench.database("queue")? {
        let server = bench.idle_server("queue-postgres", Some(&database.url()?))?;
        measure(bench, table, &server, "PostgreSQL", "≥ 5,000")?;
    }
    Ok(())
}

fn measure(
    bench: &Bench,
    table: &mut Table,
    server: &Server,
    database: &str,
    goal: &str,
) -> Result<()> {
    let batches = if bench.options.smoke { 2 } else { 100 };
    let mut rates = Vec::new();
    for round in 0..bench.options.rounds {
        let bodies: Vec<Vec<String>> = (0..CLIENTS)
            .map(|client| {
                (0..batches)
                    .map(|batch| body(round, client, batch))
                    .collect()
            })
            .collect();
        let begun = Instant::now();
        std::thread::scope(|scope| -> Result<()> {
            let clients: Vec<_> = bodies
                .iter()
                .map(|bodies| {
                    scope.spawn(move || -> Result<(), String> {
                        for body in bodies {
                            server.submit(1, body).map_err(|error| error.to_string())?;
                        }
                        Ok(())
                    })
                })
                .collect();
            for client in clients {
                client.join().map_err(|_| "a client panicked")??;
            }
            Ok(())
        })?;
        let images = (CLIENTS * batches * MEMBERS) as f64;
        rates.push(images / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    table.row(
        format!(
            "images submitted in batches of {MEMBERS} by {CLIENTS} clients, per second: {database}"
        ),
        format!("{:.0}", rates[rates.len() / 2]),
        "-",
        "-",
        goal,
    );
    Ok(())
}

/// A batch of images that are new.
fn body(round: usize, client: usize, batch: usize) -> String {
    let members: Vec<_> = (0..MEMBERS)
        .map(|member| {
            let id = format!("{round}-{client}-{batch}-{member}");
            json!({
                "space": 1,
                "id": id,
                "origin": format!("https://images.example.org/masters/{id}.tif"),
                "string1": format!("volume-{client}-{batch}"),
                "number1": member,
            })
        })
        .collect();
    json!({ "@type": "Collection", "member": members }).to_string()
}
