//! Files and directories on a disk, read and written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::Result;

/// Paths from a root, `/` between their names: what is in a file, or `None` for a directory.
pub(super) type Tree = BTreeMap<String, Option<Arc<[u8]>>>;

/// Reads everything below a directory.
///
/// # Errors
/// There is something that is neither a file nor a directory.
pub(super) fn read(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut open = vec![String::new()];
    while let Some(above) = open.pop() {
        for entry in fs::read_dir(root.join(&above))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().ok_or("a name that is no text")?;
            let path = if above.is_empty() {
                name.to_owned()
            } else {
                format!("{above}/{name}")
            };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                tree.insert(path.clone(), None);
                open.push(path);
            } else if kind.is_file() {
                tree.insert(path, Some(fs::read(entry.path())?.into()));
            } else {
                return Err(format!("`{path}` is neither a file nor a directory").into());
            }
        }
    }
    Ok(tree)
}

/// Makes a directory that holds this and nothing else.
pub(super) fn write(tree: &Tree, root: &Path) -> Result<()> {
    if root.try_exists()? {
        fs::remove_dir_all(root)?;
    }
    fs::create_dir_all(root)?;
    // What is above comes first.
    for (path, bytes) in tree {
        match bytes {
            Some(bytes) => fs::write(root.join(path), bytes)?,
            None => fs::create_dir(root.join(path))?,
        }
    }
    Ok(())
}

/// The first thing in which two trees are not alike, but for what is in these files.
pub(super) fn difference(
    one: &Tree,
    other: &Tree,
    apart_from: impl Fn(&str) -> bool,
) -> Option<String> {
    for path in one.keys().chain(other.keys()) {
        let said = match (one.get(path), other.get(path)) {
            (Some(_), Some(_)) if apart_from(path) => continue,
            (Some(one), Some(other)) if one == other => continue,
            (Some(Some(one)), Some(Some(other))) => {
                let place = one.iter().zip(other.iter()).position(|(a, b)| a != b);
                format!(
                    "has {} and {} bytes, which differ at {place:?}",
                    one.len(),
                    other.len()
                )
            }
            (None, _) => "is in the second only".to_owned(),
            (_, None) => "is in the first only".to_owned(),
            _ => "is a directory in one of them".to_owned(),
        };
        return Some(format!("`{path}` {said}"));
    }
    None
}
