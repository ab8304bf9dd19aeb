//! What channels and policies come to: what the processor is asked for, and what is served afterwards.

use std::sync::atomic::Ordering;

use dlcs_core::Registration;
use dlcs_core::derivative::{DerivativeKey, ProcessOptions};
use dlcs_core::image::{DeliveryChannel, ImageChanges, ImageSource, ImageState, OriginUrl};
use dlcs_core::policy::ImageOptimisationPolicy::{FastHigher, FastLossy, Lossless};
use dlcs_core::policy::{Channel, ThumbnailPolicy};
use dlcs_core::space::SpaceChanges;
use dlcs_core::{DerivativeStore, Error};

use crate::fake::{Script, Setting, address};

/// Channels as `channel/policy`, separated by spaces.
fn channels(text: &str) -> Vec<DeliveryChannel> {
    let channel = |text: &str| {
        let (channel, policy) = text.split_once('/').unwrap_or((text, ""));
        DeliveryChannel {
            channel: channel.into(),
            policy: (!policy.is_empty()).then(|| policy.into()),
        }
    };
    text.split_whitespace().map(channel).collect()
}

fn delivered_by(text: &str) -> ImageChanges {
    ImageChanges {
        delivery_channels: Some(channels(text)),
        ..ImageChanges::default()
    }
}

async fn give_space(setting: &Setting, policy: &str) {
    let changes = SpaceChanges {
        image_optimisation_policy: Some(policy.into()),
        ..SpaceChanges::default()
    };
    let space = &setting.space;
    let catalogue = setting.dlcs.catalogue();
    let changed = catalogue.update_space(space.customer, space.id, changes);
    changed.await.unwrap();
}

#[tokio::test]
async fn the_processor_is_asked_for_exactly_what_channels_and_policies_say() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    let standard = ThumbnailPolicy::Standard.sizes();
    for (named, of_image, of_space, policy, use_original, thumbnails) in [
        ("", "", "", FastLossy, false, standard),
        ("default", "", "", FastLossy, false, standard),
        ("", "fast-higher", "", FastHigher, false, standard),
        ("", "", "lossless", Lossless, false, standard),
        ("", "fast-higher", "lossless", FastHigher, false, standard),
        ("iiif-img", "", "fast-higher", FastHigher, false, &[]),
        ("iiif-img/default", "lossless", "", Lossless, false, &[]),
        ("iiif-img/use-original", "", "", FastLossy, true, &[]),
        (
            "iiif-img/use-original thumbs",
            "",
            "fast-higher",
            FastHigher,
            true,
            standard,
        ),
        ("thumbs", "", "", FastLossy, false, standard),
        (
            "iiif-img thumbs/default file",
            "",
            "",
            FastLossy,
            false,
            standard,
        ),
    ] {
        give_space(&setting, of_space).await;
        let changes = ImageChanges {
            image_optimisation_policy: Some(of_image.into()),
            source: Some(ImageSource::Origin(
                OriginUrl::parse(&address("a")).unwrap(),
            )),
            ..delivered_by(named)
        };
        let registration = setting.registration("a").with_changes(changes);
        setting.dlcs.register(registration).await.unwrap();
        let mut expected = ProcessOptions::default()
            .with_policy(policy)
            .with_thumbnails(thumbnails);
        if use_original {
            expected = expected.with_original();
        }
        assert_eq!(
            setting.pixels.take_asked(),
            [expected],
            "{named} {of_image} {of_space}"
        );
    }
}

