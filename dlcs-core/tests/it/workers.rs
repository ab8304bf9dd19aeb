//! Batches and the workers that process them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dlcs_core::batch::Batch;
use dlcs_core::dlcs::BatchReport;
use dlcs_core::image::ImageState;
use dlcs_core::ingest::IngestError;
use dlcs_core::{CustomerId, DerivativeStore, Error, Registration, Settings};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::fake::{Gate, Script, Setting, StoreFault};

#[tokio::test]
async fn a_batch_ends_although_some_of_it_fail() {
    let setting = Setting::new().await;
    for name in ["a", "b", "c"] {
        setting.origin.script(name, Script::Bytes("4x4"));
    }
    setting.origin.script("html", Script::Bytes("<html>"));
    let names = ["a", "html", "b", "missing", "c"];
    let batch = setting
        .dlcs
        .submit_batch(names.map(|name| setting.registration(name)))
        .await
        .unwrap();
    assert_eq!(
        (batch.count, batch.completed, batch.errors, batch.finished),
        (5, 0, 0, None)
    );

    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, batch.id)
        .await
        .unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (3, 2));
    let failed: Vec<_> = report
        .failed
        .iter()
        .map(|image| image.id.model().as_str())
        .collect();
    assert_eq!(failed, ["html", "missing"]);
    assert!(
        report
            .failed
            .iter()
            .all(|image| image.state.error().is_some_and(|error| !error.is_empty()))
    );
}

#[tokio::test(start_paused = true)]
async fn queued_images_are_tried_again_until_their_origin_comes_back_or_their_attempts_are_used_up()
{
    let setting = Setting::new().await;
    setting.origin.script("late", Script::Unavailable(3, "4x4"));
    setting
        .origin
        .script("never", Script::Unavailable(usize::MAX, "4x4"));
    let batch = ["late", "never"].map(|name| setting.registration(name));
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, batch.id)
        .await
        .unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (1, 1));
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 4 + 5);
    assert!(
        report.failed[0]
            .state
            .error()
            .is_some_and(|error| error.contains("5 attempts"))
    );
}

