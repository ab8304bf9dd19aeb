//! Clauses about immediate registrations.

use dlcs_core::image::{ImageChanges, ImageState, RegistrationMode};
use dlcs_core::queue::{QueueError, SubmissionProblem, SubmissionProblemKind};
use dlcs_core::storage::Quota;

use super::QueueContext;
use crate::contract::race;
use crate::fixture::{self, claim};
use crate::verdict::{matching, same};

/// The image is leased to the caller: nobody else can claim it until the lease ends.
pub async fn begun_image_is_leased_to_the_caller(on: &QueueContext<'_>) {
    let space = on.space().await;
    let item = fixture::item(&space, "a");
    let begun = on.queue.begin(item, Quota::NONE, claim()).await.unwrap();
    same(
        begun.created,
        true,
        "the client is told that its image is new",
    );
    let ingesting = matches!(begun.claimed.image.state, ImageState::Ingesting { .. });
    same(ingesting, true, "the caller processes it at once");
    same(begun.claimed.lease.attempt(), 1, "it is the first attempt");
    on.assert_nothing_due("two workers would do one work").await;
    on.clock.advance(fixture::LEASE);
    let claimed = on.claimed().await;
    let why = "when the caller dies, somebody else must go on";
    same(&claimed.image.id, &begun.claimed.image.id, why);
    on.complete(claimed.lease, 100).await;
    let item = fixture::item(&space, "a");
    let again = on.queue.begin(item, Quota::NONE, claim()).await.unwrap();
    same(again.created, false, "the image exists by now");
}

/// The image leaves the batch that it was in.
pub async fn begun_image_leaves_its_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let begun = on.begun(&space, "a").await;
    same(begun.image.batch, None, "it was registered on its own");
    same(begun.lease.batch(), None, "its outcome is not the batch's");
    let why = "the batch has lost its only image";
    same(on.tally(&batch).await, (1, 0, true, true), why);
    on.fail(begun.lease).await;
    let why = "what becomes of the image now does not count in the batch";
    same(on.tally(&batch).await, (1, 0, true, true), why);
}

/// [`RegistrationMode::UpdateOnly`] is refused when the image does not exist.
pub async fn update_only_is_refused_when_the_image_does_not_exist(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut item = fixture::item(&space, "a");
    item.mode = RegistrationMode::UpdateOnly;
    let why = "what was deleted meanwhile must not come back with a change";
    let Err(QueueError::Refused { problems }) =
        on.queue.begin(item.clone(), Quota::NONE, claim()).await
    else {
        panic!("expected: a refusal\n     why: {why}");
    };
    let kind = SubmissionProblemKind::NotFound;
    same(problems, vec![SubmissionProblem { index: 0, kind }], why);
    let found = on.catalogue.find_image(&item.image).await.unwrap();
    same(found, None, why);
    on.served(&space, "a", 100).await;
    let begun = on.queue.begin(item, Quota::NONE, claim()).await.unwrap();
    same(begun.created, false, "an image that is there is changed");
    on.complete(begun.claimed.lease, 200).await;
}

/// [`RegistrationMode::CreateOnly`] is refused when the image exists.
pub async fn create_only_is_refused_when_the_image_exists(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut item = fixture::item(&space, "a");
    item.mode = RegistrationMode::CreateOnly;
    let made = on
        .queue
        .begin(item.clone(), Quota::NONE, claim())
        .await
        .unwrap();
    let image = on.complete(made.claimed.lease, 100).await;
    let refused = on.queue.begin(item, Quota::NONE, claim()).await;
    let why = "the caller asked not to touch an image that exists";
    let problems = match refused {
        Err(QueueError::Refused { problems }) => problems,
        other => panic!("expected: a refusal\n     got: {other:?}\n     why: {why}"),
    };
    let kind = SubmissionProblemKind::AlreadyExists;
    same(problems, vec![SubmissionProblem { index: 0, kind }], why);
    same(on.image(&image.id).await, image, why);
}

/// [`RegistrationMode::CreateOnly`] is refused when the image exists, also when several ask at once.
pub async fn one_of_racing_creations_wins(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut item = fixture::item(&space, "a");
    item.mode = RegistrationMode::CreateOnly;
    let outcomes = race((0..6).map(|_| on.queue.begin(item.clone(), Quota::NONE, claim())));
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    same(made, 1, "looking and registering are one step");
}

/// A faulty item is refused with one problem, and nothing is stored.
pub async fn begin_is_refused_with_one_problem(on: &QueueContext<'_>) {
    let space = on.space().await;
    let item = fixture::changed(&space, "a", ImageChanges::default());
    let id = item.image.clone();
    let refused = on.queue.begin(item, Quota::NONE, claim()).await;
    matching!(
        refused,
        Err(QueueError::Refused { problems }) if problems.len() == 1,
        "there is nowhere to fetch it from"
    );
    let found = on.catalogue.find_image(&id).await.unwrap();
    same(found, None, "a refusal changes nothing");
}
