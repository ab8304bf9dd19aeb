//! A session of deep zoom: which tiles are copied as they are stored, by the library's own plan.

use dlcs_core::iiif::{
    Dimensions, GrammarVersion, ImageRequest, Limits, Plan, Pyramid, Stored, StoredLevel, TileSize,
    plan,
};

use super::{Bench, parameters, tiles};
use crate::Result;
use crate::http;
use crate::server::address;
use crate::table::Table;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.large_jpeg()?;
    let server = bench.server("session", true)?;
    server.register("large", &bench.origin(&source)?)?;
    let served = server.served("large")?;
    let pyramid = Pyramid {
        dimensions: Dimensions::new(served.width, served.height).ok_or("an image without size")?,
        tile: TileSize::new(served.tile).ok_or("tiles of a size that is not stored")?,
    };
    // As every derivative is stored that is made here.
    let levels: Vec<_> = pyramid
        .levels()
        .map(|level| StoredLevel {
            level,
            is_jpeg: true,
            has_edges: true,
        })
        .collect();
    let stored = Stored {
        pyramid,
        is_grey: false,
        levels: &levels,
        thumbnails: &[],
    };
    let wanted = tiles(served);
    let mut copied = 0;
    for tile in &wanted {
        let text = parameters(*tile);
        let segments: Vec<&str> = text.split('/').collect();
        let [region, size, rotation, file] = segments[..] else {
            return Err("a request without its four parameters".into());
        };
        let request = ImageRequest::parse(GrammarVersion::V3, region, size, rotation, file)?;
        let resolved = request.resolve(pyramid.dimensions, &Limits::default())?;
        copied += usize::from(!matches!(plan(&stored, &resolved), Plan::Render { .. }));
    }
    // That all of them are served is seen, not supposed.
    for tile in &wanted {
        http::get(
            server.port,
            &format!("{}/{}", address("large"), parameters(*tile)),
        )?;
    }
    table.row(
        format!("a session of deep zoom: {} tiles", wanted.len()),
        format!("{copied} copied"),
        "",
        format!("{:.1} %", 100.0 * copied as f64 / wanted.len() as f64),
        "≥ 95 %",
    );
    Ok(())
}
