//! Clauses about several images at once.

use std::time::Duration;

use dlcs_core::catalogue::{
    CatalogueError, ImageUpdate, ListEdit, UpdateProblem, UpdateProblemKind,
};
use dlcs_core::id::ImageId;
use dlcs_core::image::{Image, ImageChanges};
use dlcs_core::queue::{Completion, QueueError};
use dlcs_core::space::Space;
use futures_util::FutureExt;

use super::QueueContext;
use crate::contract::race;
use crate::fixture;
use crate::verdict::{matching, same};

fn ids(space: &Space, models: &[&str]) -> Vec<ImageId> {
    let id = |model: &&str| fixture::image_id(space, model);
    models.iter().map(id).collect()
}

/// A change of `string1`.
fn named(image: &ImageId, text: &str) -> ImageUpdate {
    let changes = ImageChanges {
        strings: [Some(text.to_owned()), None, None],
        ..ImageChanges::default()
    };
    ImageUpdate::new(image.clone(), changes)
}

fn edited(image: &ImageId, edit: ListEdit) -> ImageUpdate {
    ImageUpdate {
        manifests: Some(edit),
        ..ImageUpdate::new(image.clone(), ImageChanges::default())
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// They come in the order asked for, and one that is asked for twice comes twice.
pub async fn images_are_found_in_the_order_asked_for(on: &QueueContext<'_>) {
    let space = on.space().await;
    let other = fixture::space_of(on.catalogue, space.customer, "other").await;
    on.submit(&space, &["é", "b", "a"]).await;
    let elsewhere = on.served(&other, "a", 100).await;
    let mut asked = ids(&space, &["b", "missing", "a", "é", "b"]);
    asked.push(elsewhere.id.clone());
    let found = on.catalogue.find_images(&asked).await.unwrap();
    let names = found.iter().map(|found| found.as_ref().map(|it| &it.id));
    let mut expected: Vec<_> = asked.iter().map(Some).collect();
    expected[1] = None;
    let why = "whoever asks tells them apart by their places";
    same(names.collect::<Vec<_>>(), expected, why);
    same(found[5].as_ref(), Some(&elsewhere), "each is found whole");
    let none = on.catalogue.find_images(&[]).await.unwrap();
    same(none, Vec::new(), "nothing asked, nothing found");
}

/// All of them are as they were at one instant; several are changed, and deleted, at one.
pub async fn several_images_change_at_one_instant(on: &QueueContext<'_>) {
    let space = on.space().await;
    let both = &ids(&space, &["a", "b"]);
    on.submit(&space, &["a", "b"]).await;
    let write = async {
        for count in 0..30 {
            let text = count.to_string();
            let updates = both.iter().map(|id| named(id, &text)).collect();
            on.catalogue.update_images(updates).await.unwrap();
        }
        on.catalogue.delete_images(both).await.unwrap();
    };
    let read = || async {
        for _ in 0..30 {
            let found = on.catalogue.find_images(both).await.unwrap();
            let string =
                |found: &Option<Image>| found.as_ref().map(|it| it.metadata.strings.clone());
            let why = "nobody may see one image changed and the other not";
            same(string(&found[0]), string(&found[1]), why);
        }
    };
    race([write.boxed(), read().boxed(), read().boxed()]);
    let found = on.catalogue.find_images(both).await.unwrap();
    same(found, vec![None, None], "both have been deleted");
}

/// Merges changes onto images without processing them, all or none; returns them in the order given.
pub async fn changed_images_come_back_in_the_order_given(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.served(&space, "served", 100).await;
    on.submit(&space, &["waiting"]).await;
    let both = ids(&space, &["waiting", "served"]);
    let mut expected = Vec::new();
    let mut updates = Vec::new();
    for (id, edit) in both.iter().zip([
        ListEdit::Add(texts(&["m2", "m1", "m2"])),
        ListEdit::Remove(texts(&["m1"])),
    ]) {
        let mut update = named(id, id.model().as_str());
        update.changes.manifests = Some(texts(&["m1", "m3"]));
        update.manifests = Some(edit);
        let mut image = on.image(id).await;
        image.merge(update.changes.clone());
        expected.push(image);
        updates.push(update);
    }
    expected[0].metadata.manifests = texts(&["m1", "m3", "m2"]);
    expected[1].metadata.manifests = texts(&["m3"]);
    let updated = on.catalogue.update_images(updates).await.unwrap();
    let why = "a change of metadata must not erase anything, and processes nothing";
    same(&updated, &expected, why);
    let found = on.catalogue.find_images(&both).await.unwrap();
    same(found.into_iter().flatten().collect(), expected, why);
    let none = on.catalogue.update_images(Vec::new()).await.unwrap();
    same(none, Vec::new(), "no change changes nothing");
}

/// When one change cannot be made, none is: all that cannot are [`CatalogueError::Refused`].
pub async fn one_change_that_cannot_be_made_makes_none(on: &QueueContext<'_>) {
    let space = on.space().await;
    for model in ["sound", "moved", "full"] {
        on.served(&space, model, 100).await;
    }
    let [sound, moved, full, missing] =
        ["sound", "moved", "full", "missing"].map(|model| fixture::image_id(&space, model));
    let many: Vec<_> = (0..99).map(|count| count.to_string()).collect();
    let filled = edited(&full, ListEdit::Add(many));
    on.catalogue.update_images(vec![filled]).await.unwrap();
    let all = [sound.clone(), moved.clone(), full.clone()];
    let before = on.catalogue.find_images(&all).await.unwrap();
    let mut elsewhere = named(&moved, "changed");
    elsewhere.changes.source = Some(fixture::origin("elsewhere"));
    elsewhere.changes.thumbnail_policy = Some("other".to_owned());
    let updates = vec![
        named(&sound, "changed"),
        named(&missing, "changed"),
        elsewhere,
        edited(&full, ListEdit::Add(texts(&["x", "0", "y"]))),
        named(&sound, "changed again"),
    ];
    let refused = on.catalogue.update_images(updates).await;
    let Err(CatalogueError::Refused { problems }) = refused else {
        panic!("changes that cannot be made are refused: {refused:?}");
    };
    let expected = [
        (1, UpdateProblemKind::NotFound),
        (
            2,
            UpdateProblemKind::NeedsProcessing {
                fields: vec!["origin", "thumbnailPolicy"],
            },
        ),
        (3, UpdateProblemKind::TooManyManifests { count: 101 }),
        (4, UpdateProblemKind::Duplicate),
    ];
    let expected = expected.map(|(index, kind)| UpdateProblem { index, kind });
    same(problems, expected.to_vec(), "the caller must learn of each");
    let after = on.catalogue.find_images(&all).await.unwrap();
    same(after, before, "nobody knows what half a change has left");
}

/// Manifests are edited as they are at that instant: of edits that race, none is lost.
pub async fn no_racing_edit_of_manifests_is_lost(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a", "b"]).await;
    let both = &ids(&space, &["a", "b"]);
    let add = |writer: usize| async move {
        for count in 0..8 {
            let name = vec![format!("{writer}-{count}")];
            // In both orders, so that none may wait for another that waits for it.
            let mut updates: Vec<_> = both
                .iter()
                .map(|id| edited(id, ListEdit::Add(name.clone())))
                .collect();
            updates.rotate_left(writer % 2);
            on.catalogue.update_images(updates).await.unwrap();
        }
    };
    race((0..3).map(add));
    for image in on.catalogue.find_images(both).await.unwrap() {
        let count = image.map(|image| image.metadata.manifests.len());
        same(count, Some(24), "every edit counts");
    }
}

/// A missing image hinders nothing; of one that is named twice, the second is missing.
pub async fn those_that_are_there_are_deleted(on: &QueueContext<'_>) {
    let space = on.space().await;
    let served = on.served(&space, "served", 100).await;
    let kept = on.served(&space, "kept", 100).await;
    let batch = on.submit(&space, &["leased", "waiting", "other"]).await;
    let lease = on.claimed().await.lease;
    let asked = ids(
        &space,
        &["waiting", "missing", "leased", "waiting", "served"],
    );
    let outcomes = on.catalogue.delete_images(&asked).await.unwrap();
    let expected = vec![true, false, true, false, true];
    same(outcomes, expected, "the caller counts them");
    let found = on.catalogue.find_images(&asked).await.unwrap();
    same(found, vec![None; 5], "what was deleted is gone");
    same(on.image(&kept.id).await, kept, "nothing else is");
    let found = on.catalogue.find_space(space.customer, space.id).await;
    same(found.unwrap().unwrap().image_count, 2, "they count no more");
    let why = "a batch must come to its end although its images are gone";
    same(on.tally(&batch).await, (2, 0, false, false), why);
    let size = on.queue.size(space.customer).await.unwrap();
    same(size.images, 1, "their jobs are gone too");
    let lost = on.queue.complete(lease, fixture::derivative(100).into());
    matching!(
        lost.await,
        Ok(Completion::Superseded) | Err(QueueError::LeaseLost),
        "a result for what is not there changes nothing"
    );
    let key = served.service().expect("it was served").key(&served.id);
    on.assert_collectable_after(&key, Duration::from_secs(60))
        .await;
}
