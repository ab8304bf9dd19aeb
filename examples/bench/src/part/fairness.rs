//! How long a quiet customer waits while another one has very much in the queue.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dlcs_core::time::Timestamp;
use serde_json::{Value, json};

use super::Bench;
use crate::server::Server;
use crate::table::{Table, ratio};
use crate::{Result, say};

/// How many images the quiet customer registers at once.
const FEW: usize = 10;
/// How many the other one submits in one batch.
const MANY: usize = 1000;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.tiny_jpeg()?;
    let server = bench.server("fairness", false)?;
    measure(bench, table, &server, &source, "SQLite")?;
    drop(server);
    if let Some(database) = bench.database("fairness")? {
        let server = bench.server_over("fairness-postgres", &database.url()?)?;
        measure(bench, table, &server, &source, "PostgreSQL")?;
    }
    Ok(())
}

fn measure(
    bench: &Bench,
    table: &mut Table,
    server: &Server,
    source: &Path,
    database: &str,
) -> Result<()> {
    let origin = bench.origin(source)?;
    let (batches, rounds) = if bench.options.smoke {
        (1, 2)
    } else {
        (100, 30)
    };
    let quiet = server.create_customer("quiet")?;
    // The first has to open files and connections.
    waits(server, quiet, &origin, "first", 1)?;
    let alone = waits(server, quiet, &origin, "alone", rounds)?;
    let begun = Instant::now();
    for batch in 0..batches {
        server.submit(1, &body(&origin, &format!("busy-{batch}"), MANY))?;
    }
    say(&format!(
        "{} images of the other customer submitted in {:.1} s",
        batches * MANY,
        begun.elapsed().as_secs_f64()
    ));
    let beside = waits(server, quiet, &origin, "beside", rounds)?;
    let left = server.get("/customers/1/queue")?;
    let left = left["size"].as_u64().ok_or("the queue has no size")?;
    table.row(
        format!(
            "p95 from submission to end of {FEW} images, while another customer has {left} or more waiting (beside: alone): {database}"
        ),
        format!("{:.0} ms", p95(beside.clone())),
        format!("{:.0} ms", p95(alone.clone())),
        ratio(p95(beside), p95(alone)),
        "≤ 2 × and one image",
    );
    Ok(())
}

/// Submits few images so many times, each time when the last have ended, and returns how many milliseconds each took from submission to end.
fn waits(
    server: &Server,
    customer: u64,
    origin: &str,
    name: &str,
    rounds: usize,
) -> Result<Vec<f64>> {
    let mut waits = Vec::new();
    for round in 0..rounds {
        let batch = server.submit(customer, &body(origin, &format!("{name}-{round}"), FEW))?;
        while server.get(&batch)?.get("finished").is_none() {
            sleep(Duration::from_millis(5));
        }
        let images = server.get(&format!("{batch}/images"))?;
        for image in images["member"].as_array().ok_or("no images")? {
            let wait = instant(image, "finished")? - instant(image, "queued")?;
            waits.push(wait as f64 / 1000.0);
        }
    }
    Ok(waits)
}

fn instant(image: &Value, name: &str) -> Result<i64> {
    let text = image[name].as_str().ok_or("an image has not ended")?;
    let time = Timestamp::parse_rfc3339(text).ok_or("no date")?;
    Ok(time.as_micros())
}

fn body(origin: &str, name: &str, count: usize) -> String {
    let member = |number| json!({ "space": 1, "id": format!("{name}-{number}"), "origin": origin });
    let members: Vec<_> = (0..count).map(member).collect();
    json!({ "@type": "Collection", "member": members }).to_string()
}

fn p95(mut waits: Vec<f64>) -> f64 {
    waits.sort_by(f64::total_cmp);
    waits[waits.len() * 95 / 100]
}
