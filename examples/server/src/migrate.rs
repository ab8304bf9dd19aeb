//! `dlcs migrate`: moves a data directory to a database and a bucket that several processes can share, and proves it.

use std::io::Write;
use std::sync::Arc;

use dlcs_storage::transfer::{
    TransferError, TransferSummary, transfer_catalogue, transfer_objects,
};

use crate::config::Config;
use crate::stop::Stop;
use crate::storage::{
    DERIVATIVES, KNOWN_HOSTS, bucket, local, node, postgres, require_catalogue, sqlite,
};

/// Moves what the settings name another place for, and says what is there.
///
/// # Errors
/// What keeps it from being moved.
pub(crate) async fn run(config: &Config) -> Result<(), Stop> {
    if config.database.is_none() && config.store.is_none() {
        return Err(Stop::Usage(
            "say where the data directory is to be moved: --database-url for the catalogue, --store-url for the objects, or both"
                .to_owned(),
        ));
    }
    require_catalogue(config)?;
    let store = match &config.store {
        Some(store) => Some(bucket(store).await?),
        None => None,
    };
    let _node = node(config)?;
    let from = sqlite(config).await?;
    // Before objects are sent for nothing.
    let to = match &config.database {
        Some(database) => Some(postgres(config, database.clone()).await?),
        None => None,
    };
    let failed = |error: TransferError| Stop::because("the data directory is not moved", &error);
    let mut summary = TransferSummary::default();
    if let Some(store) = &store {
        let files = local(&config.data_dir.join(DERIVATIVES))?;
        let moved = transfer_objects(&from, Arc::new(files), store).await;
        summary = moved.map_err(failed)?;
    }
    if let Some(to) = &to {
        summary = transfer_catalogue(&from, to, summary)
            .await
            .map_err(failed)?;
    }
    say(config, &summary);
    Ok(())
}

fn say(config: &Config, summary: &TransferSummary) {
    let mut out = std::io::stdout();
    let mut line = |line: String| {
        // Whoever reads it may have gone, and still there is the exit code.
        let _ = writeln!(out, "{line}");
    };
    for (table, rows) in &summary.tables {
        line(format!("{table}: {rows} rows, the same in both databases"));
    }
    if config.store.is_some() {
        line(format!(
            "objects: {}, of {} bytes, each with the checksum of its record; there already: {}",
            summary.objects, summary.bytes, summary.found
        ));
    }
    let known = config.known_hosts.clone();
    let known = known.unwrap_or_else(|| config.data_dir.join(KNOWN_HOSTS));
    if config.database.is_some() && known.is_file() {
        line(format!(
            "the keys of SFTP hosts stay in {}: copy it to every node (--known-hosts), or each of them takes new ones",
            known.display()
        ));
    }
    let flags = match (config.database.is_some(), config.store.is_some()) {
        (true, true) => "--database-url and --store-url",
        (true, false) => "--database-url, and this data directory, which keeps the objects",
        _ => "--store-url, and this data directory, which keeps the catalogue",
    };
    line(format!(
        "moved: start `dlcs serve` with {flags}, and with the same sealing key"
    ));
}
