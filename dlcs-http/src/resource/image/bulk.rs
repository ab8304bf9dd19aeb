//! Several images at once: found, changed, deleted.

use std::collections::{HashMap, HashSet};

use dlcs_core::catalogue::{
    CatalogueError, ImageUpdate, ListEdit, UpdateProblem, UpdateProblemKind,
};
use dlcs_core::image::{ImageChanges, LIST_MAX_ITEMS, shorten};
use dlcs_core::setting::ChannelRules;
use dlcs_core::{CustomerId, Error, ImageId, SpaceId};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{ImageInput, ImageResource, KNOWN, Place, refuse_bytes, resource};
use crate::collection_input::{self, members, objects};
use crate::context::Context;
use crate::error::{ApiError, at_field};
use crate::fields::{Fields, Problems};
use crate::hydra::{Collection, entire};
use crate::resource::{Object, Outcome};

/// The most images that are found or deleted at once, or whose manifests are edited.
const LIMIT: usize = 500;
/// The properties of an edit of manifests.
pub(super) const EDIT: &[&str] = &["member", "view", "field", "operation", "value"];

/// What was found of the images that were asked for.
#[derive(Serialize)]
struct FoundImages {
    #[serde(flatten)]
    collection: Collection<ImageResource>,
    missing: Vec<String>,
}

/// `POST /customers/{customer}/allImages`: those that are there, in the order asked for.
pub(super) async fn find(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let ids = read_ids(customer, body)?;
    let found = context.dlcs.catalogue().find_images(&ids).await?;
    let missing = ids.iter().zip(&found);
    let missing = missing.filter(|(_, image)| image.is_none());
    let missing = missing.map(|(id, _)| id.to_string()).collect();
    let found = found.into_iter().flatten();
    let found = found.map(|image| resource(context, image)).collect();
    let answer = FoundImages {
        collection: entire(context.all_images_link(customer), found),
        missing,
    };
    Ok(context.json(StatusCode::OK, &answer))
}

/// `POST /customers/{customer}/deleteImages`: deletes those that are there.
pub(super) async fn delete(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let mut ids = read_ids(customer, body)?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let outcomes = context.dlcs.catalogue().delete_images(&ids).await?;
    let deleted = outcomes.iter().filter(|was_there| **was_there).count();
    let images = if deleted == 1 { "image" } else { "images" };
    let answer = json!({
        "message": format!("{deleted} {images} deleted"),
        "deleted": deleted,
        "missing": outcomes.len() - deleted,
    });
    Ok(context.json(StatusCode::OK, &answer))
}

/// `PATCH /customers/{customer}/spaces/{space}/images`: changes what is said of images, of all or none.
pub(super) async fn patch(
    context: &Context,
    customer: CustomerId,
    space: SpaceId,
    body: &Object,
) -> Outcome {
    context.dlcs.spaces_of(customer).get(space).await?;
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", collection_input::KNOWN, &mut problems);
    let limit = context.dlcs.settings().max_batch_size;
    let members = members(&fields, limit, &mut problems);
    let place = Place::space(customer, space).with_full_ids();
    let mut inputs = Vec::with_capacity(members.len());
    let mut ids = Vec::with_capacity(members.len());
    let rules = context.dlcs.channel_rules(customer).await?;
    for (pointer, fields) in objects(members, KNOWN, &mut problems) {
        let input = ImageInput::read(&fields, place.clone(), &mut problems);
        refuse_bytes(&input, &fields, &mut problems);
        if let Some(id) = which(&input, &fields, &mut problems) {
            ids.push(id);
            inputs.push((pointer, fields, input));
            continue;
        }
        // Whichever image is meant, this is wrong, too.
        for fault in input.changes.problems(0, &rules) {
            let problem = at_field(&pointer, &fault);
            problems.add(problem.pointer, problem.detail);
        }
    }
    let stored = context.dlcs.catalogue().find_images(&ids).await?;
    let mut updates = Vec::with_capacity(ids.len());
    for (((pointer, fields, mut input), id), stored) in inputs.into_iter().zip(ids).zip(stored) {
        // Of one that is missing, that is all there is to say.
        if stored.is_some() {
            input.check_against(context, stored, &fields, &mut problems);
        }
        updates.push((pointer, ImageUpdate::new(id, input.changes)));
    }
    let address = format!("{}/images", context.space_link(customer, space));
    update(context, address, updates, problems).await
}

/// `PATCH /customers/{customer}/allImages`: edits the manifests of images, of all or none.
pub(super) async fn edit(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", EDIT, &mut problems);
    let (changes, manifests) = read_edit(&fields, &mut problems);
    let updates = read_members(customer, &fields, &mut problems)
        .into_iter()
        .map(|(pointer, image)| {
            let update = ImageUpdate {
                image,
                changes: changes.clone(),
                manifests: manifests.clone(),
            };
            (pointer, update)
        });
    let address = context.all_images_link(customer);
    update(context, address, updates.collect(), problems).await
}

/// Which images a collection names that says nothing else.
fn read_ids(customer: CustomerId, body: &Object) -> Result<Vec<ImageId>, ApiError> {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", collection_input::KNOWN, &mut problems);
    let named = read_members(customer, &fields, &mut problems);
    problems.check()?;
    Ok(named.into_iter().map(|(_, id)| id).collect())
}

