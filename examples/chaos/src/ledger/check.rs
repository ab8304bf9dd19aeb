//! The checker, in the manner of Jepsen's total queue: what was acknowledged is there, what was rejected is not, nothing comes out of
//! nowhere, and nothing counts twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::resolve::{self, Done};
use super::{Kind, Ledger, Name, Version};

/// An image as the API lists it when the queue is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FoundImage {
    pub(crate) version: Version,
    pub(crate) is_ingesting: bool,
    /// Its error, or nothing.
    pub(crate) error: String,
    /// Whether it has failed because processes died over it, which is what happens here all the time.
    pub(crate) is_condemned: bool,
    /// The version that is served, where that was looked at: `Some(None)` when nothing is.
    pub(crate) served: Option<Option<Version>>,
}

/// A batch as the API lists it when the queue is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FoundBatch {
    pub(crate) count: u64,
    pub(crate) completed: u64,
    pub(crate) errors: u64,
    pub(crate) has_finished: bool,
}

/// What is left when the queue is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Final {
    /// As listed, which may be twice.
    pub(crate) images: Vec<(Name, FoundImage)>,
    pub(crate) batches: BTreeMap<String, FoundBatch>,
    /// How many results were recorded, successes and failures: of a customer, or of all together.
    pub(crate) effects: Vec<(Option<u32>, u64)>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Something acknowledged is not there.
    Lost(String),
    /// Something was done twice.
    Duplicated(String),
    /// Something is there that nobody asked for, that was rejected, or that was deleted.
    OutOfNowhere(String),
    /// A batch was done in part.
    Torn(String),
    /// Something has not been processed, or not as it was asked for.
    Unfinished(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(what) => write!(f, "lost: {what}"),
            Self::Duplicated(what) => write!(f, "duplicated: {what}"),
            Self::OutOfNowhere(what) => write!(f, "out of nowhere: {what}"),
            Self::Torn(what) => write!(f, "done in part: {what}"),
            Self::Unfinished(what) => write!(f, "unfinished: {what}"),
        }
    }
}

/// Holds what is left against what the client was told.
pub(crate) fn check(ledger: &Ledger, found: &Final) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut images = BTreeMap::new();
    for (name, image) in &found.images {
        if images.insert(name, image).is_some() {
            violations.push(Violation::Duplicated(format!("{name} is listed twice")));
        }
    }
    let names: BTreeSet<_> = images.keys().copied().collect();
    let (done, torn) = resolve::resolve(ledger, &names);
    violations.extend(torn.into_iter().map(|torn| {
        Violation::Torn(format!(
            "of one batch {} is there and {} is not",
            torn.present, torn.absent
        ))
    }));
    for name in ledger.images.keys() {
        check_image(
            ledger,
            &done,
            name,
            images.get(name).copied(),
            &mut violations,
        );
    }
    for name in names {
        if !ledger.images.contains_key(name) {
            violations.push(Violation::OutOfNowhere(format!("nobody has named {name}")));
        }
    }
    check_batches(ledger, &done, &images, &found.batches, &mut violations);
    for (customer, count) in &found.effects {
        let (least, most) = resolve::effects(ledger, &done, *customer);
        let whose = customer.map_or_else(
            || "all".to_owned(),
            |customer| format!("customer {customer}"),
        );
        if *count > most {
            violations.push(Violation::Duplicated(format!(
                "{count} results of {whose}, of {most} registrations"
            )));
        } else if *count < least {
            violations.push(Violation::Lost(format!(
                "{count} results of {whose}, where {least} were to come"
            )));
        }
    }
    violations
}

fn check_image(
    ledger: &Ledger,
    done: &[Done],
    name: &Name,
    found: Option<&FoundImage>,
    violations: &mut Vec<Violation>,
) {
    let candidates = resolve::candidates(ledger, done, name);
    let version = found.map(|image| image.version);
    if !candidates.contains(&version) {
        let certain = candidates.last().copied().flatten();
        let what = format!("{name} has version {version:?}, and may have {candidates:?}");
        violations.push(match (version, certain) {
            (Some(version), Some(certain)) if version > certain => Violation::OutOfNowhere(what),
            (Some(_) | None, Some(_)) => Violation::Lost(what),
            (_, None) => Violation::OutOfNowhere(what),
        });
        return;
    }
    let Some(image) = found else { return };
    if image.is_ingesting {
        violations.push(Violation::Unfinished(format!(
            "{name} is being processed, and the queue is empty"
        )));
    }
    // Of an immediate registration whose answer is not known, the failure may be that answer.
    let may_fail = image.is_condemned || is_unanswered_put(ledger, name, image.version);
    if !image.error.is_empty() {
        if !may_fail {
            violations.push(Violation::Unfinished(format!(
                "{name} has failed: {}",
                image.error
            )));
        }
        return;
    }
    if let Some(served) = image.served
        && served != Some(image.version)
    {
        violations.push(Violation::Unfinished(format!(
            "{name} is ready in version {}, and version {served:?} is served",
            image.version
        )));
    }
}

fn is_unanswered_put(ledger: &Ledger, name: &Name, version: Version) -> bool {
    ledger.images[name].iter().any(|entry| {
        let request = &ledger.requests[entry.request];
        entry.version == Some(version)
            && request.kind == Kind::Put
            && request.outcome == super::Outcome::Unknown
    })
}

fn check_batches(
    ledger: &Ledger,
    done: &[Done],
    images: &BTreeMap<&Name, &FoundImage>,
    found: &BTreeMap<String, FoundBatch>,
    violations: &mut Vec<Violation>,
) {
    let mut known = BTreeSet::new();
    let (mut least, mut most) = (0, 0);
    for (request, done) in ledger.requests.iter().zip(done) {
        let Some(path) = &request.batch else {
            if request.kind == Kind::Batch {
                least += usize::from(*done == Done::Yes);
                most += usize::from(*done != Done::No);
            }
            continue;
        };
        known.insert(path.as_str());
        let Some(batch) = found.get(path) else {
            violations.push(Violation::Lost(format!("the batch {path}")));
            continue;
        };
        let members = request.names.len() as u64;
        if batch.count != members {
            violations.push(Violation::Torn(format!(
                "{path} has {} members of {members}",
                batch.count
            )));
        }
        let condemned = request.names.iter().filter_map(|name| images.get(name));
        let condemned = condemned.filter(|image| image.is_condemned).count() as u64;
        if batch.errors > condemned {
            violations.push(Violation::Unfinished(format!(
                "{path} has {} errors",
                batch.errors
            )));
        }
    }
    for (path, batch) in found {
        if !batch.has_finished || batch.completed + batch.errors != batch.count {
            violations.push(Violation::Unfinished(format!("{path}: {batch:?}")));
        }
    }
    let others = found
        .keys()
        .filter(|path| !known.contains(path.as_str()))
        .count();
    if others > most {
        violations.push(Violation::OutOfNowhere(format!(
            "{others} batches whose answers never came, of {most}"
        )));
    } else if others < least {
        violations.push(Violation::Lost(format!(
            "{others} batches whose answers never came, and {least} were stored"
        )));
    }
}
