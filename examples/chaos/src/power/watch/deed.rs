//! What each call does to a disk.

use super::super::content::{Content, Edit};
use super::super::history::{Deed, Event, Synced};
use super::super::names::{Inode, Naming, Place};
use super::{Handle, SHARED_MEMORY, Watcher};
use crate::strace::{Call, buffers, descriptor, text};

type Done = Result<(), String>;

impl Watcher<'_> {
    pub(super) fn open(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let number = call.result.unwrap_or(-1);
        self.open.remove(&number);
        let Some(path) = self.paths(arguments)?.remove(0) else {
            return Ok(());
        };
        let flags = arguments.iter().find(|argument| argument.starts_with("O_"));
        let flags: Vec<_> = flags
            .into_iter()
            .flat_map(|flags| flags.split('|'))
            .collect();
        // Writes that wait, or that go past what the system keeps in memory: nothing is known of them here.
        if ["O_SYNC", "O_DSYNC", "O_DIRECT"]
            .iter()
            .any(|flag| flags.contains(flag))
        {
            return Err("a file that is opened in a way that is not understood".to_owned());
        }
        let is_made = flags.contains(&"O_CREAT") || call.name == "creat";
        let inode = match self.now.names.find(&path) {
            _ if flags.contains(&"O_TMPFILE") => self.make(Some(Content::default())),
            Some(inode) => {
                if self.length(inode) > 0 && (flags.contains(&"O_TRUNC") || call.name == "creat") {
                    self.edit(call, inode, Edit::Resize { length: 0 });
                }
                inode
            }
            None if is_made => {
                let place = self.place(&path)?;
                let inode = self.make(Some(Content::default()));
                self.name(call, Naming::Give { place, inode });
                inode
            }
            None => return Err("it was opened, and is not there".to_owned()),
        };
        self.open.insert(number, self.handles.len());
        self.handles.push(Handle {
            inode,
            position: 0,
            appends: flags.contains(&"O_APPEND"),
        });
        Ok(())
    }

    pub(super) fn close(&mut self, arguments: &[&str]) -> Done {
        if let Some(number) = number(arguments, 0) {
            self.open.remove(&number);
        }
        Ok(())
    }

    pub(super) fn duplicate(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let new = call.result.unwrap_or(-1);
        let handle = number(arguments, 0).and_then(|number| self.open.get(&number).copied());
        match handle {
            Some(handle) => self.open.insert(new, handle),
            None => self.open.remove(&new),
        };
        Ok(())
    }

    pub(super) fn read(&mut self, call: &Call, arguments: &[&str]) -> Done {
        if let Some(handle) = self.handle(arguments, 0)? {
            self.handles[handle].position += count(call)?;
        }
        Ok(())
    }

    pub(super) fn seek(&mut self, call: &Call, arguments: &[&str]) -> Done {
        if let Some(handle) = self.handle(arguments, 0)? {
            self.handles[handle].position = count(call)?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let Some(handle) = self.handle(arguments, 0)? else {
            return Ok(());
        };
        let written = count(call)?;
        let argument = arguments.get(1).copied().unwrap_or_default();
        let bytes = match call.name.as_str() {
            "writev" | "pwritev" => buffers(argument),
            _ => text(argument),
        };
        let bytes = bytes.filter(|bytes| bytes.len() >= written);
        let bytes = bytes.ok_or("the bytes that were written are not shown")?;
        let Handle {
            inode,
            position,
            appends,
        } = self.handles[handle];
        let offset = match call.name.as_str() {
            "pwrite64" | "pwritev" => length(arguments, 3)?,
            _ if appends => self.length(inode),
            _ => position,
        };
        if matches!(call.name.as_str(), "write" | "writev") {
            self.handles[handle].position = offset + written;
        }
        let bytes = bytes[..written].into();
        self.edit(call, inode, Edit::Write { offset, bytes });
        Ok(())
    }

    pub(super) fn resize(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let Some(handle) = self.handle(arguments, 0)? else {
            return Ok(());
        };
        let inode = self.handles[handle].inode;
        let now = self.length(inode);
        let length = match (call.name.as_str(), arguments.get(1)) {
            ("ftruncate", _) => length(arguments, 1)?,
            ("fallocate", Some(&"0")) => now.max(length(arguments, 2)? + length(arguments, 3)?),
            _ => return Err("a way to make room that is not understood".to_owned()),
        };
        if length != now {
            self.edit(call, inode, Edit::Resize { length });
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let Some(handle) = self.handle(arguments, 0)? else {
            return Ok(());
        };
        let inode = self.handles[handle].inode;
        let target = arguments.first().and_then(|argument| descriptor(argument));
        let target = target
            .map(|descriptor| descriptor.target)
            .unwrap_or_default();
        let synced = Synced {
            path: self.below(&target).unwrap_or_default().to_owned(),
            is_directory: self.now.files[inode].is_none(),
        };
        self.push(call, Deed::Sync(inode, synced));
        Ok(())
    }

    pub(super) fn make_directory(&mut self, call: &Call, arguments: &[&str]) -> Done {
        if let Some(path) = self.paths(arguments)?.remove(0) {
            let place = self.place(&path)?;
            let inode = self.make(None);
            self.name(call, Naming::Give { place, inode });
        }
        Ok(())
    }

    pub(super) fn unlink(&mut self, call: &Call, arguments: &[&str]) -> Done {
        if let Some(path) = self.paths(arguments)?.remove(0) {
            let place = self.place(&path)?;
            if self.now.names.at(&place).is_none() {
                return Err("it was removed, and is not there".to_owned());
            }
            self.name(call, Naming::Take { place });
        }
        Ok(())
    }

    /// Renames something, or gives it another name.
    pub(super) fn rename(&mut self, call: &Call, arguments: &[&str]) -> Done {
        let (from, to) = match &self.paths(arguments)?[..] {
            [None, None] => return Ok(()),
            [Some(from), Some(to)] => (self.place(from)?, self.place(to)?),
            _ => return Err("a name that comes from outside, or goes there".to_owned()),
        };
        if call.arguments.contains("RENAME_EXCHANGE") {
            return Err("names that are exchanged".to_owned());
        }
        let inode = self.now.names.at(&from).ok_or("a name of nothing")?;
        if self.now.names.at(&to) == Some(inode) {
            // Two names of one file: nothing happens.
            return Ok(());
        }
        let naming = if call.name.starts_with("link") {
            Naming::Give { place: to, inode }
        } else {
            Naming::Move { from, to }
        };
        self.name(call, naming);
        Ok(())
    }

    pub(super) fn map(&mut self, arguments: &[&str]) -> Done {
        let says = |place: usize, word: &str| {
            let argument = arguments.get(place);
            argument.is_some_and(|argument| argument.contains(word))
        };
        if !says(2, "PROT_WRITE") || !says(3, "MAP_SHARED") {
            return Ok(());
        }
        let Some(handle) = self.handle(arguments, 4)? else {
            return Ok(());
        };
        if !arguments[4].contains(&format!("{SHARED_MEMORY}>")) {
            return Err("a file that is written to through memory".to_owned());
        }
        self.mapped.insert(self.handles[handle].inode);
        Ok(())
    }

    /// The handle of a descriptor, if its file is below the root.
    fn handle(&self, arguments: &[&str], place: usize) -> Result<Option<usize>, String> {
        let Some(found) = arguments
            .get(place)
            .and_then(|argument| descriptor(argument))
        else {
            return Ok(None);
        };
        let handle = found
            .number
            .and_then(|number| self.open.get(&number).copied());
        let Some(path) = self.below(&found.target) else {
            return match handle {
                Some(_) => Err("a file that has gone outside".to_owned()),
                None => Ok(None),
            };
        };
        let handle = handle.ok_or("a file that was never opened")?;
        if !found.is_deleted && self.now.names.find(path) != Some(self.handles[handle].inode) {
            return Err("a file that has another name".to_owned());
        }
        Ok(Some(handle))
    }

    /// The paths among the arguments, from the root; `None` for one that is not below it.
    fn paths(&self, arguments: &[&str]) -> Result<Vec<Option<String>>, String> {
        let mut paths = Vec::new();
        for (place, argument) in arguments.iter().enumerate() {
            if !argument.starts_with('"') {
                continue;
            }
            let path = text(argument).and_then(|path| String::from_utf8(path).ok());
            let mut path = path.ok_or("a path that is no text")?;
            let above = place
                .checked_sub(1)
                .and_then(|above| descriptor(arguments[above]));
            if !path.starts_with('/')
                && let Some(above) = above
            {
                path = format!("{}/{path}", above.target);
            }
            let below = self.below(&path);
            if below.is_some_and(|path| path.split('/').any(|name| name == "..")) {
                return Err("a path that leads upwards".to_owned());
            }
            paths.push(below.map(ToOwned::to_owned));
        }
        if paths.is_empty() {
            return Err("a call without a path".to_owned());
        }
        Ok(paths)
    }

    fn place(&self, path: &str) -> Result<Place, String> {
        let place = self.now.names.place(path);
        place.ok_or_else(|| format!("`{path}` is in no directory"))
    }

    fn length(&self, inode: Inode) -> usize {
        self.now.files[inode].as_ref().map_or(0, Content::length)
    }

    fn make(&mut self, content: Option<Content>) -> Inode {
        self.now.files.push(content);
        self.now.files.len() - 1
    }

    fn name(&mut self, call: &Call, naming: Naming) {
        self.now.names.apply(&naming);
        self.push(call, Deed::Name(naming));
    }

    fn edit(&mut self, call: &Call, inode: Inode, edit: Edit) {
        if let Some(Some(file)) = self.now.files.get_mut(inode) {
            file.edit(edit.clone());
            file.settle(1);
        }
        self.push(call, Deed::Edit(inode, edit));
    }

    fn push(&mut self, call: &Call, deed: Deed) {
        self.events.push(Event {
            begun: call.begun,
            ended: call.ended,
            deed,
        });
    }
}

fn number(arguments: &[&str], place: usize) -> Option<i64> {
    descriptor(arguments.get(place)?)?.number
}

/// What the call returned.
fn count(call: &Call) -> Result<usize, String> {
    let count = call.result.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| "it returned no number".to_owned())
}

fn length(arguments: &[&str], place: usize) -> Result<usize, String> {
    let length = arguments
        .get(place)
        .and_then(|argument| argument.parse().ok());
    length.ok_or_else(|| "it says no length".to_owned())
}
