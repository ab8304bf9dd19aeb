//! Clauses about submissions.

use std::num::NonZeroUsize;

use dlcs_core::batch::{BatchFilter, BatchOrder, BatchOrderBy};
use dlcs_core::image::{ImageChanges, ImageQuery, ImageState, OpenAccess, RegistrationMode};
use dlcs_core::page::PageRequest;
use dlcs_core::queue::{QueueError, SubmissionProblem, SubmissionProblemKind};
use dlcs_core::space::SpaceChanges;
use dlcs_core::storage::Quota;
use futures_util::FutureExt;

use super::QueueContext;
use crate::contract::race;
use crate::fixture;
use crate::verdict::{matching, same};

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// All or nothing: one faulty item and nothing is stored.
pub async fn one_faulty_item_stores_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let existing = on.served(&space, "existing", 100).await;
    let mut items: Vec<_> = ["a", "existing", "b"]
        .map(|model| fixture::item(&space, model))
        .into();
    items.push(fixture::changed(&space, "faulty", ImageChanges::default()));
    let refused = on.queue.submit(fixture::submission(&space, items)).await;
    let why = "a client corrects its submission and sends it again, whole";
    matching!(refused, Err(QueueError::Refused { .. }), why);
    let query = ImageQuery::of(space.customer);
    let images = on.catalogue.list_images(&query, PageRequest::FIRST).await;
    same(images.unwrap().items, vec![existing], why);
    let batches = on.catalogue.list_batches(
        space.customer,
        BatchFilter::All,
        BatchOrder::ascending(BatchOrderBy::Id),
        PageRequest::FIRST,
    );
    same(batches.await.unwrap().total, 0, why);
    on.assert_nothing_due(why).await;
}

/// What holds of a batch holds of all batches of a submission together: one faulty item and nothing is stored.
pub async fn parted_submission_is_stored_whole_or_not_at_all(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut items: Vec<_> = ["a", "b", "c", "a"]
        .map(|model| fixture::item(&space, model))
        .into();
    items.push(fixture::changed(&space, "faulty", ImageChanges::default()));
    let submission = fixture::submission(&space, items);
    let refused = on.queue.submit_in_batches(submission, TWO).await;
    let expected = [
        (3, SubmissionProblemKind::Duplicate),
        (4, SubmissionProblemKind::SourceMissing),
    ]
    .map(|(index, kind)| SubmissionProblem { index, kind });
    let why = "whoever imports a list corrects it and sends it again, whole";
    match refused {
        Err(QueueError::Refused { problems }) => same(problems, expected.into(), why),
        other => panic!("{why}: {other:?}"),
    }
    let images = ImageQuery::of(space.customer);
    let images = on.catalogue.list_images(&images, PageRequest::FIRST).await;
    same(images.unwrap().total, 0, why);
    let batches = on.catalogue.list_batches(
        space.customer,
        BatchFilter::All,
        BatchOrder::ascending(BatchOrderBy::Id),
        PageRequest::FIRST,
    );
    same(batches.await.unwrap().total, 0, why);
    on.assert_nothing_due(why).await;
}

/// The batches come in the order of their images, each of the size that was asked for but the last; of no images, none is made.
pub async fn parted_submission_makes_batches_in_order(on: &QueueContext<'_>) {
    let space = on.space().await;
    let older = on.submit(&space, &["d"]).await;
    let models = ["e", "d", "c", "b", "a"];
    let items = models.map(|model| fixture::item(&space, model));
    let submission = fixture::submission(&space, items);
    let batches = on.queue.submit_in_batches(submission, TWO).await.unwrap();
    let counts: Vec<_> = batches.iter().map(|batch| batch.count).collect();
    same(counts, vec![2, 2, 1], "each has its part");
    for (batch, models) in batches.iter().zip(models.chunks(2)) {
        for model in models {
            let image = on.image(&fixture::image_id(&space, model)).await;
            same(image.batch, Some(batch.id), "an image is of its batch");
        }
        same(&on.batch(batch).await, batch, "it is what was answered");
    }
    same(on.batch(&older).await.superseded, true, "its image went on");
    for model in models {
        let claimed = on.claimed().await;
        let why = "they come in the order of submission";
        same(claimed.image.id.model().as_str(), model, why);
        on.complete(claimed.lease, 100).await;
    }
    for batch in &batches {
        let finished = on.batch(batch).await.finished.is_some();
        same(finished, true, "each ends by itself");
    }
    let nothing = fixture::submission(&space, []);
    let none = on.queue.submit_in_batches(nothing, TWO).await.unwrap();
    same(none, Vec::new(), "of no images, no batch is made");
}

