//! Each clause of the checker bites: a sound history, and what is wrong with others.

use std::time::{Duration, Instant};

use super::*;

fn name(id: &str) -> Name {
    Name {
        customer: 1,
        id: id.to_owned(),
    }
}

fn ready(version: Version) -> FoundImage {
    FoundImage {
        version,
        served: Some(Some(version)),
        ..FoundImage::default()
    }
}

/// A ledger, and what is found in the end.
struct History {
    ledger: Ledger,
    found: Final,
}

impl History {
    fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            found: Final::default(),
        }
    }

    fn asked(mut self, kind: Kind, ids: &[&str], outcome: Outcome) -> Self {
        let names: Vec<_> = ids.iter().map(|id| name(id)).collect();
        let request = self.ledger.begin(kind, &names);
        let batch = (kind == Batch && outcome == Acknowledged).then(|| format!("/{request}"));
        self.ledger.end(request, outcome, batch, Instant::now());
        self
    }

    fn image(mut self, id: &str, image: FoundImage) -> Self {
        self.found.images.push((name(id), image));
        self
    }

    fn batch(mut self, path: &str, count: u64) -> Self {
        let batch = FoundBatch {
            count,
            completed: count,
            errors: 0,
            has_finished: true,
        };
        self.found.batches.insert(path.to_owned(), batch);
        self
    }

    fn effects(mut self, count: u64) -> Self {
        self.found.effects.push((None, count));
        self
    }

    fn says(&self) -> String {
        let violations = check(&self.ledger, &self.found);
        let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
        lines.join("; ")
    }
}

use Kind::{Batch, Delete, Put};
use Outcome::{Acknowledged, Rejected, Unknown};

fn sound() -> History {
    History::new()
        .asked(Batch, &["a", "b"], Acknowledged)
        .asked(Put, &["c"], Acknowledged)
        .asked(Put, &["c"], Acknowledged)
        .asked(Put, &["d"], Acknowledged)
        .asked(Delete, &["d"], Acknowledged)
        .asked(Batch, &["e", "f"], Unknown)
        .asked(Batch, &["g", "h"], Unknown)
        .asked(Batch, &["i", "a"], Rejected)
        .image("a", ready(1))
        .image("b", ready(1))
        .image("c", ready(2))
        .image("e", ready(1))
        .image("f", ready(1))
        .batch("/0", 2)
        .batch("/other", 2)
        .effects(7)
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(sound().says(), "");
}

#[test]
fn what_was_acknowledged_must_be_there() {
    for lost in ["a", "c"] {
        let mut history = sound();
        history.found.images.retain(|(found, _)| found.id != lost);
        assert!(
            history.says().contains("lost"),
            "{lost}: {}",
            history.says()
        );
    }
    let mut history = sound();
    history.found.batches.remove("/0");
    assert!(history.says().contains("lost: the batch /0"));
}

#[test]
fn an_older_version_is_a_loss() {
    let mut history = sound();
    history.found.images[2].1 = ready(1);
    assert!(history.says().contains("lost: 1/1/c"), "{}", history.says());
}

#[test]
fn what_was_rejected_must_not_be_there() {
    assert!(
        sound()
            .image("i", ready(1))
            .says()
            .contains("out of nowhere: 1/1/i")
    );
    let mut history = sound();
    history.found.images[0].1 = ready(2);
    assert!(
        history.says().contains("out of nowhere: 1/1/a"),
        "{}",
        history.says()
    );
}

#[test]
fn what_was_deleted_must_not_be_there() {
    assert!(
        sound()
            .image("d", ready(1))
            .says()
            .contains("out of nowhere: 1/1/d")
    );
}

#[test]
fn what_nobody_has_named_must_not_be_there() {
    assert!(
        sound()
            .image("z", ready(1))
            .says()
            .contains("nobody has named 1/1/z")
    );
}

#[test]
fn nothing_is_listed_twice() {
    assert!(
        sound()
            .image("a", ready(1))
            .says()
            .contains("duplicated: 1/1/a")
    );
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let torn = sound().image("g", ready(1));
    assert!(
        torn.says()
            .contains("done in part: of one batch 1/1/g is there and 1/1/h is not"),
        "{}",
        torn.says()
    );
    let short = sound().batch("/0", 1);
    assert!(short.says().contains("done in part: /0 has 1 members of 2"));
}

