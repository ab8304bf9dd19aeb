//! Doors for the fuzzer to what reads bytes of strangers.

use std::io::Write;

use dlcs_core::derivative::ProcessError;

use super::source::{SourceLimits, open, recognise};
use super::spool::{SpooledFile, spool_file};
use super::tiff::read_head;
use super::upright::held_bytes;

/// Reads bytes as the index of a derivative; the first byte says where in the derivative it begins.
pub fn derivative_index(bytes: &[u8]) {
    if let Some((base, head)) = bytes.split_first() {
        let _ = read_head(head, u64::from(*base) << 8);
    }
}

/// Opens bytes as a source, by its header alone; what is accepted keeps to the limits and says what memory it takes.
///
/// # Panics
/// When it does not, or when an error blames this machine: the fuzzer then keeps the bytes.
pub fn source_header(bytes: &[u8]) {
    let limits = SourceLimits {
        max_side: 20_000,
        max_pixels: 100_000_000,
    };
    let mut file = spool_file(None).expect("a temporary file can be made");
    file.write_all(bytes).expect("a temporary file takes bytes");
    let file = SpooledFile::new(file).expect("a temporary file has a length");
    let opened = recognise(&file).and_then(|format| open(&file, format, &limits));
    match opened {
        Ok(source) => {
            let header = &source.header;
            let (width, height) = (u64::from(header.width), u64::from(header.height));
            let side = u64::from(limits.max_side);
            assert!((1..=side).contains(&width) && (1..=side).contains(&height));
            assert!(width * height <= limits.max_pixels);
            // Numbers that an admission can add up.
            let _ = header
                .held_bytes
                .checked_add(held_bytes(header))
                .expect("bytes that can be counted");
            assert!(header.row_bytes() > 0);
        }
        Err(ProcessError::Backend { source }) => panic!("a fault of this machine: {source}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
