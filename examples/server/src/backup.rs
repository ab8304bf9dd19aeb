//! `dlcs backup`: copies a data directory while the server works in it.

use std::io::Write;
use std::path::PathBuf;

use clap::ArgMatches;
use dlcs_storage::backup::{BackupConfig, backup};

use crate::command::TARGET;
use crate::config::Config;
use crate::stop::Stop;
use crate::storage::{CATALOGUE, DERIVATIVES, KNOWN_HOSTS, SEALING_KEY, require_catalogue};

/// Makes the copy, and says what is in it.
///
/// # Errors
/// What keeps it from being whole; then there is none.
pub(crate) fn run(config: &Config, flags: &ArgMatches) -> Result<(), Stop> {
    let elsewhere = [
        (config.database.is_some(), "--database-url", "with pg_dump"),
        (
            config.store.is_some(),
            "--store-url",
            "as you back up buckets",
        ),
    ];
    for (is_given, flag, how) in elsewhere {
        if is_given {
            return Err(Stop::Usage(format!(
                "`dlcs backup` copies data directories, and with {flag} something is kept elsewhere: back up the database first, {how}, and then the objects"
            )));
        }
    }
    require_catalogue(config)?;
    let target: &PathBuf = flags
        .get_one(TARGET)
        .ok_or_else(|| Stop::Usage("name the directory that the copy goes to".to_owned()))?;
    let at = |name: &str| config.data_dir.join(name);
    let original = BackupConfig::new(at(CATALOGUE), at(DERIVATIVES))
        .with_file(at(SEALING_KEY))
        .with_file(at(KNOWN_HOSTS));
    let summary =
        backup(&original, target).map_err(|error| Stop::because("there is no backup", &error))?;
    // Whoever reads it may have gone, and still there is the exit code.
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "copied to `{}`: images: {}, objects: {}, of which links to the originals: {}",
        target.display(),
        summary.images,
        summary.objects,
        summary.linked,
    );
    for key in &summary.missing {
        let _ = writeln!(
            out,
            "the object `{key}` is missing in the original, too: `dlcs fsck` says of which image"
        );
    }
    Ok(())
}
