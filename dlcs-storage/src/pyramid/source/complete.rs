//! Whether a file reaches its own end, where its decoder does not ask.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;

/// Says what is missing of a file that is cut off.
pub(super) fn check(file: &SpooledFile, format: SourceFormat) -> Result<(), &'static str> {
    const CUT: &str = "it ends early";
    let mut reader = BufReader::new(file.reader());
    let length = file.length();
    match format {
        SourceFormat::Png => reaches_last_chunk(&mut reader, length).ok_or(CUT),
        SourceFormat::WebP => {
            let declared = riff_length(&mut reader).ok_or(CUT)?;
            (declared <= length).then_some(()).ok_or(CUT)
        }
        SourceFormat::Jpeg | SourceFormat::Gif | SourceFormat::Tiff => Ok(()),
    }
}

/// Walks over the chunks of a PNG to the whole of its last one.
fn reaches_last_chunk(reader: &mut (impl Read + Seek), length: u64) -> Option<()> {
    let mut start = 8;
    loop {
        reader.seek(SeekFrom::Start(start)).ok()?;
        let mut header = [0; 8];
        reader.read_exact(&mut header).ok()?;
        let [a, b, c, d, kind @ ..] = header;
        start += 12 + u64::from(u32::from_be_bytes([a, b, c, d]));
        if start > length {
            return None;
        }
        if &kind == b"IEND" {
            return Some(());
        }
    }
}

/// The length that a RIFF file declares.
fn riff_length(reader: &mut (impl Read + Seek)) -> Option<u64> {
    reader.seek(SeekFrom::Start(4)).ok()?;
    let mut declared = [0; 4];
    reader.read_exact(&mut declared).ok()?;
    Some(8 + u64::from(u32::from_le_bytes(declared)))
}
