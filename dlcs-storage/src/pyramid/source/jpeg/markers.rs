//! Markers and segments of a JPEG, as they come.

use std::io::{self, BufRead};

/// What is said of a file that ends before it should.
pub(in crate::pyramid) const ENDS_EARLY: &str = "it ends early";

/// A failure to read on: of the file, or of the image in it.
#[derive(Debug)]
pub(in crate::pyramid) enum Fault {
    /// The file cannot be read.
    Io(io::Error),
    /// The image is damaged, and how.
    Damaged(String),
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.to_owned())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            ENDS_EARLY.into()
        } else {
            Self::Io(error)
        }
    }
}

/// Reads what belongs to a marker with a length.
pub(in crate::pyramid) fn segment(reader: &mut impl BufRead) -> Result<Vec<u8>, Fault> {
    let mut length = [0; 2];
    reader.read_exact(&mut length)?;
    let length = u16::from_be_bytes(length).checked_sub(2);
    let mut segment = vec![0; usize::from(length.ok_or("a segment has no length")?)];
    reader.read_exact(&mut segment)?;
    Ok(segment)
}

/// Skips to the next marker and returns it; entropy-coded bytes are passed over.
pub(in crate::pyramid) fn next_marker(reader: &mut impl BufRead) -> Result<u8, Fault> {
    loop {
        reader.skip_until(0xFF)?;
        let mut byte = [0xFF];
        while byte == [0xFF] {
            reader.read_exact(&mut byte)?;
        }
        if byte != [0] {
            return Ok(byte[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_behind_codes_and_fill_bytes() {
        let stream = [1, 0xFF, 0x00, 2, 0xFF, 0xFF, 0xD0, 3, 0xFF, 0xD9];
        let mut reader = &stream[..];
        assert_eq!(next_marker(&mut reader).unwrap(), 0xD0);
        assert_eq!(next_marker(&mut reader).unwrap(), 0xD9);
        for end in [&b""[..], b"\x01", b"\x01\xFF", b"\xFF\xFF", b"\xFF\x00"] {
            let found = next_marker(&mut &end[..]);
            assert!(matches!(found, Err(Fault::Damaged(_))), "{found:?}");
        }
    }

    #[test]
    fn segments_have_the_length_that_they_say() {
        assert_eq!(segment(&mut &b"\0\x04abc"[..]).unwrap(), b"ab");
        for bad in [&b"\0\x01"[..], b"\0\x04a", b"\0"] {
            assert!(segment(&mut &bad[..]).is_err());
        }
    }
}
