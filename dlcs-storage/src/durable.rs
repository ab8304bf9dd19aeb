//! Directories that are there after a loss of power.

use std::fs::{self, File};
use std::io;
use std::path::{Path, absolute};

/// Makes a directory and those above it, and syncs every directory that has got an entry by that.
///
/// Those above are synced, too, as far as this process may: whoever calls this may have made them a moment ago, and everything in them is lost
/// with them.
pub(crate) fn create_directory(directory: &Path) -> io::Result<()> {
    let directory = absolute(directory)?;
    let mut grown = Vec::new();
    for missing in directory.ancestors() {
        if missing.try_exists()? {
            break;
        }
        grown.extend(missing.parent());
    }
    fs::create_dir_all(&directory)?;
    if cfg!(unix) {
        for above in directory.ancestors().skip(1) {
            let synced = File::open(above).and_then(|above| above.sync_all());
            if grown.contains(&above) {
                synced?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_made_and_one_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("some/levels/deep");
        create_directory(&directory).unwrap();
        fs::write(directory.join("file"), "kept").unwrap();
        create_directory(&directory).unwrap();
        assert_eq!(fs::read(directory.join("file")).unwrap(), b"kept");
        create_directory(&directory.join("file")).unwrap_err();
        create_directory(&directory.join("file/below")).unwrap_err();
    }
}
