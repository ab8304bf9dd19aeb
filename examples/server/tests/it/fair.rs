//! Whose turn it is, seen from the origins: customers share the time of workers, urgent images go first, and no host takes all workers.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::program::say;
use dlcs_testkit::server::{HttpServer, Reply};

use crate::api::{Api, asked, members, until};
use crate::database::Database;
use crate::photograph::tiny;
use crate::program::Program;

const WORKERS: usize = 4;
const QUEUE: &str = "/customers/1/queue";

/// A host of its own.
async fn elsewhere(last: u8) -> HttpServer {
    HttpServer::start_on(Ipv4Addr::new(127, 0, 0, last)).await
}

fn reply() -> Reply {
    Reply::bytes(tiny(1).file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_whose_images_take_long_leaves_the_time_of_workers_to_others() {
    /// How long an image of the slow customer takes at least: many times as long as one of the quick customer.
    const SLOW: Duration = Duration::from_secs(1);
    const QUICK_ONES: u64 = 300;
    let (slow_host, quick_host) = (elsewhere(2).await, elsewhere(3).await);
    let file = tiny(1).file;
    let dripping = Reply::bytes(file.clone()).dripping(file.len() / 2 + 1, SLOW);
    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let flags = |workers: &str| Api::flags(&["--workers", workers, "--per-host", "4"]);
    // Both have everything in the queue before anybody has a turn.
    let mut program = Program::start(data.path(), &flags("0"));
    let slow = api.customer(&program, "slow").await;
    let quick = api.customer(&program, "quick").await;
    let queue = |customer: u64| format!("/customers/{customer}/queue");
    let slow_ones = members(&slow_host, "s", 300, &dripping);
    let slow_batch = api.submit(&program, &queue(slow), &slow_ones).await;
    let quick_ones = members(&quick_host, "q", QUICK_ONES as usize, &reply());
    let quick_batch = api.submit(&program, &queue(quick), &quick_ones).await;
    program.sigterm();
    assert!(program.wait().success(), "{}", program.stderr());

    let begun = Instant::now();
    let program = Program::start(data.path(), &flags("4"));
    // While both have something left to do.
    api.completed(&program, &quick_batch, QUICK_ONES * 4 / 5)
        .await;
    let slow_batch = api.get(&program, &slow_batch).await;
    let done = slow_batch["completed"].as_u64().unwrap();
    let had = begun.elapsed() * WORKERS as u32;
    let part = (SLOW * done as u32).as_secs_f64() / had.as_secs_f64();
    say(&format!(
        "of {had:.1?} of workers the slow customer had {:.0} %, with {done} images",
        part * 100.0
    ));
    assert!(
        part <= 0.6,
        "{done} images of {SLOW:?} in {had:?} of workers"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_alone_has_every_worker() {
    let (host, gate) = (elsewhere(2).await, Gate::new());
    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let flags = Api::flags(&["--workers", "4", "--per-host", "4"]);
    let program = Program::start(data.path(), &flags);
    // One who had a share, and has nothing to do any more.
    let other = api.customer(&program, "other").await;
    let ones = members(&host, "other", 2, &reply());
    let batch = api
        .submit(&program, &format!("/customers/{other}/queue"), &ones)
        .await;
    assert_eq!(api.finished(&program, &batch).await, (2, 0));
    let ones = members(&host, "held", 12, &reply().gated(gate.clone()));
    let batch = api.submit(&program, QUEUE, &ones).await;
    until("every worker works", || {
        asked(&host, "/held").len() == WORKERS
    })
    .await;
    gate.open();
    assert_eq!(api.finished(&program, &batch).await, (12, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_begins_at_once_and_the_rest_goes_on() {
    let (host, gate) = (elsewhere(2).await, Gate::new());
    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let program = Program::start(data.path(), &Api::flags(&["--workers", "1"]));
    let mut ones = members(&host, "first", 1, &reply().gated(gate.clone()));
    ones.extend(members(&host, "default", 60, &reply()));
    let default = api.submit(&program, QUEUE, &ones).await;
    until("the worker is busy", || asked(&host, "/first").len() == 1).await;
    let urgent = members(&host, "urgent", 40, &reply());
    let priority = format!("{QUEUE}/priority");
    let urgent = api.submit(&program, &priority, &urgent).await;
    gate.open();
    assert_eq!(api.finished(&program, &urgent).await, (40, 0));
    assert_eq!(api.finished(&program, &default).await, (61, 0));

    let order = asked(&host, "/");
    let is_urgent = |target: &String| target.starts_with("/urgent");
    let waited = order.iter().skip(1).position(is_urgent).unwrap();
    assert!(waited <= 1, "one image ends, and then it begins: {order:?}");
    let last = order.iter().rposition(is_urgent).unwrap();
    let meanwhile = &order[1..=last];
    let of_default = meanwhile.iter().filter(|target| !is_urgent(target)).count();
    say(&format!(
        "{of_default} of {} images meanwhile were not urgent",
        meanwhile.len()
    ));
    assert!(
        of_default * 10 >= meanwhile.len(),
        "it is starved: {order:?}"
    );
    assert!(
        of_default * 4 <= meanwhile.len(),
        "it is not urgent: {order:?}"
    );
}

/// What hangs at one host, and what goes on meanwhile at another: with however many processes.
async fn one_host_hangs(programs: &[&Program]) {
    let (hanging, quick, gate) = (elsewhere(2).await, elsewhere(3).await, Gate::new());
    let (api, program) = (Api::new(), programs[0]);
    let ones = members(&hanging, "hanging", 30, &reply().gated(gate.clone()));
    let held = api.submit(program, QUEUE, &ones).await;
    // What `--per-host` is without a word: three of four workers, of all processes together.
    let limit = 3;
    until("they hang", || asked(&hanging, "/").len() >= limit).await;
    let batch = api
        .submit(program, QUEUE, &members(&quick, "quick", 40, &reply()))
        .await;
    assert_eq!(
        api.finished(program, &batch).await,
        (40, 0),
        "while the other hangs"
    );
    // And the fast lane is no way round it.
    let more = members(&hanging, "more", 10, &reply().gated(gate.clone()));
    let more = api
        .submit(program, &format!("{QUEUE}/priority"), &more)
        .await;
    let batch = api
        .submit(program, QUEUE, &members(&quick, "later", 10, &reply()))
        .await;
    assert_eq!(
        api.finished(program, &batch).await,
        (10, 0),
        "while the other hangs"
    );
    assert_eq!(
        asked(&hanging, "/").len(),
        limit,
        "held by {} processes",
        programs.len()
    );
    gate.open();
    assert_eq!(api.finished(program, &held).await, (30, 0));
    assert_eq!(api.finished(program, &more).await, (10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_leaves_workers_to_others() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &Api::flags(&["--workers", "4"]));
    one_host_hangs(&[&program]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_leaves_workers_of_several_processes_to_others() {
    let test = "a_host_that_hangs_leaves_workers_of_several_processes_to_others";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let bucket = crate::bucket::Bucket::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (url, store, key) = (database.url(), bucket.store_url(), "7".repeat(64));
    let shared = [
        "--database-url",
        &url,
        "--store-url",
        &store,
        "--sealing-key",
        &key,
    ];
    let start = |name: &str, roles: &str| {
        let flags = [&shared[..], &["--workers", "4", "--roles", roles]].concat();
        let variables = crate::bucket::Bucket::variables();
        Program::start_in(&folder.path().join(name), &Api::flags(&flags), &variables)
    };
    let first = start("first", "api,worker");
    let second = start("second", "worker");
    let third = start("third", "worker");
    one_host_hangs(&[&first, &second, &third]).await;
    drop((first, second, third));
    database.drop().await;
}
