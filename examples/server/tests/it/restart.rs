//! The program is killed, or stopped for longer than its leases last: what it held is done soon, once, and not lost.

use std::path::Path;
use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::program::say;
use dlcs_testkit::server::{HttpServer, Reply};
use reqwest::StatusCode;

use crate::api::{Api, asked, members, until};
use crate::database::Database;
use crate::library::objects;
use crate::photograph::tiny;
use crate::program::{Program, signal};

/// Much less than a lease, and much more than a start takes: a busy machine is no failure.
const SOON: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(2);
const QUEUE: &str = "/customers/1/queue";

/// Kills the program in the middle of work, and sees when its successor works on it.
async fn goes_on_soon(what: &str, flags: &[String]) {
    let (origin, gate) = (HttpServer::start().await, Gate::new());
    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let program = Program::start(data.path(), flags);
    let held = Reply::bytes(tiny(1).file).gated(gate.clone());
    let images = members(&origin, "held", 6, &held);
    let batch = api.submit(&program, QUEUE, &images).await;
    until("two are in work", || asked(&origin, "/held").len() == 2).await;
    program.sigkill();
    let begun = Instant::now();
    let program = Program::start(data.path(), flags);
    let ready = begun.elapsed();
    until("they are in work again", || {
        asked(&origin, "/held").len() >= 4
    })
    .await;
    let works = begun.elapsed();
    say(&format!(
        "{what}: ready after {ready:.2?}, at work again after {works:.2?}"
    ));
    assert!(works < SOON, "{works:?}");
    let asked = asked(&origin, "/held");
    let what_was_held = asked[2..]
        .iter()
        .filter(|target| asked[..2].contains(target));
    assert_eq!(what_was_held.count(), 2, "first what was held: {asked:?}");
    gate.open();
    assert_eq!(api.finished(&program, &batch).await, (6, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_held_is_in_work_soon_after_its_next_start() {
    goes_on_soon(
        "SQLite",
        &Api::flags(&["--workers", "2", "--per-host", "2"]),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_held_is_in_work_soon_after_its_next_start() {
    let test = "what_a_killed_node_held_is_in_work_soon_after_its_next_start";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let url = database.url();
    let flags = ["--workers", "2", "--per-host", "2", "--database-url", &url];
    goes_on_soon("PostgreSQL", &Api::flags(&flags)).await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_for_longer_than_its_leases_does_nothing_twice() {
    const IMAGES: usize = 8;
    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let origin = HttpServer::start().await;
    let flags = Api::flags(&["--workers", "3", "--per-host", "3", "--lease", "2"]);
    let mut program = Program::start(data.path(), &flags);
    let mut batches = Vec::new();
    for (round, answers_meanwhile) in [true, false, true, false].into_iter().enumerate() {
        let (gate, sound) = (Gate::new(), Reply::bytes(tiny(1).file));
        let held = sound.clone().gated(gate.clone());
        let mut images = members(&origin, &format!("held-{round}"), 2, &held);
        images.extend(members(
            &origin,
            &format!("quick-{round}"),
            IMAGES - 2,
            &sound,
        ));
        let now = origin.route(&format!("/now-{round}.jpg"), held);
        let now = api.put(&program, &format!("now-{round}"), now.as_str());
        let now = tokio::spawn(now.send());
        batches.push(api.submit(&program, QUEUE, &images).await);
        let all = || {
            let of_batch = asked(&origin, &format!("/held-{round}")).len();
            of_batch == 2 && asked(&origin, &format!("/now-{round}")).len() == 1
        };
        until("everything is in work that takes long", all).await;
        signal(program.id(), "STOP");
        if answers_meanwhile {
            gate.open();
        }
        // What this is about: nothing happens, for longer than a lease.
        tokio::time::sleep(LEASE * 2).await;
        signal(program.id(), "CONT");
        assert_eq!(
            reqwest::get(program.at("/ready")).await.unwrap().status(),
            StatusCode::OK
        );
        gate.open();
        let answer = now.await.unwrap().unwrap();
        // It was recorded, or given back to the queue with a word.
        let is_known = [StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE];
        assert!(is_known.contains(&answer.status()), "{}", answer.status());
        say(&format!(
            "round {round}: the registration was answered {}",
            answer.status()
        ));
        let done = api.finished(&program, batches.last().unwrap()).await;
        assert_eq!(done, (IMAGES as u64, 0));
    }
    let rounds = batches.len();
    let drained = async || api.get(&program, QUEUE).await["size"] == 0;
    let begun = Instant::now();
    while !drained().await {
        assert!(begun.elapsed() < SOON, "something is left in the queue");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for batch in &batches {
        assert_eq!(api.finished(&program, batch).await, (IMAGES as u64, 0));
    }
    program.sigterm();
    assert!(program.wait().success(), "{}", program.stderr());
    assert!(
        !program.stderr().contains("panicked"),
        "{}",
        program.stderr()
    );
    let images = (rounds * (IMAGES + 1)) as i64;
    assert_eq!(
        effects(data.path()),
        [images, images, 0],
        "ready, recorded, failed"
    );
    let directory = data.path().to_str().unwrap();
    let fsck = Program::run(&["fsck", "--data-dir", directory, "--grace", "0"]);
    let said = String::from_utf8(fsck.stdout).unwrap();
    assert_eq!(fsck.status.code(), Some(0), "{said}");
    let served = objects(&data.path().join("derivatives/images")).len() as i64;
    assert!(served >= images, "{served} objects of {images} images");
}

/// How many images are ready, and how many results were recorded, good ones and bad ones.
fn effects(data: &Path) -> [i64; 3] {
    let database = rusqlite::Connection::open(data.join("dlcs.sqlite")).unwrap();
    let sql = "SELECT (SELECT count(*) FROM images WHERE state = 'ready'), sum(succeeded), sum(failed) FROM queue_shares";
    let row = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
    database.query_row(sql, [], row).unwrap()
}
