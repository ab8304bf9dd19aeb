//! What the core would find wrong, found while the adapter has found something already: a refusal lists everything at once.

use std::collections::{HashMap, HashSet};

use dlcs_core::image::{FieldProblem, ImageSource, OriginUrl, shorten};
use dlcs_core::origin::OriginError;
use dlcs_core::queue::SubmissionProblemKind;
use dlcs_core::setting::ChannelRules;
use dlcs_core::{ImageId, SpaceId};

use super::ImageInput;
use crate::context::Context;
use crate::error::{ApiError, at_field, refused};
use crate::fields::Problems;

/// An image that a request would register.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Where it stands in the body.
    pub(crate) pointer: String,
    /// What is said of it.
    pub(crate) input: ImageInput,
}

impl Candidate {
    /// The image that stands at a pointer.
    pub(crate) const fn new(pointer: String, input: ImageInput) -> Self {
        Self { pointer, input }
    }
}

/// The error that lists what the adapter has found and what the core would find.
pub(crate) async fn refuse(
    context: &Context,
    candidates: &[Candidate],
    problems: &mut Problems,
) -> ApiError {
    match find_problems(context, candidates, problems).await {
        Ok(()) => problems.refuse(),
        Err(error) => error,
    }
}

/// Adds what the core would find wrong.
pub(crate) async fn find_problems(
    context: &Context,
    candidates: &[Candidate],
    problems: &mut Problems,
) -> Result<(), ApiError> {
    let mut spaces = HashMap::new();
    let mut seen = HashSet::new();
    let rules = match candidates.first() {
        Some(first) => context.dlcs.channel_rules(first.input.customer).await?,
        None => ChannelRules::default(),
    };
    for Candidate { pointer, input } in candidates {
        let keeps = input.changes.delivery_channels.is_none()
            && is_stored(context, input.id().as_ref()).await?;
        for problem in settled_problems(&rules, input, keeps) {
            let problem = at_field(pointer, &problem);
            if !problems.is_at(&problem.pointer) {
                problems.add(problem.pointer, problem.detail);
            }
        }
        let origin = match &input.changes.source {
            Some(ImageSource::Origin(origin)) => Some(origin),
            _ => None,
        };
        for (name, origin) in [
            ("origin", origin),
            (
                "initialOrigin",
                input
                    .changes
                    .initial_origin
                    .as_ref()
                    .and_then(Option::as_ref),
            ),
        ] {
            let Some(url) = origin.map(OriginUrl::url) else {
                continue;
            };
            let detail = match context.dlcs.origins().check(url) {
                Ok(()) => continue,
                Err(OriginError::UnsupportedScheme { scheme, .. }) => format!(
                    "`{name}` has the scheme `{}`, which is not served here: {}",
                    shorten(&scheme),
                    other_schemes(context)
                ),
                Err(error) => format!("`{name}` cannot be used: {error}"),
            };
            problems.add(format!("{pointer}/{name}"), detail);
        }
        let mut add = |kind| {
            let problem = refused(pointer, kind);
            if !problems.is_at(&problem.pointer) {
                problems.add(problem.pointer, problem.detail);
            }
        };
        let Some(space) = input.space else {
            // Whether the image is there already cannot be told.
            if !input.has_source() {
                add(SubmissionProblemKind::SourceMissing);
            }
            continue;
        };
        // Without a place in the body, the space is that of the address, whose absence is a 404.
        if !pointer.is_empty() && !space_exists(context, input, space, &mut spaces).await? {
            add(SubmissionProblemKind::SpaceNotFound);
        }
        let id = input
            .model
            .clone()
            .map(|model| ImageId::new(input.customer, space, model));
        if id.as_ref().is_some_and(|id| !seen.insert(id.clone())) {
            add(SubmissionProblemKind::Duplicate);
        }
        if !input.has_source() && !is_stored(context, id.as_ref()).await? {
            add(SubmissionProblemKind::SourceMissing);
        }
    }
    Ok(())
}

/// What is wrong with what is said of an image, once it has the channels that it would have.
///
/// One that is there already keeps the channels that it has.
fn settled_problems(rules: &ChannelRules, input: &ImageInput, keeps: bool) -> Vec<FieldProblem> {
    let mut changes = input.changes.clone();
    let unchannelled = input
        .space
        .and_then(|space| rules.settle(space, &mut changes, None).err());
    let mut problems = changes.problems(0, rules);
    problems.extend(unchannelled.filter(|_| !keeps).map(FieldProblem::from));
    problems
}

fn is_served(context: &Context, scheme: &str) -> bool {
    context.dlcs.origins().get(scheme).is_ok()
}

/// What to do about a scheme that is not served.
fn other_schemes(context: &Context) -> String {
    const KNOWN: [&str; 7] = ["http", "https", "s3", "ftp", "ftps", "sftp", "file"];
    let served: Vec<_> = KNOWN
        .into_iter()
        .filter(|scheme| is_served(context, scheme))
        .collect();
    if served.is_empty() {
        "ask the operator which are".to_owned()
    } else {
        format!("use one that is, such as {}", served.join(", "))
    }
}

async fn space_exists(
    context: &Context,
    input: &ImageInput,
    space: SpaceId,
    known: &mut HashMap<SpaceId, bool>,
) -> Result<bool, ApiError> {
    if let Some(exists) = known.get(&space) {
        return Ok(*exists);
    }
    let exists = context
        .dlcs
        .catalogue()
        .find_space(input.customer, space)
        .await?
        .is_some();
    known.insert(space, exists);
    Ok(exists)
}

async fn is_stored(context: &Context, id: Option<&ImageId>) -> Result<bool, ApiError> {
    match id {
        Some(id) => Ok(context.dlcs.catalogue().find_image(id).await?.is_some()),
        None => Ok(false),
    }
}
