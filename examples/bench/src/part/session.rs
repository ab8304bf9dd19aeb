//! A session of deep zoom: which tiles are sent as they are stored, by what is in the answers and in the derivative.

use memchr::memmem;

use super::{Bench, parameters, tiles};
use crate::Result;
use crate::http;
use crate::server::address;
use crate::table::Table;

/// The fewest coded bytes by which a tile is told from others.
const TELLING: usize = 16;

pub(crate) fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let source = bench.images.large_jpeg()?;
    let server = bench.server("session", true)?;
    server.register("large", &bench.origin(&source)?)?;
    let derivative = server.derivative()?;
    let wanted = tiles(server.served("large")?);
    let mut copied = 0;
    for tile in &wanted {
        let path = format!("{}/{}", address("large"), parameters(*tile));
        let answer = http::get(server.port, &path)?;
        let mut coded = runs(&answer).ok_or_else(|| format!("{path} is no JPEG"))?;
        coded.retain(|run| run.len() >= TELLING);
        let is_stored = |run: &&[u8]| memmem::find(&derivative, run).is_some();
        copied += usize::from(!coded.is_empty() && coded.iter().all(is_stored));
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

/// The coded pixels of a JPEG between markers, each run without its last byte, whose rest is filled up: whoever codes a photograph anew writes
/// others.
fn runs(jpeg: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = jpeg.strip_prefix(b"\xFF\xD8")?;
    loop {
        let (&[0xFF, marker, high, low], _) = rest.split_first_chunk()? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(2 + length..)?;
        if marker == 0xDA {
            break;
        }
    }
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && pair[1] != 0;
    let mut runs = Vec::new();
    while let Some(end) = rest.windows(2).position(is_marker) {
        runs.push(&rest[..end.saturating_sub(1)]);
        rest = &rest[end + 2..];
    }
    (!runs.is_empty()).then_some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_pixels_lie_between_markers() {
        let jpeg = b"\xFF\xD8\xFF\xDB\0\x03q\xFF\xDA\0\x02ab\xFF\0c\xFF\xD0de\xFF\xD9";
        assert_eq!(runs(jpeg), Some(vec![&b"ab\xFF\0"[..], b"d"]));
        assert_eq!(runs(b"\xFF\xD8\xFF\xDB"), None);
        assert_eq!(runs(b"<html>"), None);
    }
}