/// Every faulty item is listed, by its place in the submission.
pub async fn every_faulty_item_is_listed(on: &QueueContext<'_>) {
    let space = on.space().await;
    let theirs = on.space().await;
    on.served(&space, "existing", 100).await;
    let mut nowhere = fixture::item(&space, "nowhere");
    nowhere.image = dlcs_core::ImageId::new(
        space.customer,
        fixture::missing_space(),
        nowhere.image.model().clone(),
    );
    let mut again = fixture::item(&space, "existing");
    again.mode = RegistrationMode::CreateOnly;
    let items = vec![
        fixture::item(&space, "sound"),
        nowhere,
        fixture::changed(&space, "sourceless", ImageChanges::default()),
        again,
        fixture::item(&space, "sound"),
        fixture::item(&theirs, "theirs"),
    ];
    let refused = on.queue.submit(fixture::submission(&space, items)).await;
    let problems = match refused {
        Err(QueueError::Refused { problems }) => problems,
        other => {
            panic!("expected: a refusal\n     got: {other:?}\n     why: five items are faulty")
        }
    };
    let expected = [
        (1, SubmissionProblemKind::SpaceNotFound),
        (2, SubmissionProblemKind::SourceMissing),
        (3, SubmissionProblemKind::AlreadyExists),
        (4, SubmissionProblemKind::Duplicate),
        (5, SubmissionProblemKind::OtherCustomer),
    ];
    let expected = expected.map(|(index, kind)| SubmissionProblem { index, kind });
    let why = "a client must be able to correct everything at once";
    same(problems, expected.to_vec(), why);
}

/// An item whose image exists merges onto it and keeps what is served.
pub async fn existing_image_is_merged_onto_and_keeps_what_is_served(on: &QueueContext<'_>) {
    let space = on.space().await;
    let first = ImageChanges {
        source: Some(fixture::origin("a")),
        strings: [Some("bib1".to_owned()), None, None],
        tags: Some(vec!["map".to_owned()]),
        ..ImageChanges::default()
    };
    let item = fixture::changed(&space, "a", first);
    let lease = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    let before = on.complete(lease.claimed.lease, 100).await;
    let second = ImageChanges {
        numbers: [Some(7), None, None],
        ..ImageChanges::default()
    };
    let items = vec![fixture::changed(&space, "a", second)];
    let batch = on
        .queue
        .submit(fixture::submission(&space, items))
        .await
        .unwrap();
    let after = on.image(&before.id).await;
    let mut metadata = before.metadata.clone();
    metadata.numbers[0] = 7;
    let why = "what a registration does not mention must not be erased";
    same(&after.metadata, &metadata, why);
    same(&after.source, &before.source, why);
    same(after.created, before.created, "it is the same image");
    same(
        after.batch,
        Some(batch.id),
        "it belongs to its latest batch",
    );
    same(
        after.generation,
        before.generation.next(),
        "registrations are told apart by their generation",
    );
    let previous = before.service().cloned();
    let expected = ImageState::Waiting { previous };
    same(after.state, expected, "readers must not see a gap");
}

