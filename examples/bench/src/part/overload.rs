//! Many whole gigapixel images at once: memory, and what tiles take meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Bench, parameters, paths, tiles};
use crate::load::load;
use crate::server::address;
use crate::table::{Table, megabytes, ratio};
use crate::{Result, http};

/// How many ask for the whole image at once.
const CROWD: usize = 64;
const CONNECTIONS: usize = 8;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.giant_tiff()?;
    let server = bench.server("overload", false)?;
    let idle = server.usage()?;
    server.register("giant", &bench.origin(&source)?)?;
    let registered = server.usage()?;
    table.row(
        "registering the giant TIFF, peak of the whole server",
        megabytes(registered.peak as f64),
        "",
        "",
        "< 200 MB",
    );
    drop(server);
    // Started again over the same data, so that the peak of registering does not hide another.
    let server = bench.restart("overload")?;
    let served = server.served("giant")?;
    let whole = |tile: &[u32; 6]| tile[4] == served.tile && tile[5] == served.tile;
    let wanted: Vec<String> = tiles(served)
        .into_iter()
        .filter(whole)
        .map(parameters)
        .collect();
    let wanted = paths("giant", &wanted);
    let (folder, seconds) = (bench.folder(), bench.options.seconds);
    // Once for the page cache, once to count.
    load(folder, server.port, &wanted, CONNECTIONS, seconds)?;
    let unloaded = load(folder, server.port, &wanted, CONNECTIONS, seconds)?;

    let over = AtomicBool::new(false);
    let path = format!("{}/full/max/0/default.jpg", address("giant"));
    let (meanwhile, statuses) = thread::scope(|scope| -> Result<_> {
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| {
                scope.spawn(|| {
                    step_back();
                    let mut statuses = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        let answer = http::ask(server.port, "GET", &path, "", "");
                        let status = answer.map_or(0, |answer| answer.status);
                        statuses.push(status);
                        if status != 200 {
                            // As clients do that are told to come back.
                            thread::sleep(Duration::from_millis(200));
                        }
                    }
                    statuses
                })
            })
            .collect();
        let meanwhile = load(folder, server.port, &wanted, CONNECTIONS, seconds.max(5));
        over.store(true, Ordering::Relaxed);
        let statuses: Vec<u16> = crowd
            .into_iter()
            .flat_map(|asker| asker.join().unwrap_or_default())
            .collect();
        Ok((meanwhile?, statuses))
    })?;
    let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
    let (served_whole, refused) = (count(200), count(503));
    let others = statuses.len() - served_whole - refused;
    let after = server.usage()?;
    table.row(
        format!("{CROWD} at once ask for `full/max` of the giant: memory above idle"),
        megabytes(after.peak.saturating_sub(idle.resident) as f64),
        "",
        format!("{served_whole} served, {refused} told to wait, {others} otherwise"),
        "≤ 512 MB, none otherwise",
    );
    table.row(
        "tiles meanwhile, p99: unloaded",
        format!("{:.2} ms", meanwhile.p99),
        format!("{:.2} ms", unloaded.p99),
        ratio(meanwhile.p99, unloaded.p99),
        "≤ 5 ×",
    );
    Ok(())
}

/// Lets everything else go before this thread: the crowd stands for clients on other machines, and what it reads must not keep the client of the
/// tiles from its processor.
fn step_back() {
    // Without it the crowd is only less polite.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
}
