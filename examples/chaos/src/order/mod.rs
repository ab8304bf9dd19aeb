//! Watches one registration and one batch through `strace`, and checks the order of what reaches the disk and the client.

mod check;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::block_in_place;

use self::check::Proof;
use crate::client::{Change, Client};
use crate::ledger::{Kind, Name, Outcome};
use crate::origin::Files;
use crate::program::Launch;
use crate::random::Random;
use crate::strace::{self, Call, Trace};
use crate::{Result, found, say};

/// What reaches the disk, and what reaches the client.
const CALLS: &str = "trace=openat,write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
                     mkdir,mkdirat,recvfrom,recvmsg,read,sendto,sendmsg";
/// More than a page of the log, where every byte takes four characters.
const TEXT: &str = "20000";
const DRAIN: Duration = Duration::from_secs(60);

/// Runs, and returns whether the order is as it must be.
pub(crate) async fn run(program: &Path, folder: &Path) -> Result<bool> {
    if !strace::is_there() {
        return Err("strace is missing: install it".into());
    }
    let begun = Instant::now();
    let files = Files::make(folder)?;
    let mut is_right = true;
    for (kind, id) in [(Kind::Put, "first-image"), (Kind::Batch, "second-image")] {
        // A directory of its own: a page of the log shows whatever else there is.
        let data = folder.join(format!("{kind:?}"));
        let log = data.with_extension("strace");
        let wal = format!("{}-wal", data.join("dlcs.sqlite").display());
        let launch = Launch::new(program, &data, &data.with_extension("log"));
        let launch = launch.with(files.arguments()).with(["--log", "warn"]);
        let server = block_in_place(|| launch.start())?;
        let (_address, base) = watch::channel(server.url.clone());
        let client = Client::new(base, files.address())?;
        let arguments = ["-yy", "-s", TEXT, "-e", CALLS].map(ToOwned::to_owned);
        let trace = block_in_place(|| Trace::attach(server.process.id(), &arguments, &log))?;
        register(&client, kind, id).await?;
        found::drain(&client, &[1], DRAIN).await?;
        let seen = block_in_place(|| trace.finish(false))?;
        block_in_place(|| server.stop())?;
        let calls = strace::parse(&seen);
        let proof = prove(kind, &calls, &wal, id);
        is_right &= proof.is_ok();
        let (kind, calls) = (format!("{kind:?}").to_lowercase(), calls.len());
        match proof {
            Ok(proof) => say(&format!(
                "order of one {kind}: right; request at call {}, derivative durable at {}, row durable at {}, answer at {}, of {calls} calls",
                proof.request, proof.published, proof.committed, proof.response
            )),
            Err(why) => say(&format!("order of one {kind}: WRONG: {why}")),
        }
    }
    say(&format!(
        "order: {}, {:.0} s",
        if is_right { "right" } else { "WRONG" },
        begun.elapsed().as_secs_f64()
    ));
    Ok(is_right)
}

fn prove(kind: Kind, calls: &[Call], wal: &str, id: &str) -> Result<Proof, String> {
    match kind {
        Kind::Batch => check::batch(calls, wal, id),
        Kind::Put | Kind::Delete => check::put(calls, wal, id),
    }
}

async fn register(client: &Client, kind: Kind, id: &str) -> Result<()> {
    let change = Change {
        kind,
        names: vec![Name {
            customer: 1,
            id: id.to_owned(),
        }],
        versions: vec![1],
        is_urgent: false,
        is_wrong: false,
    };
    let changed = client.change(&change, &mut Random::new(1)).await;
    if changed.outcome == Outcome::Acknowledged {
        Ok(())
    } else {
        Err(format!("the registration failed: {changed:?}").into())
    }
}
