//! Names of files and directories, apart from what is in them: pure.

use std::collections::BTreeMap;

/// A file or a directory, whatever it is called.
pub(super) type Inode = usize;

/// The directory that everything is below.
pub(super) const ROOT: Inode = 0;

/// Where a name stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) directory: Inode,
    pub(super) name: String,
}

/// A change of names, which a file system makes whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Naming {
    /// Something new gets its name, or something old another one.
    Give { place: Place, inode: Inode },
    /// A name is taken away.
    Take { place: Place },
    /// A name goes elsewhere, and takes the place of what was there.
    Move { from: Place, to: Place },
}

impl Naming {
    /// The places that it changes.
    pub(super) fn places(&self) -> Vec<&Place> {
        match self {
            Self::Give { place, .. } | Self::Take { place } => vec![place],
            Self::Move { from, to } => vec![from, to],
        }
    }
}

/// Who is called what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names(BTreeMap<Place, Inode>);

impl Names {
    pub(super) fn apply(&mut self, naming: &Naming) {
        match naming {
            Naming::Give { place, inode } => {
                self.0.insert(place.clone(), *inode);
            }
            Naming::Take { place } => {
                self.0.remove(place);
            }
            Naming::Move { from, to } => {
                if let Some(inode) = self.0.remove(from) {
                    self.0.insert(to.clone(), inode);
                }
            }
        }
    }

    pub(super) fn at(&self, place: &Place) -> Option<Inode> {
        self.0.get(place).copied()
    }

    /// What a path leads to, from the root; the root itself has an empty one.
    pub(super) fn find(&self, path: &str) -> Option<Inode> {
        let mut inode = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            inode = self.at(&Place {
                directory: inode,
                name: name.to_owned(),
            })?;
        }
        Some(inode)
    }

    /// The place that a path leads to, whether or not something is there.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        Some(Place {
            directory: self.find(above)?,
            name: name.to_owned(),
        })
    }

    /// Everything that can be reached, by its path: what is above comes first.
    pub(super) fn paths(&self) -> Vec<(String, Inode)> {
        let mut paths = Vec::new();
        let mut open = vec![(String::new(), ROOT)];
        while let Some((above, directory)) = open.pop() {
            let first = Place {
                directory,
                name: String::new(),
            };
            let entries = self.0.range(first..);
            for (place, inode) in entries.take_while(|(place, _)| place.directory == directory) {
                let path = if above.is_empty() {
                    place.name.clone()
                } else {
                    format!("{above}/{}", place.name)
                };
                paths.push((path.clone(), *inode));
                open.push((path, *inode));
            }
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_what_they_were_given_to() {
        let mut names = Names::default();
        for (path, inode) in [("d", 1), ("d/e", 2), ("d/e/f", 3)] {
            let place = names.place(path).unwrap();
            names.apply(&Naming::Give { place, inode });
        }
        assert_eq!(names.find("d/e/f"), Some(3));
        assert_eq!(names.find(""), Some(ROOT));
        assert_eq!(names.place("x/y"), None);
        // What is in a directory goes with it.
        let (from, to) = (names.place("d/e").unwrap(), names.place("g").unwrap());
        names.apply(&Naming::Move { from, to });
        assert_eq!(names.find("d/e"), None);
        assert_eq!(names.find("g/f"), Some(3));
        let paths: Vec<_> = names.paths().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["d", "g", "g/f"]);
        let place = names.place("g").unwrap();
        names.apply(&Naming::Take { place });
        assert_eq!(names.paths().len(), 1);
    }
}
