//! Listings of a space with many images, over HTTP.

use std::time::Instant;

use serde_json::Value;

use super::Bench;
use crate::Result;
use crate::machine::Chance;
use crate::server::Server;
use crate::table::Table;

const IMAGES: &str = "/customers/1/spaces/1/images";
/// What the rows are made of, from numbers `n`; `{digest}` is 32 bytes.
const ROWS: &str = "INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles, manifests,
        max_unauthorised, delivery_channels, created, queued, dequeued, generation, state, service_generation, service_token, service_width,
        service_height, service_tile, service_index_start, service_index_length, service_length, service_checksum, service_thumbnails,
        service_thumbnail_bytes, service_finished, source_media_type, source_size, source_checksum)
    SELECT 1, 1, 'image-' || n, 'https://images.example.org/masters/' || n || '.tif', 'volume-' || (n / 1000), 'shelf-' || (n % 10), '', n % 1000, n % 7,
        0, '[\"a\"]', '[]', '[]', -1, '[]', 1700000000000000 + n / 250 * 1000000, 1700000000000000, 1700000000000000, 1, 'ready', 1, n,
        1000 + n * 7919 % 5000, 1000 + n * 104729 % 5000, 512, 0, 1000, 100000, {digest}, '[]', 0, 1700000000000000, 'image/tiff', 1000000, {digest}
    FROM n";

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let images = if bench.options.smoke {
        20_000
    } else {
        1_000_000
    };
    // The program makes the tables, and the first customer and space.
    drop(bench.idle_server("queries", None)?);
    fill_sqlite(bench, images)?;
    measure(
        bench,
        table,
        &bench.idle_server("queries", None)?,
        "SQLite",
        images,
    )?;
    if let Some(database) = bench.database("queries")? {
        let url = database.url()?;
        drop(bench.idle_server("queries-postgres", Some(&url))?);
        database.fill(&postgres_rows(images))?;
        let server = bench.idle_server("queries-postgres", Some(&url))?;
        measure(bench, table, &server, "PostgreSQL", images)?;
    }
    Ok(())
}

fn fill_sqlite(bench: &Bench, images: u32) -> Result<()> {
    let path = bench.folder().join("queries/dlcs/dlcs.sqlite");
    let database = rusqlite::Connection::open(path)?;
    let rows = ROWS.replace("{digest}", "zeroblob(32)");
    let numbers = format!("n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {images})");
    database.execute_batch(&format!(
        "BEGIN; WITH RECURSIVE {numbers} {rows}; UPDATE spaces SET image_count = {images}; COMMIT;"
    ))?;
    Ok(())
}

/// Autovacuum would come for the last of them a moment later.
fn postgres_rows(images: u32) -> [String; 3] {
    let rows = ROWS.replace("{digest}", "decode(repeat('00', 32), 'hex')");
    [
        format!("WITH n AS (SELECT * FROM generate_series(1::bigint, {images}) AS n (n)) {rows}"),
        format!("UPDATE spaces SET image_count = {images}"),
        "VACUUM ANALYZE images".to_owned(),
    ]
}

fn measure(
    bench: &Bench,
    table: &mut Table,
    server: &Server,
    database: &str,
    images: u32,
) -> Result<()> {
    let times = if bench.options.smoke { 3 } else { 100 };
    let last = images / 100 * 9 / 10;
    let (beyond, deep) = (
        following(server, "page=100")?,
        following(server, &format!("page={last}"))?,
    );
    let volumes = images / 1000;
    let mut chance = Chance::new(7);
    let mut row =
        |what: &str, goal: &str, ask: &mut dyn FnMut(&mut Chance) -> String| -> Result<()> {
            // The first request of its kind opens connections and reads what everybody needs.
            server.list(&format!("{IMAGES}?{}", ask(&mut chance)))?;
            let mut took = Vec::new();
            for _ in 0..times {
                let path = format!("{IMAGES}?{}", ask(&mut chance));
                let begun = Instant::now();
                server.list(&path)?;
                took.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            took.sort_by(f64::total_cmp);
            let at = |percent: usize| took[took.len() * percent / 100];
            table.row(
                format!("{what}, of {images} images: {database}"),
                format!("p50 {:.1} ms, p95 {:.1} ms", at(50), at(95)),
                "-",
                "-",
                goal,
            );
            Ok(())
        };
    let goal = "p95 ≤ 50 ms";
    row("first page", goal, &mut |_| String::new())?;
    row("`totalItems` and one image", goal, &mut |_| {
        "pageSize=1".to_owned()
    })?;
    row("page 100", goal, &mut |_| "page=100".to_owned())?;
    row("page 101 by the link to it", goal, &mut |_| beyond.clone())?;
    row(&format!("page {last}"), "-", &mut |_| {
        format!("page={last}")
    })?;
    row(
        &format!("page {} by the link to it", last + 1),
        goal,
        &mut |_| deep.clone(),
    )?;
    row("`string1=`, 1 in 1,000", goal, &mut |chance| {
        format!("string1=volume-{}", chance.between(1, volumes))
    })?;
    row("`string2=`, 1 in 10", goal, &mut |chance| {
        format!("string2=shelf-{}", chance.between(0, 10))
    })?;
    row("`q` with `string1` and `number1`", goal, &mut |chance| {
        let (volume, number) = (chance.between(1, volumes), chance.between(0, 1_000));
        q(&format!(
            r#"{{"string1":"volume-{volume}","number1":{number}}}"#
        ))
    })?;
    row("`q` with `string2` and `number1`", goal, &mut |chance| {
        let (shelf, number) = (chance.between(0, 10), chance.between(0, 1_000));
        q(&format!(
            r#"{{"string2":"shelf-{shelf}","number1":{number}}}"#
        ))
    })?;
    row("`orderByDescending=width`", goal, &mut |_| {
        "orderByDescending=width".to_owned()
    })?;
    row("page 100 of `orderByDescending=width`", goal, &mut |_| {
        "orderByDescending=width&page=100".to_owned()
    })
}

fn q(json: &str) -> String {
    let bytes: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("q={bytes}")
}

/// The query of the link to the page behind this one.
fn following(server: &Server, query: &str) -> Result<String> {
    let page: Value = serde_json::from_slice(&server.list(&format!("{IMAGES}?{query}"))?)?;
    let next = page["view"]["next"]
        .as_str()
        .ok_or("there is no next page")?;
    let (_, query) = next.split_once('?').ok_or("a link without a query")?;
    Ok(query.to_owned())
}