/// Whether each wait took as long as was meant, and no longer than it takes to see that it is over.
fn assert_waited(gaps: &[f64], meant: &[std::ops::RangeInclusive<f64>]) {
    assert_eq!(gaps.len(), meant.len(), "{gaps:?}");
    for (gap, meant) in gaps.iter().zip(meant) {
        assert!(
            (*meant.start()..=meant.end() + 1.1).contains(gap),
            "{gaps:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_wait_is_twice_as_long_unless_the_origin_asks_for_more() {
    let setting = Setting::new().await;
    let never = Script::Unavailable(usize::MAX, "4x4");
    setting.origin.script("never", never);
    let asked = Duration::from_secs(100);
    setting.origin.script("busy", Script::Busy(asked));
    let batch = ["never", "busy"].map(|name| setting.registration(name));
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    report_in_time(&setting, &batch).await;
    let meant = [2.0, 4.0, 8.0, 16.0].map(|seconds| seconds * 0.8..=seconds * 1.2);
    assert_waited(&setting.origin.gaps("never"), &meant);
    assert_waited(&setting.origin.gaps("busy"), &[const { 100.0..=100.0 }; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_has_failed_although_its_lease_is_renewed() {
    let limit = Duration::from_secs(100);
    let settings = Settings::default().with_attempt_limit(limit);
    let setting = Setting::with(settings.with_attempts(2, Duration::ZERO)).await;
    let gate = Arc::new(Gate::default());
    setting.origin.script("slow", Script::Gate(gate, "4x4"));
    let begun = Instant::now();
    let batch = [setting.registration("slow")];
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = report_in_time(&setting, &batch).await;
    assert_eq!((report.batch.completed, report.batch.errors), (0, 1));
    let error = report.failed[0].state.error().unwrap();
    assert!(error.contains("longer than 100 seconds"), "{error}");
    let waited = begun.elapsed();
    assert!(waited >= limit * 2 && waited < limit * 3, "{waited:?}");
    let refused = setting.dlcs.register(setting.registration("slow")).await;
    let Err(Error::Ingest { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(source, IngestError::TookTooLong { .. }),
        "{source:?}"
    );
}

#[tokio::test]
async fn workers_that_are_told_to_stop_give_back_what_they_cannot_finish() {
    let setting = Setting::with(Settings::default().with_drain(Duration::ZERO)).await;
    let gate = Arc::new(Gate::default());
    setting
        .origin
        .script("slow", Script::Gate(Arc::clone(&gate), "4x4"));
    let batch = setting
        .dlcs
        .submit_batch([setting.registration("slow")])
        .await
        .unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let workers = tokio::spawn(setting.dlcs.clone().run_workers(async {
        let _ = stopped.await;
    }));
    gate.opened.notified().await;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), workers)
        .await
        .expect("workers stop in time")
        .unwrap();

    let image = setting.dlcs.image(&setting.id("slow")).await.unwrap();
    assert!(
        matches!(image.state, ImageState::Waiting { .. }),
        "{:?}",
        image.state
    );
    setting.origin.script("slow", Script::Bytes("4x4"));
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, batch.id)
        .await
        .unwrap();
    assert_eq!(report.batch.completed, 1);
}

#[tokio::test]
async fn a_batch_is_refused_whole() {
    let setting = Setting::with(Settings::default().with_max_batch_size(2)).await;
    let batch = |names: &[&str]| {
        names
            .iter()
            .map(|name| setting.registration(name))
            .collect::<Vec<_>>()
    };
    assert!(matches!(
        setting.dlcs.submit_batch(batch(&[])).await,
        Err(Error::BatchEmpty)
    ));
    let error = setting
        .dlcs
        .submit_batch(batch(&["a", "b", "c"]))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::BatchTooLarge { count: 3, limit: 2 }));
    assert!(matches!(
        setting.dlcs.submit_batch(batch(&["a", "a"])).await,
        Err(Error::Queue(_))
    ));
    assert!(setting.dlcs.image(&setting.id("a")).await.is_err());
}

#[tokio::test]
async fn a_backend_that_panics_fails_its_image_and_nothing_else() {
    let setting = Setting::new().await;
    setting.origin.script("panics", Script::Panic);
    setting.origin.script("good", Script::Bytes("4x4"));
    let batch = ["panics", "good"].map(|name| setting.registration(name));
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, batch.id)
        .await
        .unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (1, 1));
    assert!(
        report.failed[0]
            .state
            .error()
            .is_some_and(|error| error.contains("fault of this program"))
    );

    let error = setting
        .dlcs
        .register(setting.registration("panics"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Ingest {
                source: IngestError::Panicked,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_out_of_order_costs_no_image_its_attempts() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("4x4"));
    let batch = setting
        .dlcs
        .submit_batch([setting.registration("a")])
        .await
        .unwrap();
    setting.store.refuse_puts(20);
    assert!(
        setting.dlcs.ready().await.is_err(),
        "what cannot be stored cannot be served"
    );
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, batch.id)
        .await
        .unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (1, 0));
    setting.dlcs.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_keeps_nothing_else_from_being_collected() {
    let setting = Setting::new().await;
    for name in ["a", "b", "c"] {
        setting.origin.script(name, Script::Bytes("4x4"));
        setting
            .dlcs
            .register(setting.registration(name))
            .await
            .unwrap();
        setting.dlcs.delete_image(&setting.id(name)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    setting.store.refuse_deletes(1);
    assert_eq!(setting.dlcs.collect().await.unwrap(), 2);
    assert_eq!(setting.dlcs.collect().await.unwrap(), 1);
    assert_eq!(setting.store.list().await.unwrap(), []);
}

/// How far a batch comes in ten minutes.
async fn report_in_time(setting: &Setting, batch: &Batch) -> BatchReport {
    let report = setting.dlcs.wait(CustomerId::FIRST, batch.id);
    let report = tokio::time::timeout(Duration::from_secs(600), report).await;
    report.expect("every job comes to an end").unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_alone_cannot_be_read_ends_and_holds_up_nobody() {
    let setting = Setting::with(Settings::default().with_workers(1)).await;
    let sent = Registration::new(&setting.space)
        .with_id("sent".parse().unwrap())
        .with_bytes("4x4");
    let sent = setting.dlcs.submit_batch([sent]).await.unwrap();
    setting.store.set_fault(Some(StoreFault::Unreadable));
    setting.origin.script("sound", Script::Bytes("4x4"));
    let sound = setting.registration("sound");
    let sound = setting.dlcs.submit_batch([sound]).await.unwrap();
    let begun = Instant::now();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    let report = report_in_time(&setting, &sound).await;
    assert_eq!(report.batch.completed, 1);
    assert!(begun.elapsed() < Duration::from_secs(1), "it goes on");
    let report = report_in_time(&setting, &sent).await;
    let sentence = report.failed[0].state.error().unwrap();
    assert!(sentence.contains("a fault of this server"), "{sentence}");
}

/// One worker, and an image in a batch for which there is no room.
async fn without_room() -> (Setting, Batch) {
    let setting = Setting::with(Settings::default().with_workers(1)).await;
    setting
        .store
        .set_fault(Some(StoreFault::TooLarge(setting.id("large"))));
    setting.origin.script("large", Script::Bytes("4x4"));
    let large = setting.registration("large");
    let large = setting.dlcs.submit_batch([large]).await.unwrap();
    (setting, large)
}

#[tokio::test(start_paused = true)]
async fn an_image_for_which_there_is_no_room_waits_longer_and_longer_uncharged() {
    let (setting, large) = without_room().await;
    setting.origin.script("small", Script::Bytes("4x4"));
    let small = setting.registration("small");
    let small = setting.dlcs.submit_batch([small]).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    assert_eq!(report_in_time(&setting, &small).await.batch.completed, 1);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let fetched = setting.origin.opened.load(Ordering::SeqCst);
    // After 0, 2, 4, 8, … seconds, and every ten minutes in the end.
    assert!((10..20).contains(&fetched), "{fetched}");
    setting.store.set_fault(None);
    let report = report_in_time(&setting, &large).await;
    assert_eq!((report.batch.completed, report.batch.errors), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_image_for_which_there_never_is_room_fails_after_a_day_where_others_find_some() {
    let (setting, large) = without_room().await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    setting.origin.script("small", Script::Bytes("4x4"));
    let (dlcs, small) = (setting.dlcs.clone(), setting.registration("small"));
    tokio::spawn(async move {
        loop {
            dlcs.register(small.clone()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1800)).await;
        }
    });
    let begun = Instant::now();
    let report = setting
        .dlcs
        .wait(CustomerId::FIRST, large.id)
        .await
        .unwrap();
    let hours = begun.elapsed().as_secs_f64() / 3600.0;
    assert!((18.0..30.0).contains(&hours), "{hours}");
    assert_eq!((report.batch.completed, report.batch.errors), (0, 1));
    let error = report.failed[0].state.error().unwrap();
    assert!(error.contains("the store is full"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_full_for_days_fails_no_image() {
    let (setting, large) = without_room().await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(3 * 86_400)).await;
    let image = setting.dlcs.image(&setting.id("large")).await.unwrap();
    assert!(image.state.error().is_none(), "{:?}", image.state);
    setting.store.set_fault(None);
    let report = report_in_time(&setting, &large).await;
    assert_eq!((report.batch.completed, report.batch.errors), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_has_waited_long_is_put_off_for_a_moment_like_others() {
    let (setting, large) = without_room().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    while setting.origin.opened.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    // The disk was full for a moment; the first attempt has met it by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    setting.store.set_fault(None);
    let report = report_in_time(&setting, &large).await;
    assert_eq!((report.batch.completed, report.batch.errors), (1, 0));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_while_nothing_can_be_stored() {
    let setting = Setting::new().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        setting.origin.script(name, Script::Bytes("4x4"));
    }
    setting.store.refuse_puts(usize::MAX);
    let batch = names.map(|name| setting.registration(name));
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    tokio::spawn(setting.dlcs.clone().run_workers(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let fetched = setting.origin.opened.load(Ordering::SeqCst);
    assert_eq!(fetched, setting.dlcs.settings().workers, "once by each");
    setting.store.refuse_puts(0);
    let report = setting.dlcs.wait(CustomerId::FIRST, batch.id);
    let report = tokio::time::timeout(Duration::from_secs(10), report).await;
    let report = report.expect("it goes on at once").unwrap();
    assert_eq!((report.batch.completed, report.batch.errors), (6, 0));
}
