//! Stored tiles, warm: the same bytes from us and from nginx, and the same tiles from IIPImage.

use std::fs;

use super::{Bench, parameters, paths, tiles};
use crate::load::{Loads, load};
use crate::machine::Chance;
use crate::peer::iip_address;
use crate::table::{Table, ratio};
use crate::{Result, http};

const CONNECTIONS: usize = 8;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.large_jpeg()?;
    // As it is by default: nginx has what it sends in the memory of the system.
    let server = bench.caching_server("tiles")?;
    server.register("large", &bench.origin(&source)?)?;
    bench.peers()?.add("large", &source)?;
    let served = server.served("large")?;
    // Whole tiles: those at the edges are smaller, and other programs decode them.
    let whole = |tile: &[u32; 6]| tile[4] == served.tile && tile[5] == served.tile;
    let mut wanted: Vec<String> = tiles(served)
        .into_iter()
        .filter(whole)
        .map(parameters)
        .collect();
    Chance::new(1).shuffle(&mut wanted);
    let ours = paths("large", &wanted);
    let mut bytes = 0;
    for path in &ours {
        let tile = http::get(server.port, path)?;
        bytes += tile.len();
        let place = bench.peers()?.files.join(path.trim_start_matches('/'));
        let folder = place.parent().ok_or("a tile without a folder")?;
        fs::create_dir_all(folder)?;
        fs::write(place, tile)?;
    }
    let iip: Vec<String> = wanted
        .iter()
        .map(|parameters| format!("{}/{parameters}", iip_address("large")))
        .collect();
    for path in [&ours[0], &iip[0]] {
        http::get(bench.peers()?.port, path)?;
    }

    let seconds = bench.options.seconds;
    let (mut dlcs, mut files, mut iipsrv) = <(Loads, Loads, Loads)>::default();
    for _ in 0..bench.options.rounds {
        let (folder, peer) = (bench.folder(), bench.peers()?.port);
        dlcs.push(load(folder, server.port, &ours, CONNECTIONS, seconds)?);
        files.push(load(folder, peer, &ours, CONNECTIONS, seconds)?);
        iipsrv.push(load(folder, peer, &iip, CONNECTIONS, seconds)?);
    }
    let what = format!(
        "stored tiles of {} px, {} of them, {:.1} KB each, {CONNECTIONS} connections",
        served.tile,
        ours.len(),
        bytes as f64 / ours.len() as f64 / 1000.0
    );
    table.row(
        format!("{what}: nginx, same bytes as files"),
        dlcs.shown(),
        files.shown(),
        ratio(dlcs.rate(), files.rate()),
        "≥ 1.0 ×",
    );
    table.row(
        "the same, p99",
        format!("{:.2} ms", dlcs.p99()),
        format!("{:.2} ms", files.p99()),
        ratio(dlcs.p99(), files.p99()),
        "≤ 2 ×",
    );
    table.row(
        format!("{what}: iipimage-server"),
        dlcs.shown(),
        iipsrv.shown(),
        ratio(dlcs.rate(), iipsrv.rate()),
        "≥ 15 ×",
    );
    Ok(())
}
