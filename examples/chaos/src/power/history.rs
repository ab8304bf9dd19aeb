//! What was done to a disk, in its order, and what of it is there after a loss of power at any moment: pure.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{Content, Edit};
use super::fate::Fate;
use super::names::{Inode, Names, Naming, Place};
use super::tree::Tree;
use crate::random::Random;

/// Something that a program did to its files.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The lines of the trace at which it began and ended.
    pub(super) begun: usize,
    pub(super) ended: usize,
    pub(super) deed: Deed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Name(Naming),
    Edit(Inode, Edit),
    Sync(Inode, Synced),
}

/// What was synced, so that a run can be made as if it had not been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Synced {
    /// What it was called then, from the root.
    pub(super) path: String,
    pub(super) is_directory: bool,
}

/// A disk as it was once, everything on it durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) names: Names,
    /// By number: `None` for a directory.
    pub(super) files: Vec<Option<Content>>,
}

impl Disk {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut disk = Self {
            names: Names::default(),
            files: vec![None],
        };
        for (path, bytes) in tree {
            let inode = disk.files.len();
            let content = bytes.as_ref().map(|bytes| Content::new(bytes.to_vec()));
            disk.files.push(content);
            if let Some(place) = disk.names.place(path) {
                disk.names.apply(&Naming::Give { place, inode });
            }
        }
        disk
    }

    /// What is on it, where nothing is pending.
    pub(super) fn tree(&self) -> Tree {
        self.tree_of(|_, file| file.now())
    }

    fn tree_of(&self, mut content: impl FnMut(Inode, &Content) -> Vec<u8>) -> Tree {
        let paths = self.names.paths().into_iter();
        let found = paths.map(|(path, inode)| {
            let file = self.files[inode].as_ref();
            (path, file.map(|file| content(inode, file).into()))
        });
        found.collect()
    }
}

/// Everything that was done, in the order in which it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// How it was in the beginning, with a place for each file that was made since.
    pub(super) disk: Disk,
    pub(super) events: Vec<Event>,
    /// Files that were written to through memory: nothing is known of what is in them.
    pub(super) mapped: BTreeSet<Inode>,
}

/// What is there when the power fails: a part of it for certain, and the rest by chance.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    disk: Disk,
    namings: Vec<Naming>,
    mapped: BTreeSet<Inode>,
}

impl History {
    /// How programs see it in the end.
    pub(super) fn end(&self) -> Disk {
        let mut disk = self.disk.clone();
        for event in &self.events {
            match &event.deed {
                Deed::Name(naming) => disk.names.apply(naming),
                Deed::Edit(inode, edit) => {
                    if let Some(Some(file)) = disk.files.get_mut(*inode) {
                        file.edit(edit.clone());
                        file.settle(1);
                    }
                }
                Deed::Sync(..) => {}
            }
        }
        disk
    }

    /// The same, of a program that is killed before a line: what has begun by then is done.
    pub(super) fn until(&self, line: usize) -> Self {
        let mut killed = self.clone();
        killed.events.retain(|event| {
            event.begun < line && (event.ended < line || !matches!(event.deed, Deed::Sync(..)))
        });
        for event in &mut killed.events {
            event.ended = event.ended.min(line.saturating_sub(1));
        }
        killed
    }

    /// What came next, on the disk as programs saw it: its lines are counted from this one.
    pub(super) fn then(mut self, next: Self, line: usize) -> Self {
        for file in &next.disk.files[self.disk.files.len()..] {
            self.disk.files.push(file.clone());
        }
        self.events
            .extend(next.events.into_iter().map(|event| Event {
                begun: event.begun + line,
                ended: event.ended + line,
                deed: event.deed,
            }));
        self.mapped.extend(next.mapped);
        self
    }

    /// Whether nothing is known of what is in a file in the end.
    pub(super) fn is_mapped(&self, path: &str) -> bool {
        let inode = self.end().names.find(path);
        inode.is_some_and(|inode| self.mapped.contains(&inode))
    }

