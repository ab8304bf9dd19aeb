//! Leases: kept while a database is away, given up when they are lost, given back when nobody needs them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dlcs_core::batch::Batch;
use dlcs_core::image::ImageState;
use dlcs_core::queue::{Claim, Claimed, Crashes, QueueError};
use dlcs_core::{CustomerId, Error, IngestQueue, Settings};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::fake::{Gate, OWNER, Script, Setting};

/// A claim of another node.
async fn claim_elsewhere(setting: &Setting) -> Option<Claimed> {
    let claim = Claim {
        owner: "another node",
        lease_for: Duration::from_secs(60),
        per_host: 8,
    };
    setting.backend.claim(claim).await.unwrap()
}

async fn submitted(setting: &Setting, name: &str) -> Batch {
    let batch = [setting.registration(name)];
    setting.dlcs.submit_batch(batch).await.unwrap()
}

async fn assert_completed(setting: &Setting, batch: &Batch) {
    let report = setting.dlcs.wait(CustomerId::FIRST, batch.id);
    let report = timeout(Duration::from_secs(300), report).await;
    let report = report.expect("it comes to its end").unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (1, 0));
}

async fn opened(gate: &Gate) {
    let opened = timeout(Duration::from_secs(60), gate.opened.notified()).await;
    opened.expect("somebody takes it up");
}

/// An image at an address that waits to be let go, claimed and opened by the workers of this process.
async fn under_way(setting: &Setting) -> (Arc<Gate>, Batch) {
    let gate = Arc::new(Gate::default());
    let script = Script::Gate(Arc::clone(&gate), "4x4");
    setting.origin.script("slow", script);
    let batch = submitted(setting, "slow").await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    opened(&gate).await;
    (gate, batch)
}

#[tokio::test(start_paused = true)]
async fn a_result_waits_for_a_database_that_is_away() {
    let setting = Setting::new().await;
    let (gate, batch) = under_way(&setting).await;
    setting.backend.refuse("complete", 3);
    let begun = Instant::now();
    gate.open.notify_one();
    assert_completed(&setting, &batch).await;
    assert_eq!(setting.backend.refused(), 3);
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 1, "kept");
    assert!(begun.elapsed() < Duration::from_secs(2), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_failure_waits_for_a_database_that_is_away() {
    let setting = Setting::new().await;
    setting.origin.script("html", Script::Bytes("<html>"));
    let batch = submitted(&setting, "html").await;
    setting.backend.refuse("fail", 3);
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting.dlcs.wait(CustomerId::FIRST, batch.id);
    let report = timeout(Duration::from_secs(10), report).await;
    let report = report.expect("it is told as soon as it can be").unwrap();
    assert_eq!(report.batch.errors, 1);
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_result_whose_answer_was_lost_counts_once() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("4x4"));
    setting.origin.script("html", Script::Bytes("<html>"));
    setting.backend.lose_answers("complete", 1);
    // What a node has in its memory may be older than the result.
    setting.backend.refuse("find_image", usize::MAX);
    let registered = setting.dlcs.register(setting.registration("a")).await;
    assert_eq!(registered.unwrap().image.width(), 4);
    setting.backend.refuse("find_image", 0);
    setting.backend.lose_answers("fail", 1);
    let refused = setting.dlcs.register(setting.registration("html")).await;
    assert!(matches!(refused, Err(Error::Ingest { .. })), "{refused:?}");
}

