//! `dlcs fsck`: checks everything at rest, and says what it finds.

use std::io::Write;
use std::time::Duration;

use clap::ArgMatches;
use dlcs_core::DerivativeStore;
use dlcs_core::fsck::{Finding, FsckMode, FsckOptions, Ledger, Summary, fsck};
use dlcs_core::time::{Clock, SystemClock, Timestamp};

use crate::command::{GRACE, REPAIR};
use crate::config::Config;
use crate::stop::Stop;
use crate::storage::{DERIVATIVES, bucket, local, node, postgres, require_catalogue, sqlite};

/// How far the clock of a store may be wrong, where others may be storing meanwhile.
const GRACE_AMONG_OTHERS: Duration = Duration::from_secs(60 * 60);

/// Checks, prints a sentence for each fault and a line in the end, and returns whether everything is sound.
///
/// # Errors
/// What keeps it from checking.
pub(crate) async fn run(config: &Config, flags: &ArgMatches) -> Result<bool, Stop> {
    let bucket = match &config.store {
        Some(store) => Some(bucket(store).await?),
        None => None,
    };
    if config.database.is_none() {
        require_catalogue(config)?;
    }
    // What is kept in the data directory is one process's.
    let is_shared = config.database.is_some() && bucket.is_some();
    let _node = if is_shared { None } else { Some(node(config)?) };
    let ledger: Box<dyn Ledger> = match &config.database {
        Some(database) => Box::new(postgres(config, database.clone()).await?),
        None => Box::new(sqlite(config).await?),
    };
    let store: Box<dyn DerivativeStore> = match bucket {
        Some(bucket) => Box::new(bucket),
        None => Box::new(local(&config.data_dir.join(DERIVATIVES))?),
    };
    let grace = flags.get_one::<u32>(GRACE).copied();
    let options = FsckOptions {
        mode: if flags.get_flag(REPAIR) {
            FsckMode::Repair
        } else {
            FsckMode::Look
        },
        orphans_before: orphans_before(is_shared, grace),
    };
    let mut report = |finding: &Finding| say(finding);
    let checked = fsck(ledger.as_ref(), store.as_ref(), &options, &mut report).await;
    let summary: Summary = checked
        .map_err(|error| Stop::because("the check could not be brought to its end", &error))?;
    say(&summary);
    Ok(summary.is_sound())
}

fn orphans_before(is_shared: bool, grace: Option<u32>) -> Timestamp {
    let grace = match grace {
        // Nobody else can be at work, whatever the clocks say.
        None if !is_shared => return Timestamp::from_micros(i64::MAX),
        None => GRACE_AMONG_OTHERS,
        Some(seconds) => Duration::from_secs(seconds.into()),
    };
    SystemClock.now().before(grace)
}

/// Prints a line. Who reads it may have gone, and still there is the exit code.
fn say(line: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
