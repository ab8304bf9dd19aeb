//! How fast the PostgreSQL queue is: run it by name with `--ignored`, on a machine that does nothing else.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::time::{Duration, Instant};

use dlcs_core::queue::IngestQueue;
use dlcs_core::space::Space;
use dlcs_storage::catalogue::PostgresCatalogue;
use dlcs_testkit::fixture;
use dlcs_testkit::program::say;
use futures_util::future::join_all;

use crate::postgres_fixture::{Schema, schema_or_return};
use crate::postgres_sound::assert_sound;

const CLIENTS: usize = 4;
const BATCH: u32 = 250;
const CLAIMS: usize = 200;

async fn open(schema: &Schema) -> PostgresCatalogue {
    let config = schema.config_by_database_clock();
    PostgresCatalogue::open(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn submissions_per_second() {
    let schema = schema_or_return!("submissions_per_second");
    let node = open(&schema).await;
    for shared in [false, true] {
        let one = fixture::space(&node).await;
        let mut spaces: Vec<Space> = Vec::new();
        for _ in 0..CLIENTS {
            spaces.push(if shared {
                one.clone()
            } else {
                fixture::space(&node).await
            });
        }
        let begun = Instant::now();
        let client = async |(number, space): (usize, &Space)| {
            let mut images = 0;
            for batch in 0_u32.. {
                if begun.elapsed() > Duration::from_secs(10) {
                    break;
                }
                let items =
                    (0..BATCH).map(|n| fixture::item(space, &format!("{number}-{batch}-{n}")));
                node.submit(fixture::submission(space, items))
                    .await
                    .unwrap();
                images += BATCH;
            }
            images
        };
        let images: u32 = join_all(spaces.iter().enumerate().map(client))
            .await
            .into_iter()
            .sum();
        let rate = f64::from(images) / begun.elapsed().as_secs_f64();
        let place = if shared {
            "one space"
        } else {
            "spaces of their own"
        };
        say(&format!(
            "{CLIENTS} clients, batches of {BATCH}, {place}: {rate:.0} images/s"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn claims_by_backlog() {
    let schema = schema_or_return!("claims_by_backlog");
    let node = open(&schema).await;
    let space = fixture::space(&node).await;
    let raw = schema.raw().await;
    let mut filled = 0;
    for backlog in [1_000_i64, 400_000] {
        let many = backlog - filled;
        fill(&raw, &space, filled, many).await;
        filled = backlog - i64::try_from(2 * CLAIMS).unwrap();
        assert_sound(&raw, "after filling").await;
        for workers in [1, 4] {
            let worker = async |_| {
                let mut took = Vec::new();
                for _ in 0..CLAIMS / workers {
                    let begun = Instant::now();
                    let claimed = node.claim(fixture::claim()).await.unwrap().unwrap();
                    took.push(begun.elapsed());
                    let done = node
                        .complete(claimed.lease, fixture::derivative(100).into())
                        .await;
                    let _ = done.unwrap();
                }
                took
            };
            let begun = Instant::now();
            let mut took: Vec<_> = join_all((0..workers).map(worker))
                .await
                .into_iter()
                .flatten()
                .collect();
            let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
            took.sort_unstable();
            let at = |part: usize| took[took.len() * part / 100];
            say(&format!(
                "{backlog} waiting, {workers} workers: claims p50 {:?} p95 {:?} p99 {:?}; {rate:.0} claims with results/s",
                at(50),
                at(95),
                at(99)
            ));
        }
    }
}

/// Adds images that wait, as submissions would.
async fn fill(raw: &tokio_postgres::Client, space: &Space, from: i64, many: i64) {
    let (customer, id, to) = (space.customer.get(), space.id.get(), from + many);
    let sql = format!(
        "WITH made AS (
             INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
                 manifests, max_unauthorised, delivery_channels, created, queued, generation, state)
             SELECT {customer}, {id}, 'filled ' || n || ' of {many}', 'https://example.org/' || n, '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', n, n, 1,
                 'waiting'
             FROM generate_series({from}, {to} - 1) AS n RETURNING row_id
         )
         INSERT INTO jobs (image, customer, lane, host, generation, attempt, crashes, crashes_alone, set_apart, run_at)
         SELECT row_id, {customer}, 0, 'example.org', 1, 0, 0, 0, FALSE, row_id FROM made;
         UPDATE spaces SET image_count = image_count + {many} WHERE customer = {customer};
         INSERT INTO queue_shares VALUES ({customer}, 0, {many}, 0, 0, 0, 0, 1000000)
             ON CONFLICT (customer, lane) DO UPDATE SET waiting = queue_shares.waiting + {many};
         DELETE FROM queue_lines;
         INSERT INTO queue_lines SELECT customer, lane, host, run_at, id FROM jobs WHERE lease_token IS NULL ORDER BY run_at, id LIMIT 1"
    );
    raw.batch_execute("SET statement_timeout = 0")
        .await
        .unwrap();
    raw.batch_execute(&sql).await.unwrap();
}