/// Gives up a task while the queue, which has just granted it a lease, answers; then the image is there for others, untried.
async fn assert_given_back(
    setting: &Setting,
    operation: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let gate = setting.backend.hold_answer(operation);
    let task = tokio::spawn(task);
    opened(&gate).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    gate.open.notify_one();
    let begun = Instant::now();
    let claimed = loop {
        if let Some(claimed) = claim_elsewhere(setting).await {
            break claimed;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{operation}");
        sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(claimed.lease.attempt(), 1);
    setting.backend.release(claimed.lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_given_back_whose_grant_nobody_waits_for() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("4x4"));
    let (dlcs, registration) = (setting.dlcs.clone(), setting.registration("a"));
    assert_given_back(&setting, "begin", async move {
        let _ = dlcs.register(registration).await;
    })
    .await;
    let workers = setting.dlcs.clone().run_workers(std::future::pending());
    assert_given_back(&setting, "claim", workers).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_longer_than_its_limit_although_the_database_is_away_at_its_end() {
    let mut settings = Settings::default();
    settings.drain = Duration::from_secs(20);
    let setting = Setting::with(settings).await;
    let gate = Arc::new(Gate::default());
    let script = Script::Gate(Arc::clone(&gate), "4x4");
    setting.origin.script("slow", script);
    submitted(&setting, "slow").await;
    let (stop, stopped) = oneshot::channel::<()>();
    let workers = setting.dlcs.clone().run_workers(async {
        let _ = stopped.await;
    });
    let workers = tokio::spawn(workers);
    opened(&gate).await;
    stop.send(()).unwrap();
    let begun = Instant::now();
    sleep(Duration::from_secs(18)).await;
    setting.backend.refuse("complete", usize::MAX);
    gate.open.notify_one();
    workers.await.unwrap();
    assert!(
        begun.elapsed() <= Duration::from_secs(21),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_database_that_was_away_for_longer_than_a_lease_counts_as_no_crash() {
    let setting = Setting::new().await;
    let (gate, batch) = under_way(&setting).await;
    for _ in 0..=Crashes::ISOLATE + Crashes::GIVE_UP {
        setting.backend.be_away(true);
        sleep(Duration::from_secs(150)).await;
        setting.backend.be_away(false);
        opened(&gate).await;
        let image = setting.dlcs.image(&setting.id("slow")).await.unwrap();
        assert!(matches!(image.state, ImageState::Ingesting { .. }));
    }
    // What is set apart is claimed by a process that holds nothing else.
    setting.origin.script("other", Script::Bytes("4x4"));
    let other = submitted(&setting, "other").await;
    assert_completed(&setting, &other).await;
    gate.open.notify_one();
    assert_completed(&setting, &batch).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_an_absence_of_its_queue_that_is_shorter() {
    let mut settings = Settings::default();
    // No beat falls between the absence and the end of the lease.
    settings.heartbeat = Duration::from_secs(25);
    let setting = Setting::with(settings).await;
    let (gate, batch) = under_way(&setting).await;
    sleep(Duration::from_secs(26)).await;
    setting.backend.be_away(true);
    sleep(Duration::from_secs(54)).await;
    setting.backend.be_away(false);
    sleep(Duration::from_secs(30)).await;
    assert!(claim_elsewhere(&setting).await.is_none(), "it is held");
    gate.open.notify_one();
    assert_completed(&setting, &batch).await;
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn work_is_given_up_when_somebody_else_has_its_lease() {
    let setting = Setting::new().await;
    let (gate, batch) = under_way(&setting).await;
    // As if this process had stood still for longer than its lease.
    setting.backend.reclaim(OWNER).await.unwrap();
    let theirs = claim_elsewhere(&setting).await.unwrap();
    sleep(setting.dlcs.settings().heartbeat + Duration::from_secs(1)).await;
    // Nobody waits at the gate any more: who comes next does.
    gate.open.notify_one();
    sleep(Duration::from_secs(1)).await;
    let image = setting.dlcs.image(&setting.id("slow")).await.unwrap();
    assert!(matches!(image.state, ImageState::Ingesting { .. }));
    setting.backend.release(theirs.lease).await.unwrap();
    assert_completed(&setting, &batch).await;
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn work_is_given_up_when_its_lease_has_ended_unrenewed() {
    let setting = Setting::with(Settings::default().with_workers(1)).await;
    let (gate, _batch) = under_way(&setting).await;
    setting.backend.refuse("renew", usize::MAX);
    sleep(setting.dlcs.settings().lease_for - Duration::from_secs(1)).await;
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 1);
    sleep(Duration::from_secs(2)).await;
    // It has been given back, and taken up again as a first attempt.
    opened(&gate).await;
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_dropped_is_in_the_queue_at_once() {
    let setting = Setting::new().await;
    let gate = Arc::new(Gate::default());
    let script = Script::Gate(Arc::clone(&gate), "4x4");
    setting.origin.script("slow", script);
    let registering = setting.dlcs.register(setting.registration("slow"));
    tokio::select! {
        ended = registering => panic!("{ended:?}"),
        () = gate.opened.notified() => {}
    }
    let begun = Instant::now();
    // A task gives it back, whose turn comes.
    let mut claimed = None;
    for _ in 0..100 {
        tokio::task::yield_now().await;
        claimed = claimed.or(claim_elsewhere(&setting).await);
    }
    let claimed = claimed.expect("nobody waits until its lease ends");
    assert_eq!(claimed.lease.attempt(), 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    setting.backend.release(claimed.lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_program_holds_that_stops_is_in_the_queue_at_once() {
    let setting = Setting::new().await;
    let gate = Arc::new(Gate::default());
    let script = Script::Gate(Arc::clone(&gate), "4x4");
    setting.origin.script("slow", script);
    let registration = setting.registration("slow");
    let dlcs = setting.dlcs.clone();
    let registering = tokio::spawn(async move { dlcs.register(registration).await });
    opened(&gate).await;
    assert!(claim_elsewhere(&setting).await.is_none(), "it is held");
    assert_eq!(setting.dlcs.release_all().await.unwrap(), 1);
    assert_eq!(setting.dlcs.release_all().await.unwrap(), 0);
    let claimed = claim_elsewhere(&setting).await.unwrap();
    assert_eq!(claimed.lease.attempt(), 1);
    gate.open.notify_one();
    let ended = registering.await.unwrap();
    assert!(matches!(ended, Err(Error::Superseded { .. })), "{ended:?}");
    setting.backend.release(claimed.lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_cannot_be_recorded_in_time_says_so_and_is_given_back() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("4x4"));
    setting.backend.refuse("complete", usize::MAX);
    let registered = setting.dlcs.register(setting.registration("a")).await;
    assert!(
        matches!(
            registered,
            Err(Error::Queue(QueueError::Unavailable { .. }))
        ),
        "{registered:?}"
    );
    setting.backend.refuse("complete", 0);
    tokio::task::yield_now().await;
    let image = setting.dlcs.image(&setting.id("a")).await.unwrap();
    assert!(matches!(image.state, ImageState::Waiting { .. }));
}

#[tokio::test(start_paused = true)]
async fn workers_stop_in_time_although_the_database_is_away() {
    let drain = Duration::from_secs(5);
    let setting = Setting::with(Settings::default().with_drain(drain)).await;
    setting.origin.script("a", Script::Bytes("4x4"));
    submitted(&setting, "a").await;
    setting.backend.refuse("complete", usize::MAX);
    let (stop, stopped) = oneshot::channel::<()>();
    let workers = tokio::spawn(setting.dlcs.clone().run_workers(async {
        let _ = stopped.await;
    }));
    sleep(Duration::from_secs(1)).await;
    setting.backend.be_away(true);
    stop.send(()).unwrap();
    let begun = Instant::now();
    workers.await.unwrap();
    assert!(begun.elapsed() < drain + Duration::from_secs(1));
    setting.backend.be_away(false);
    assert_eq!(setting.dlcs.release_all().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_claim_that_is_not_answered() {
    let mut settings = Settings::default();
    settings.drain = Duration::from_secs(20);
    let setting = Setting::with(settings).await;
    setting.origin.script("a", Script::Bytes("4x4"));
    submitted(&setting, "a").await;
    let gate = setting.backend.hold_answer("claim");
    let (stop, stopped) = oneshot::channel::<()>();
    let workers = tokio::spawn(setting.dlcs.clone().run_workers(async {
        let _ = stopped.await;
    }));
    opened(&gate).await;
    stop.send(()).unwrap();
    let ended = timeout(Duration::from_secs(21), workers).await;
    ended.expect("they end within the limit").unwrap();
    // What is granted after all is given back, untried.
    gate.open.notify_one();
    let given_back = timeout(Duration::from_secs(5), async {
        loop {
            if let Some(claimed) = claim_elsewhere(&setting).await {
                break claimed;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(given_back.await.unwrap().lease.attempt(), 1);
}
