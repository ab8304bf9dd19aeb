//! Immediate registration.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::dlcs::Bootstrap;
use dlcs_core::image::{
    ImageChanges, ImageSource, ImageState, OpenAccess, OriginUrl, RegistrationMode,
};
use dlcs_core::ingest::IngestError;
use dlcs_core::origin::OriginError;
use dlcs_core::queue::{QueueError, SubmissionProblemKind};
use dlcs_core::space::SpaceChanges;
use dlcs_core::{Error, Registration, Settings};

use crate::fake::{Gate, Script, Setting, address};

#[tokio::test]
async fn an_image_is_served_when_its_registration_returns() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    let first = setting
        .dlcs
        .register(setting.registration("a").with_string1("bib1"))
        .await
        .unwrap();
    assert!(first.created);
    assert_eq!((first.image.width(), first.image.height()), (640, 480));

    let again = setting
        .dlcs
        .register(setting.registration("a").with_number1(7))
        .await
        .unwrap();
    assert!(!again.created);
    assert_eq!(
        again.image.metadata.strings[0], "bib1",
        "an omitted property keeps its value"
    );
    assert_eq!(again.image.metadata.numbers[0], 7);
    assert_eq!(again.image.generation.get(), 2);
    assert_eq!(
        setting.origin.opened.load(Ordering::SeqCst),
        2,
        "each registration fetches"
    );
}

