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
        let coded = first_stretch(&answer).ok_or_else(|| format!("{path} is no JPEG"))?;
        let is_telling = coded.len() >= TELLING;
        copied += usize::from(is_telling && memmem::find(&derivative, coded).is_some());
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

/// The coded pixels of a JPEG up to its first marker among them, without the last byte, whose rest is filled up: whoever codes the same pixels
/// anew writes others.
fn first_stretch(jpeg: &[u8]) -> Option<&[u8]> {
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
    let end = rest.windows(2).position(is_marker)?;
    rest.get(..end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_pixels_end_at_the_first_marker() {
        let jpeg = b"\xFF\xD8\xFF\xDB\0\x03q\xFF\xDA\0\x02ab\xFF\0c\xFF\xD0d\xFF\xD9";
        assert_eq!(first_stretch(jpeg), Some(&b"ab\xFF\0"[..]));
        assert_eq!(first_stretch(b"\xFF\xD8\xFF\xDB"), None);
        assert_eq!(first_stretch(b"<html>"), None);
    }
}