/// A space's defaults apply to new images that do not say otherwise.
pub async fn space_defaults_apply_to_new_images_that_do_not_say_otherwise(on: &QueueContext<'_>) {
    let space = on.space().await;
    let defaults = SpaceChanges {
        default_tags: Some(vec!["of the space".to_owned()]),
        default_roles: Some(vec!["https://role.example/space".to_owned()]),
        default_max_unauthorised: OpenAccess::from_wire(400),
        ..SpaceChanges::default()
    };
    let space = on
        .catalogue
        .update_space(space.customer, space.id, defaults)
        .await
        .unwrap();
    let mut outspoken = fixture::item(&space, "outspoken");
    outspoken.changes.tags = Some(vec!["own".to_owned()]);
    outspoken.changes.roles = Some(Vec::new());
    outspoken.changes.max_unauthorised = Some(OpenAccess::Full);
    let items = vec![fixture::item(&space, "quiet"), outspoken];
    on.queue
        .submit(fixture::submission(&space, items))
        .await
        .unwrap();
    let quiet = on.image(&fixture::image_id(&space, "quiet")).await;
    let why = "roles of a space close images whose registration forgets them";
    same(&quiet.metadata.tags, &space.default_tags, why);
    same(&quiet.metadata.roles, &space.default_roles, why);
    same(quiet.max_unauthorised, space.default_max_unauthorised, why);
    let outspoken = on.image(&fixture::image_id(&space, "outspoken")).await;
    let why = "a default is for what is not said";
    same(outspoken.metadata.tags, vec!["own".to_owned()], why);
    same(outspoken.metadata.roles, Vec::new(), why);
    same(outspoken.max_unauthorised, OpenAccess::Full, why);
}

/// An image that is in the queue already is overtaken: its older batch counts it as completed.
pub async fn overtaken_image_counts_as_completed_in_its_older_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    let older = on.submit(&space, &["leased", "waiting", "other"]).await;
    let _lease = on.claimed().await.lease;
    on.submit(&space, &["leased"]).await;
    on.submit(&space, &["waiting"]).await;
    let why = "a batch must come to its end although images have moved on";
    same(on.tally(&older).await, (2, 0, false, false), why);
    on.submit(&space, &["other"]).await;
    same(on.tally(&older).await, (3, 0, true, true), why);
    let size = on.queue.size(space.customer).await.unwrap();
    same(
        size.images,
        3,
        "an image has one job, that of its latest batch",
    );
}

/// A batch that has lost all its images is superseded.
pub async fn batch_without_images_left_is_superseded(on: &QueueContext<'_>) {
    let space = on.space().await;
    let older = on.submit(&space, &["a", "b"]).await;
    for _ in 0..2 {
        let lease = on.claimed().await.lease;
        on.complete(lease, 100).await;
    }
    let newer = on.submit(&space, &["a"]).await;
    let why = "`b` is still of the older batch";
    same(on.tally(&older).await, (2, 0, true, false), why);
    on.submit(&space, &["b"]).await;
    let why = "nothing of the older batch is current any more: people need not look at it";
    same(on.tally(&older).await, (2, 0, true, true), why);
    same(
        on.tally(&newer).await,
        (0, 0, false, false),
        "`a` is of the newer batch",
    );
}

/// An image that is in the queue already is overtaken, also when two submissions come at once.
pub async fn racing_submissions_leave_one_job(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batches = race((0..6).map(|_| on.submit(&space, &["a", "b"])));
    let size = on.queue.size(space.customer).await.unwrap();
    same(size.images, 2, "an image has one job");
    let mut superseded = 0;
    for batch in &batches {
        let (completed, _, finished, deserted) = on.tally(batch).await;
        same(finished, completed == 2, "a batch ends with its last image");
        superseded += u32::from(deserted);
    }
    same(superseded, 5, "the images are in one batch only");
}

/// Every method may be dropped at any await point: it then has happened whole or not at all.
pub async fn dropped_submission_has_happened_whole_or_not_at_all(on: &QueueContext<'_>) {
    let space = on.space().await;
    for [model, other] in [["a", "w"], ["b", "x"], ["c", "y"], ["d", "z"]] {
        let items = [model, other].map(|model| fixture::item(&space, model));
        let submission = on.queue.submit(fixture::submission(&space, items));
        let finished = submission.now_or_never().is_some();
        let query = ImageQuery::of(space.customer);
        let images = on.catalogue.list_images(&query, PageRequest::FIRST).await;
        let images = images.unwrap().items;
        let has = |model| {
            let id = fixture::image_id(&space, model);
            images.iter().any(|image| image.id == id)
        };
        let why = "clients hang up at any moment";
        same(has(model), has(other), why);
        same(finished && !has(model), false, why);
    }
}