/// Which images a collection names, each with its place in the body.
fn read_members(
    customer: CustomerId,
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Vec<(String, ImageId)> {
    let members = members(fields, LIMIT, problems);
    let place = Place::customer(customer).with_full_ids();
    let mut named = Vec::with_capacity(members.len());
    for (pointer, fields) in objects(members, KNOWN, problems) {
        let input = ImageInput::read_name(&fields, place.clone(), problems);
        named.extend(which(&input, &fields, problems).map(|id| (pointer, id)));
    }
    named
}

/// Which image is meant.
fn which(input: &ImageInput, fields: &Fields<'_>, problems: &mut Problems) -> Option<ImageId> {
    let names = ["id", "@id", "space"];
    if names.iter().any(|name| problems.is_at(&fields.at(name))) {
        return None;
    }
    let id = input.id();
    if id.is_none() {
        let detail = "`id` does not say which image is meant: give it as `customer/space/id`";
        problems.add(fields.at("id"), detail);
    }
    id
}

/// What becomes of the manifests of every image.
fn read_edit(fields: &Fields<'_>, problems: &mut Problems) -> (ImageChanges, Option<ListEdit>) {
    read_choice(fields, "field", &["manifests"], problems);
    let operation = read_choice(fields, "operation", &["add", "remove", "replace"], problems);
    let at = fields.at("value");
    let value = fields.texts("value", problems);
    if value.is_none() && !problems.is_at(&at) {
        problems.add(at.as_str(), "`value` is missing: give a list of strings");
    }
    let said = ImageChanges {
        manifests: value,
        ..ImageChanges::default()
    };
    let faults = said.problems(0, &ChannelRules::default());
    for fault in &faults {
        let place = fault.field.strip_prefix("manifests").unwrap_or_default();
        problems.add(format!("{at}{place}"), format!("`value` {}", fault.reason));
    }
    // Once is enough: it is not said again of every image.
    let said = if faults.is_empty() {
        said
    } else {
        ImageChanges::default()
    };
    let edit = match operation {
        Some("add") => ListEdit::Add,
        Some("remove") => ListEdit::Remove,
        _ => return (said, None),
    };
    (ImageChanges::default(), said.manifests.map(edit))
}

/// One of several words, in whatever case.
fn read_choice(
    fields: &Fields<'_>,
    name: &str,
    words: &[&'static str],
    problems: &mut Problems,
) -> Option<&'static str> {
    let text = fields.text(name, problems);
    let is = |word: &&&str| {
        text.as_ref()
            .is_some_and(|it| it.eq_ignore_ascii_case(word))
    };
    let found = words.iter().find(is).copied();
    let at = fields.at(name);
    if found.is_none() && !problems.is_at(&at) {
        let given = text.map_or_else(
            || "is missing".to_owned(),
            |text| format!("is `{}`", shorten(&text)),
        );
        problems.add(at, format!("`{name}` {given}: give {}", words.join(", ")));
    }
    found
}

/// Changes images, unless something is wrong with one of the changes: then it says everything that is.
async fn update(
    context: &Context,
    address: String,
    updates: Vec<(String, ImageUpdate)>,
    mut problems: Problems,
) -> Outcome {
    let (pointers, updates): (Vec<_>, Vec<_>) = updates.into_iter().unzip();
    for fault in context.dlcs.update_problems(&updates).await? {
        let problem = at_field(&pointers[fault.index], &fault);
        problems.add(problem.pointer, problem.detail);
    }
    let refused = if problems.is_empty() {
        match context.dlcs.update_images(updates).await {
            Ok(images) => {
                let images = images.into_iter().map(|image| resource(context, image));
                return Ok(context.json(StatusCode::OK, &entire(address, images.collect())));
            }
            Err(Error::Catalogue(CatalogueError::Refused { problems })) => problems,
            Err(error) => return Err(error.into()),
        }
    } else {
        what_would_be_refused(context, &updates).await?
    };
    for UpdateProblem { index, kind } in refused {
        explain(&pointers[index], kind, &mut problems);
    }
    Err(problems.refuse())
}

/// What the catalogue would refuse, where the changes do not come so far.
async fn what_would_be_refused(
    context: &Context,
    updates: &[ImageUpdate],
) -> Result<Vec<UpdateProblem>, ApiError> {
    let ids: Vec<_> = updates.iter().map(|update| update.image.clone()).collect();
    let found = context.dlcs.catalogue().find_images(&ids).await?;
    let found: HashMap<_, _> = ids.iter().zip(found).collect();
    let find = |id: &ImageId| found.get(id)?.as_ref();
    Ok(ImageUpdate::problems(updates, find))
}

/// Says what is wrong with the change at a pointer.
fn explain(pointer: &str, kind: UpdateProblemKind, problems: &mut Problems) {
    match kind {
        UpdateProblemKind::NotFound => problems.add(
            format!("{pointer}/id"),
            "`id` names an image that does not exist: leave it out, or register it first",
        ),
        UpdateProblemKind::Duplicate => problems.add(
            format!("{pointer}/id"),
            "`id` names an image that stands here twice: leave one of them out",
        ),
        UpdateProblemKind::NeedsProcessing { fields } => {
            for field in fields {
                let detail = format!(
                    "`{field}` would have the image processed again: leave it out, or PATCH the image by itself"
                );
                problems.add(format!("{pointer}/{field}"), detail);
            }
        }
        UpdateProblemKind::TooManyManifests { count } => problems.add(
            pointer,
            format!(
                "the image would be in {count} manifests; at most {LIST_MAX_ITEMS} are allowed"
            ),
        ),
        _ => problems.add(pointer, "it cannot be changed"),
    }
}