#[tokio::test]
async fn an_id_is_assigned_when_none_is_given() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("1x1"));
    let registration = || {
        Registration::new(&setting.space)
            .with_origin(&address("a"))
            .unwrap()
    };
    let one = setting
        .dlcs
        .register(registration())
        .await
        .unwrap()
        .image
        .id;
    let two = setting
        .dlcs
        .register(registration())
        .await
        .unwrap()
        .image
        .id;
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_failed_registration_keeps_the_record_and_what_was_served() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("640x480"));
    setting
        .dlcs
        .register(setting.registration("a"))
        .await
        .unwrap();
    for (script, sentence) in [
        (
            Script::Missing,
            "the origin has nothing at that address (status 404)",
        ),
        (
            Script::Bytes("<html>"),
            "the source is not an image that can be read: text",
        ),
    ] {
        setting.origin.script("a", script);
        let Err(Error::Ingest { image, source }) =
            setting.dlcs.register(setting.registration("a")).await
        else {
            panic!("the registration must fail");
        };
        assert!(
            source.sentence().contains(sentence),
            "{}",
            source.sentence()
        );
        assert_eq!(image.state.error(), Some(source.sentence().as_str()));
        let kept = setting.dlcs.image(&setting.id("a")).await.unwrap();
        assert_eq!(
            (kept.width(), kept.service().unwrap().generation.get()),
            (640, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_may_pass_are_tried_again_within_bounds() {
    let setting = Setting::new().await;
    setting.origin.script("soon", Script::Unavailable(2, "5x5"));
    assert_eq!(
        setting
            .dlcs
            .register(setting.registration("soon"))
            .await
            .unwrap()
            .image
            .width(),
        5
    );

    setting
        .origin
        .script("never", Script::Unavailable(usize::MAX, "5x5"));
    let began = tokio::time::Instant::now();
    let error = setting
        .dlcs
        .register(setting.registration("never"))
        .await
        .unwrap_err();
    assert!(
        began.elapsed() <= Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    let Error::Ingest {
        source: IngestError::Fetch {
            attempts, source, ..
        },
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(matches!(
        source,
        OriginError::Unavailable {
            status: Some(503),
            ..
        }
    ));
    assert!((2..=5).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn bytes_wait_in_the_store_until_the_image_is_ready() {
    let setting = Setting::new().await;
    let registration = Registration::new(&setting.space)
        .with_id("b".parse().unwrap())
        .with_bytes("30x20");
    let image = setting.dlcs.register(registration).await.unwrap().image;
    assert_eq!((image.width(), image.height()), (30, 20));
    assert!(matches!(image.source, ImageSource::Upload(_)));
}

#[tokio::test]
async fn refusals_store_nothing() {
    let setting = Setting::new().await;
    let missing_space = dlcs_core::SpaceId::new(99).unwrap();
    let cases = [
        (
            Registration::new(&setting.space).with_id("x".parse().unwrap()),
            SubmissionProblemKind::SourceMissing,
        ),
        (
            Registration::in_space(setting.space.customer, missing_space).with_bytes("1x1"),
            SubmissionProblemKind::SpaceNotFound,
        ),
    ];
    for (registration, kind) in cases {
        let error = setting.dlcs.register(registration).await.unwrap_err();
        let Error::Queue(QueueError::Refused { problems }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(problems[0].kind, kind);
    }
    setting.origin.script("a", Script::Bytes("1x1"));
    setting
        .dlcs
        .register(setting.registration("a"))
        .await
        .unwrap();
    let again = setting
        .registration("a")
        .with_mode(RegistrationMode::CreateOnly);
    let error = setting.dlcs.register(again).await.unwrap_err();
    let Error::Queue(QueueError::Refused { problems }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(problems[0].kind, SubmissionProblemKind::AlreadyExists);
    assert!(setting.dlcs.image(&setting.id("x")).await.is_err());
}

#[tokio::test]
async fn an_origin_that_nobody_serves_is_refused_with_the_feature_that_would() {
    let setting = Setting::new().await;
    let registration = Registration::new(&setting.space)
        .with_origin("s3://bucket/key")
        .unwrap();
    let Err(Error::Invalid { problems }) = setting.dlcs.register(registration).await else {
        panic!()
    };
    assert_eq!(problems[0].field, "origin");
    assert!(
        problems[0].reason.contains("origin-s3"),
        "{}",
        problems[0].reason
    );
}

#[tokio::test]
async fn a_change_processes_again_only_when_it_must() {
    let setting = Setting::new().await;
    setting.origin.script("a", Script::Bytes("1x1"));
    setting.origin.script("b", Script::Bytes("2x2"));
    setting
        .dlcs
        .register(setting.registration("a"))
        .await
        .unwrap();
    let id = setting.id("a");

    let metadata = ImageChanges {
        strings: [Some("s".into()), None, None],
        ..ImageChanges::default()
    };
    let image = setting.dlcs.update_image(&id, metadata).await.unwrap();
    assert_eq!(
        (image.generation.get(), image.metadata.strings[0].as_str()),
        (1, "s")
    );

    let source = Some(ImageSource::Origin(
        OriginUrl::parse(&address("b")).unwrap(),
    ));
    let image = setting
        .dlcs
        .update_image(
            &id,
            ImageChanges {
                source,
                ..ImageChanges::default()
            },
        )
        .await
        .unwrap();
    assert_eq!((image.generation.get(), image.width()), (2, 2));
}

#[tokio::test]
async fn a_spaces_defaults_apply_to_new_images() {
    let setting = Setting::new().await;
    let changes = SpaceChanges {
        default_tags: Some(vec!["atlas".into()]),
        default_max_unauthorised: Some(OpenAccess::Denied),
        ..SpaceChanges::default()
    };
    setting
        .dlcs
        .catalogue()
        .update_space(setting.space.customer, setting.space.id, changes)
        .await
        .unwrap();
    setting.origin.script("a", Script::Bytes("1x1"));
    let image = setting
        .dlcs
        .register(setting.registration("a"))
        .await
        .unwrap()
        .image;
    assert_eq!(
        (image.metadata.tags.as_slice(), image.max_unauthorised),
        (["atlas".to_owned()].as_slice(), OpenAccess::Denied)
    );
    setting.origin.script("b", Script::Bytes("1x1"));
    let none = setting.registration("b").with_tags(Vec::<String>::new());
    assert!(
        setting
            .dlcs
            .register(none)
            .await
            .unwrap()
            .image
            .metadata
            .tags
            .is_empty(),
        "an empty list means none"
    );
}

#[tokio::test]
async fn an_image_that_has_never_been_processed_has_a_state_that_says_so() {
    let setting = Setting::with(Settings::default().with_attempts(1, Duration::ZERO)).await;
    let error = setting
        .dlcs
        .register(setting.registration("nowhere"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Ingest { .. }));
    let image = setting.dlcs.image(&setting.id("nowhere")).await.unwrap();
    assert!(matches!(
        image.state,
        ImageState::Failed { previous: None, .. }
    ));
}

#[tokio::test]
async fn of_registrations_at_once_the_last_wins_also_after_a_deletion() {
    for deleted_between in [false, true] {
        let setting = Setting::new().await;
        let gate = Arc::new(Gate::default());
        setting
            .origin
            .script("a", Script::Gate(Arc::clone(&gate), "10x10"));
        let (dlcs, registration) = (setting.dlcs.clone(), setting.registration("a"));
        let earlier = tokio::spawn(async move { dlcs.register(registration).await });
        gate.opened.notified().await;
        if deleted_between {
            setting.dlcs.delete_image(&setting.id("a")).await.unwrap();
        }
        setting.origin.script("a", Script::Bytes("20x20"));
        setting
            .dlcs
            .register(setting.registration("a"))
            .await
            .unwrap();
        gate.open.notify_one();
        assert!(matches!(
            earlier.await.unwrap(),
            Err(Error::Superseded { .. })
        ));
        assert_eq!(
            setting.dlcs.image(&setting.id("a")).await.unwrap().width(),
            20
        );
    }
}

#[tokio::test]
async fn a_change_makes_no_image() {
    let setting = Setting::new().await;
    let source = Some(ImageSource::Origin(
        OriginUrl::parse(&address("a")).unwrap(),
    ));
    let changes = ImageChanges {
        source,
        ..ImageChanges::default()
    };
    let error = setting
        .dlcs
        .update_image(&setting.id("a"), changes)
        .await
        .unwrap_err();
    let not_found = CatalogueError::NotFound {
        subject: Subject::Image,
    };
    assert_eq!(error.to_string(), not_found.to_string());
    assert!(setting.dlcs.image(&setting.id("a")).await.is_err());
}

#[tokio::test]
async fn only_the_first_start_makes_a_customer_a_space_and_a_key() {
    let setting = Setting::new().await;
    assert!(matches!(
        setting.dlcs.bootstrap(None).await.unwrap(),
        Bootstrap::Created(_)
    ));
    let (customer, space) = (setting.space.customer, setting.space.id);
    setting
        .dlcs
        .catalogue()
        .delete_space(customer, space)
        .await
        .unwrap();
    let again = setting.dlcs.bootstrap(None).await.unwrap();
    assert!(matches!(
        again,
        Bootstrap::Existing {
            chosen_key_exists: None
        }
    ));
    let found = setting
        .dlcs
        .catalogue()
        .find_space(customer, space)
        .await
        .unwrap();
    assert_eq!(found, None, "what was deleted stays deleted");
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_is_silent_for_long_is_asked_once_while_somebody_waits() {
    let setting = Setting::new().await;
    setting.origin.script("silent", Script::Silent);
    let error = setting
        .dlcs
        .register(setting.registration("silent"))
        .await
        .unwrap_err();
    let Error::Ingest {
        source: IngestError::Fetch { attempts, .. },
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn an_address_that_cannot_be_right_is_refused_before_anything_is_written() {
    let setting = Setting::new().await;
    let got = setting
        .dlcs
        .register(setting.registration("impossible"))
        .await;
    let Err(Error::Invalid { problems }) = got else {
        panic!("{got:?}");
    };
    let said: Vec<_> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.reason))
        .collect();
    assert_eq!(
        said,
        ["origin: the origin address is not allowed: nothing is ever there"]
    );
    assert_eq!(setting.origin.opened.load(Ordering::SeqCst), 0);
    assert!(setting.dlcs.image(&setting.id("impossible")).await.is_err());
}
