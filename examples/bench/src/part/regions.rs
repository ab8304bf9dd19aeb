//! Regions at any place and scale, which have to be decoded, and the whole image, small, which is stored.

use super::{Bench, paths};
use crate::Result;
use crate::load::{Loads, load};
use crate::machine::Chance;
use crate::peer::iip_address;
use crate::server::Served;
use crate::table::{Table, ratio};

const CONNECTIONS: usize = 4;
/// More than anybody renders in a round: none is asked for twice, and what was sent before is of no use.
const REGIONS: usize = 20_000;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.large_jpeg()?;
    let server = bench.caching_server("regions")?;
    server.register("large", &bench.origin(&source)?)?;
    bench.peers()?.add("large", &source)?;
    let served = server.served("large")?;
    // Every answer of these is the same: what is kept of them would be all that is measured.
    let forgetful = bench.server("whole", true)?;
    forgetful.register("large", &bench.origin(&source)?)?;
    let rounds = 0..bench.options.rounds as u64;
    let whole = "full/!400,400/0/default.jpg".to_owned();
    let requests: [(_, _, Vec<_>); 2] = [
        (
            &server,
            "regions of 300 to 4000 px at any place, 200 to 600 px wide",
            rounds.clone().map(|round| regions(served, round)).collect(),
        ),
        (
            &forgetful,
            "`full/!400,400`, a thumbnail that is stored",
            rounds.map(|_| vec![whole.clone()]).collect(),
        ),
    ];
    for (server, what, wanted) in requests {
        let (mut dlcs, mut iipsrv) = <(Loads, Loads)>::default();
        for wanted in wanted {
            let ours = paths("large", &wanted);
            let iip: Vec<String> = wanted
                .iter()
                .map(|parameters| format!("{}/{parameters}", iip_address("large")))
                .collect();
            let (folder, seconds) = (bench.folder(), bench.options.seconds);
            dlcs.push(load(folder, server.port, &ours, CONNECTIONS, seconds)?);
            iipsrv.push(load(
                folder,
                bench.peers()?.port,
                &iip,
                CONNECTIONS,
                seconds,
            )?);
        }
        table.row(
            format!("{what}, {CONNECTIONS} connections: iipimage-server"),
            dlcs.shown(),
            iipsrv.shown(),
            ratio(dlcs.rate(), iipsrv.rate()),
            "≥ 2 ×",
        );
    }
    Ok(())
}

fn regions(served: Served, round: u64) -> Vec<String> {
    let mut chance = Chance::new(2 + round);
    let most = served.width.min(served.height).min(4000);
    (0..REGIONS)
        .map(|_| {
            let side = chance.between(300, most);
            let x = chance.between(0, served.width - side);
            let y = chance.between(0, served.height - side);
            let width = chance.between(200, 600).min(side);
            format!("{x},{y},{side},{side}/{width},/0/default.jpg")
        })
        .collect()
}