#[tokio::test]
async fn a_change_of_channels_or_policies_processes_again_and_others_do_not() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    let registration = setting.registration("a");
    setting.dlcs.register(registration).await.unwrap();
    setting.pixels.take_asked();
    let policy = |name: &str| ImageChanges {
        image_optimisation_policy: Some(name.into()),
        ..ImageChanges::default()
    };
    let thumbnails = |name: &str| ImageChanges {
        thumbnail_policy: Some(name.into()),
        ..ImageChanges::default()
    };
    let lossless = ProcessOptions::default().with_policy(Lossless);
    let original = lossless.clone().with_thumbnails(&[]).with_original();
    for (change, expected) in [
        (policy(""), None),
        (policy("lossless"), Some(&lossless)),
        (policy("lossless"), None),
        (thumbnails("standard"), Some(&lossless)),
        (thumbnails("standard"), None),
        (delivered_by("iiif-img/use-original"), Some(&original)),
        (delivered_by("iiif-img/use-original"), None),
        (delivered_by(""), Some(&lossless)),
    ] {
        let said = format!("{change:?}");
        let id = setting.id("a");
        let updated = setting.dlcs.update_image(&id, change);
        updated.await.unwrap();
        let asked = setting.pixels.take_asked();
        assert_eq!(
            asked.iter().collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_image_that_is_not_to_be_processed_is_registered_without_fetching() {
    let setting = Setting::new().await;
    // Nothing is at its origin: whoever asked would fail.
    let registration = setting.registration("a").with_channels(channels("none"));
    let registered = setting.dlcs.register(registration).await.unwrap();
    assert!(registered.created);
    let image = registered.image;
    assert!(
        matches!(image.state, ImageState::Registered { .. }),
        "{:?}",
        image.state
    );
    assert_eq!((image.width(), image.height()), (0, 0));
    assert_eq!(
        (image.state.error(), image.state.is_pending()),
        (None, false)
    );
    assert!(image.state.finished().is_some());
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 0);
    assert_eq!(*setting.dlcs.image(&image.id).await.unwrap(), image);
}

#[tokio::test]
async fn an_image_can_be_withdrawn_from_processing_and_taken_back() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    let (dlcs, id) = (&setting.dlcs, setting.id("a"));
    let served = dlcs
        .register(setting.registration("a"))
        .await
        .unwrap()
        .image;
    let key = served.service().unwrap().key(&id);
    let withdrawn = dlcs.update_image(&id, delivered_by("none")).await.unwrap();
    assert_eq!(withdrawn.service(), None);
    assert!(matches!(withdrawn.state, ImageState::Registered { .. }));
    assert!(
        setting.store.length(&key).await.is_ok(),
        "readers have a minute"
    );
    let back = dlcs.update_image(&id, delivered_by("iiif-img")).await;
    assert_eq!(back.unwrap().width(), 640);
}

#[tokio::test]
async fn bytes_that_came_with_an_image_wait_until_it_is_to_be_processed() {
    let setting = Setting::new().await;
    let registration = Registration::new(&setting.space)
        .with_id("a".parse().unwrap())
        .with_bytes("30x20")
        .with_channels(channels("none"));
    let image = setting.dlcs.register(registration).await.unwrap().image;
    let ImageSource::Upload(upload) = image.source else {
        panic!("{:?}", image.source)
    };
    let kept = setting.store.length(&DerivativeKey::Upload(upload)).await;
    assert_eq!(kept.unwrap(), 5);
    let processed = setting.dlcs.update_image(&image.id, delivered_by(""));
    assert_eq!(processed.await.unwrap().width(), 30);
}

#[tokio::test]
async fn a_batch_counts_what_is_not_to_be_processed_as_completed() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    let unprocessed = setting.registration("b").with_channels(channels("none"));
    let batch = [setting.registration("a"), unprocessed];
    let batch = setting.dlcs.submit_batch(batch).await.unwrap();
    let report = tokio::select! {
        () = setting.dlcs.clone().run_workers(std::future::pending()) => panic!("workers stop when they are told"),
        report = setting.dlcs.wait(batch.customer, batch.id) => report.unwrap(),
    };
    assert_eq!((report.batch.completed, report.batch.errors), (2, 0));
    let image = setting.dlcs.image(&setting.id("b")).await.unwrap();
    assert!(image.has_channel(Channel::None) && image.service().is_none());
}

#[tokio::test]
async fn a_policy_that_nobody_knows_is_an_error_that_names_it() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    // Only the wire checks what is said of a space.
    give_space(&setting, "from-the-future").await;
    let error = setting.dlcs.register(setting.registration("a")).await;
    let Err(Error::Ingest { image, source }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        source.sentence(),
        "the image optimisation policy `from-the-future` is not known: name another"
    );
    assert_eq!(image.state.error(), Some(source.sentence().as_str()));
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_source_that_is_kept_is_of_the_type_that_its_bytes_say() {
    let setting = Setting::new().await;
    for (bytes, declared, expected) in [
        ("640x480", "text/html", "image/fake"),
        ("640x480", "image/png", "image/fake"),
        ("640x480", "", "image/fake"),
        ("words", "text/html", "text/html"),
        ("words", "", "application/octet-stream"),
    ] {
        setting.origin.script("a", Script::Bytes(bytes));
        let changes = ImageChanges {
            media_type: Some(declared.into()),
            source: Some(ImageSource::Origin(
                OriginUrl::parse(&address("a")).unwrap(),
            )),
            ..delivered_by("file")
        };
        let registration = setting.registration("a").with_changes(changes);
        let registered = setting.dlcs.register(registration).await.unwrap();
        let kept = registered.image.original.expect("it is kept");
        assert_eq!(kept.source.media_type, expected, "{bytes}, {declared}");
    }
}