#[test]
fn an_unknown_batch_that_was_stored_leaves_its_batch() {
    let mut history = sound();
    history.found.batches.remove("/other");
    assert!(
        history
            .says()
            .contains("0 batches whose answers never came, and 1 were stored")
    );
    let more = sound().batch("/another", 2);
    assert!(
        more.says().contains("out of nowhere: 2 batches"),
        "{}",
        more.says()
    );
}

#[test]
fn an_unknown_batch_that_was_not_stored_has_changed_nothing() {
    // Of `a` the unknown version would be possible, were `new` there.
    let history = sound().asked(Batch, &["a", "new"], Unknown).effects(7);
    assert_eq!(history.says(), "");
    let mut wrong = sound().asked(Batch, &["a", "new"], Unknown);
    wrong.found.images[0].1 = ready(3);
    assert!(wrong.says().contains("1/1/a"), "{}", wrong.says());
}

#[test]
fn results_are_counted() {
    assert!(sound().effects(8).says().contains("duplicated: 8 results"));
    assert!(sound().effects(6).says().contains("lost: 6 results"));
    // A member that is registered again before its turn has no result.
    let overtaken = History::new()
        .asked(Batch, &["a"], Acknowledged)
        .asked(Batch, &["a"], Acknowledged)
        .image("a", ready(2))
        .batch("/0", 1)
        .batch("/1", 1);
    for (count, passes) in [(0, false), (1, true), (2, true), (3, false)] {
        let mut history = History::new();
        history
            .ledger
            .requests
            .clone_from(&overtaken.ledger.requests);
        history.ledger.images.clone_from(&overtaken.ledger.images);
        history.found = overtaken.found.clone();
        assert_eq!(history.effects(count).says().is_empty(), passes, "{count}");
    }
}

#[test]
fn everything_is_processed_as_it_was_asked_for() {
    let with = |image: FoundImage| {
        let mut history = sound();
        history.found.images[0].1 = image;
        history.says()
    };
    let stale = FoundImage {
        served: Some(None),
        ..ready(1)
    };
    assert!(with(stale).contains("unfinished: 1/1/a is ready in version 1, and version None"));
    let ingesting = FoundImage {
        is_ingesting: true,
        ..ready(1)
    };
    assert!(with(ingesting).contains("is being processed"));
    let failed = FoundImage {
        error: "it broke".to_owned(),
        ..ready(1)
    };
    assert!(with(failed.clone()).contains("1/1/a has failed: it broke"));
    let condemned = FoundImage {
        is_condemned: true,
        ..failed.clone()
    };
    assert_eq!(with(condemned), "");
    let unanswered = History::new()
        .asked(Put, &["p"], Unknown)
        .image("p", failed);
    assert_eq!(unanswered.says(), "");
    let mut open = sound();
    open.found.batches.get_mut("/0").unwrap().has_finished = false;
    assert!(open.says().contains("unfinished: /0"));
    let mut failing = sound();
    *failing.found.batches.get_mut("/0").unwrap() = FoundBatch {
        count: 2,
        completed: 1,
        errors: 1,
        has_finished: true,
    };
    assert!(failing.says().contains("/0 has 1 errors"));
}

#[test]
fn a_reader_knows_what_it_may_see() {
    let start = Instant::now();
    let later = start + Duration::from_secs(1);
    let mut ledger = Ledger::default();
    let image = name("a");
    assert!(ledger.expected(&image, later).is_gone);
    let first = ledger.begin(Put, std::slice::from_ref(&image));
    let expected = ledger.expected(&image, later);
    assert!(!expected.is_gone && !expected.is_served);
    ledger.end(first, Acknowledged, None, later);
    assert!(
        !ledger.expected(&image, start).is_served,
        "not known everywhere yet"
    );
    let second = ledger.begin(Batch, std::slice::from_ref(&image));
    let expected = ledger.expected(&image, later);
    assert!(expected.is_served);
    assert_eq!((expected.least, expected.most), (1, 2));
    ledger.end(second, Acknowledged, Some("/b".to_owned()), later);
    assert_eq!(ledger.expected(&image, later).least, 1);
    ledger.finish("/b", later);
    assert_eq!(ledger.expected(&image, later).least, 2);
    let third = ledger.begin(Delete, std::slice::from_ref(&image));
    let expected = ledger.expected(&image, later);
    assert!(!expected.is_served && !expected.is_gone);
    ledger.end(third, Acknowledged, None, later);
    assert!(ledger.expected(&image, later).is_gone);
    ledger.begin(Put, std::slice::from_ref(&image));
    assert_eq!(ledger.expected(&image, later).least, 3);
}
