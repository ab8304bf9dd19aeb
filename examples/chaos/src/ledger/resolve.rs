//! From what a client knows to what must have happened, with the help of what was found in the end.

use std::collections::BTreeSet;

use super::{Kind, Ledger, Name, Outcome, Version};

/// Whether a request was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Yes,
    No,
    Perhaps,
}

/// A batch of which some members came to be and others did not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) present: Name,
    pub(super) absent: Name,
}

/// What is known of each request once it is known which images there are.
///
/// Batches are all or nothing, and some of their members were never named before or after: these say of an unknown batch whether it was
/// done.
pub(super) fn resolve(ledger: &Ledger, found: &BTreeSet<&Name>) -> (Vec<Done>, Vec<Torn>) {
    let mut torn = Vec::new();
    let mut done = Vec::with_capacity(ledger.requests.len());
    for request in &ledger.requests {
        let known = match request.outcome {
            Outcome::Acknowledged => Done::Yes,
            Outcome::Rejected | Outcome::Unsent => Done::No,
            Outcome::Unknown => Done::Perhaps,
        };
        if known != Done::Perhaps || request.kind != Kind::Batch {
            done.push(known);
            continue;
        }
        let fresh = request
            .names
            .iter()
            .filter(|name| ledger.images[*name].len() == 1);
        let (present, absent): (Vec<_>, Vec<_>) = fresh.partition(|name| found.contains(name));
        done.push(match (present.first(), absent.first()) {
            (Some(present), Some(absent)) => {
                torn.push(Torn {
                    present: (*present).clone(),
                    absent: (*absent).clone(),
                });
                Done::Perhaps
            }
            (Some(_), None) => Done::Yes,
            (None, Some(_)) => Done::No,
            (None, None) => Done::Perhaps,
        });
    }
    (done, torn)
}

/// What may be left of an image: versions, or `None` for nothing; the last one that is certain comes last.
pub(super) fn candidates(ledger: &Ledger, done: &[Done], name: &Name) -> Vec<Option<Version>> {
    let mut candidates = Vec::new();
    for entry in ledger.images[name].iter().rev() {
        match done[entry.request] {
            Done::No => {}
            Done::Perhaps => candidates.push(entry.version),
            Done::Yes => {
                candidates.push(entry.version);
                return candidates;
            }
        }
    }
    candidates.push(None);
    candidates
}

/// How many results must have been recorded, and how many may have been: a registration that is overtaken has none.
pub(super) fn effects(ledger: &Ledger, done: &[Done], customer: Option<u32>) -> (u64, u64) {
    let (mut least, mut most) = (0, 0);
    for (name, entries) in &ledger.images {
        if customer.is_some_and(|customer| customer != name.customer) {
            continue;
        }
        let registrations = entries.iter().enumerate();
        for (place, entry) in registrations.filter(|(_, entry)| entry.version.is_some()) {
            let request = &ledger.requests[entry.request];
            let overtaken = entries[place + 1..]
                .iter()
                .any(|later| done[later.request] != Done::No);
            most += u64::from(done[entry.request] != Done::No);
            // The answer to an immediate registration comes after its result.
            let answered = request.kind == Kind::Put && request.outcome == Outcome::Acknowledged;
            least += u64::from(answered || (done[entry.request] == Done::Yes && !overtaken));
        }
    }
    (least, most)
}
