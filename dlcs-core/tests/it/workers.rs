//! Batches and the workers that process them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dlcs_core::image::ImageState;
use dlcs_core::ingest::IngestError;
use dlcs_core::{CustomerId, DerivativeStore, Error, Settings};
use tokio::sync::oneshot;

use crate::fake::{Gate, Script, Setting};

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
