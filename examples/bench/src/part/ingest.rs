//! Registering, from the request to the answer, beside `vips` making a pyramid of the same file.

use std::path::Path;
use std::time::Instant;

use super::Bench;
use crate::machine::median;
use crate::peer::pyramid;
use crate::process::{Taken, measure};
use crate::table::{Table, megabytes, ratio};
use crate::{Result, say};

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let sources = [
        ("smaller JPEG", bench.images.small_jpeg()?),
        ("larger JPEG", bench.images.large_jpeg()?),
        ("smaller TIFF", bench.images.small_tiff()?),
        ("larger TIFF", bench.images.large_tiff()?),
    ];
    for (what, source) in sources {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut sizes = (0, 0);
        for round in 0..bench.options.rounds {
            let (taken, bytes) = register(bench, &source)?;
            ours.push(taken);
            sizes.0 = bytes;
            let target = bench.folder().join("vips.tif");
            theirs.push(measure(&mut pyramid(&source, &target))?);
            sizes.1 = std::fs::metadata(&target)?.len();
            say(&format!(
                "round {round}, {what}: {:?} beside {:?}",
                ours.last(),
                theirs.last()
            ));
        }
        let of = |all: &[Taken], what: fn(&Taken) -> f64| median(all.iter().map(what).collect());
        for (which, value, goal) in [
            (
                "wall",
                (|taken| taken.wall) as fn(&Taken) -> f64,
                "≤ 0.8 × (0.6 × with nasm)",
            ),
            ("processor", |taken| taken.processor, "≤ 0.75 ×"),
        ] {
            let (a, b) = (of(&ours, value), of(&theirs, value));
            let seconds = |value: f64| format!("{value:.2} s");
            let what = format!("registering the {what}, {which}: `vips tiffsave`");
            table.row(what, seconds(a), seconds(b), ratio(a, b), goal);
        }
        let peak: fn(&Taken) -> f64 = |taken| taken.peak as f64;
        let (a, b) = (of(&ours, peak), of(&theirs, peak));
        table.row(
            format!("registering the {what}, memory added: `vips tiffsave`, its peak"),
            megabytes(a),
            megabytes(b),
            ratio(a, b),
            if what.starts_with("larger") {
                "≤ 1.0 ×"
            } else {
                ""
            },
        );
        let (a, b) = (sizes.0 as f64, sizes.1 as f64);
        table.row(
            format!("derivative of the {what}: `vips tiffsave`"),
            megabytes(a),
            megabytes(b),
            ratio(a, b),
            "≤ 1.20 × (edge tiles and thumbnails included)",
        );
    }
    Ok(())
}

/// Registers in a server that has done nothing before: what it takes, and the size of the derivative.
fn register(bench: &Bench, source: &Path) -> Result<(Taken, u64)> {
    let server = bench.server("ingest", false)?;
    let origin = bench.origin(source)?;
    // What the first answer of all takes is not the image's.
    crate::http::ask(server.port, "GET", "/ready", "", "")?;
    let before = server.usage()?;
    let begun = Instant::now();
    server.register("image", &origin)?;
    let wall = begun.elapsed().as_secs_f64();
    let after = server.usage()?;
    let taken = Taken {
        wall,
        processor: after.processor - before.processor,
        peak: after.peak.saturating_sub(before.resident),
    };
    Ok((taken, server.derivative_bytes()?))
}