    /// The same as if some things had never been synced.
    pub(super) fn forget(&mut self, is_forgotten: impl Fn(&Synced) -> bool) {
        self.events.retain(|event| match &event.deed {
            Deed::Sync(_, synced) => !is_forgotten(synced),
            Deed::Name(_) | Deed::Edit(..) => true,
        });
    }

    /// The power fails before this line of the trace: what has begun by then may have been done, and what was synced has been by the end of that.
    pub(super) fn lose_power(&self, line: usize) -> Pending {
        let mut disk = self.disk.clone();
        // Each with the line at which it ended.
        let mut namings: Vec<(Naming, usize)> = Vec::new();
        let mut edits: BTreeMap<Inode, Vec<usize>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.begun < line) {
            match &event.deed {
                Deed::Name(naming) => namings.push((naming.clone(), event.ended)),
                Deed::Edit(inode, edit) => {
                    if let Some(Some(file)) = disk.files.get_mut(*inode) {
                        file.edit(edit.clone());
                        edits.entry(*inode).or_default().push(event.ended);
                    }
                }
                Deed::Sync(inode, _) if event.ended < line => match disk.files.get_mut(*inode) {
                    Some(Some(file)) => {
                        let ended = edits.entry(*inode).or_default();
                        let first = ended.iter().take_while(|ended| **ended < event.begun);
                        let first = first.count();
                        ended.drain(..first);
                        file.settle(first);
                    }
                    Some(None) => sync(&mut disk.names, &mut namings, *inode, event.begun),
                    None => {}
                },
                Deed::Sync(..) => {}
            }
        }
        Pending {
            disk,
            namings: namings.into_iter().map(|(naming, _)| naming).collect(),
            mapped: self.mapped.clone(),
        }
    }
}

/// A directory is synced: what was done to names in it before, and whatever had to come before that, is durable.
fn sync(names: &mut Names, namings: &mut Vec<(Naming, usize)>, directory: Inode, begun: usize) {
    let mut places: BTreeSet<Place> = BTreeSet::new();
    let mut is_durable = vec![false; namings.len()];
    for (number, (naming, ended)) in namings.iter().enumerate().rev() {
        let own = naming.places();
        let is_covered = *ended < begun && own.iter().any(|place| place.directory == directory);
        if is_covered || own.iter().any(|place| places.contains(place)) {
            is_durable[number] = true;
            places.extend(own.into_iter().cloned());
        }
    }
    let mut is_durable = is_durable.into_iter();
    namings.retain(|(naming, _)| {
        let goes = is_durable.next().unwrap_or(false);
        if goes {
            names.apply(naming);
        }
        !goes
    });
}

impl Pending {
    /// How many changes may be lost: of names and of files.
    pub(super) fn count(&self) -> usize {
        let files = self.disk.files.iter().flatten();
        self.namings.len() + files.map(Content::pending).sum::<usize>()
    }

    /// What is left of it.
    pub(super) fn survive(&self, fate: &Fate, random: &mut Random) -> Tree {
        let mut disk = self.disk.clone();
        // What comes after something that is lost, at the same place, is lost too.
        let mut lost: BTreeSet<&Place> = BTreeSet::new();
        for naming in &self.namings {
            let places = naming.places();
            let is_kept =
                fate.keeps_name(random) && places.iter().all(|place| !lost.contains(place));
            if is_kept {
                disk.names.apply(naming);
            } else {
                lost.extend(places);
            }
        }
        disk.tree_of(|inode, file| {
            let mut left = file.survive(fate, random);
            if self.mapped.contains(&inode) && !random.once_in(3) {
                let junk = random.once_in(2);
                let byte = |random: &mut Random| u8::try_from(random.below(256)).unwrap_or(0);
                left.fill_with(|| if junk { byte(random) } else { 0 });
            }
            left
        })
    }
}
