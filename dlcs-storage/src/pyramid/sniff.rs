//! What bytes are, from how they begin.

/// A source format that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceFormat {
    #[cfg(feature = "source-avif")]
    Avif,
    Bmp,
    Gif,
    #[cfg(feature = "source-heic")]
    Heic,
    Jp2,
    Jpeg,
    #[cfg(feature = "source-pdf")]
    Pdf,
    Png,
    Tiff,
    WebP,
}

impl SourceFormat {
    /// As people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "source-avif")]
            Self::Avif => "AVIF",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            #[cfg(feature = "source-heic")]
            Self::Heic => "HEIC",
            Self::Jp2 => "JPEG 2000",
            Self::Jpeg => "JPEG",
            #[cfg(feature = "source-pdf")]
            Self::Pdf => "PDF",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            #[cfg(feature = "source-avif")]
            Self::Avif => "image/avif",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            #[cfg(feature = "source-heic")]
            Self::Heic => "image/heic",
            Self::Jp2 => "image/jp2",
            Self::Jpeg => "image/jpeg",
            #[cfg(feature = "source-pdf")]
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
            Self::WebP => "image/webp",
        }
    }
}

/// How many bytes are enough to tell.
pub(super) const SNIFFED: usize = 512;

/// Finds the format; otherwise says what the bytes look like.
pub(super) fn sniff(start: &[u8]) -> Result<SourceFormat, String> {
    let is = |prefix: &[u8]| start.starts_with(prefix);
    let riff = |kind: &[u8]| is(b"RIFF") && start.get(8..12) == Some(kind);
    if is(b"\xFF\xD8\xFF") {
        return Ok(SourceFormat::Jpeg);
    }
    if is(b"\x89PNG\r\n\x1A\n") {
        return Ok(SourceFormat::Png);
    }
    if riff(b"WEBP") {
        return Ok(SourceFormat::WebP);
    }
    if is(b"GIF87a") || is(b"GIF89a") {
        return Ok(SourceFormat::Gif);
    }
    if is(b"\0\0\0\x0CjP  \r\n\x87\n") || is(b"\xFF\x4F\xFF\x51") {
        return Ok(SourceFormat::Jp2);
    }
    if is(b"BM") && has_bitmap_header(start) {
        return Ok(SourceFormat::Bmp);
    }
    if is(b"II*\0") || is(b"MM\0*") || is(b"II+\0") || is(b"MM\0+") {
        return Ok(SourceFormat::Tiff);
    }
    #[cfg(feature = "source-pdf")]
    if is(b"%PDF-") {
        return Ok(SourceFormat::Pdf);
    }
    match describe(start) {
        #[cfg(feature = "source-avif")]
        "AVIF" => Ok(SourceFormat::Avif),
        #[cfg(feature = "source-heic")]
        "HEIC" => Ok(SourceFormat::Heic),
        seen => Err(seen.to_owned()),
    }
}

/// Two letters are not enough: a header of a known length has to follow.
fn has_bitmap_header(start: &[u8]) -> bool {
    let length = start.get(14..).and_then(<[u8]>::first_chunk::<4>);
    length.is_some_and(|length| {
        matches!(
            u32::from_le_bytes(*length),
            12 | 40 | 52 | 56 | 64 | 108 | 124
        )
    })
}

/// The coding that a file of boxes names first, or else among those that it is compatible with.
fn coding_of_boxes(start: &[u8]) -> Option<&'static str> {
    if start.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let length = start
        .first_chunk::<4>()
        .map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = start.get(8..length.min(start.len())).unwrap_or_default();
    let brands = brands.as_chunks::<4>().0;
    let named = brands.iter().find_map(|brand| match brand {
        b"avif" | b"avis" => Some("AVIF"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some("HEIC"),
        _ => None,
    });
    Some(match (named, brands.first()) {
        (Some(named), _) => named,
        (None, Some(b"mif1" | b"msf1")) => "HEIF",
        (None, _) => "a film",
    })
}

fn describe(start: &[u8]) -> &'static str {
    for (magic, name) in [
        (&b"%PDF"[..], "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x1F\x8B", "gzip"),
        (b"8BPS", "Photoshop"),
        (b"\xFF\x0A", "JPEG XL"),
        (b"\0\0\0\x0CJXL ", "JPEG XL"),
        (b"\0\0\x01\0", "an icon"),
    ] {
        if start.starts_with(magic) {
            return name;
        }
    }
    if let Some(coding) = coding_of_boxes(start) {
        return coding;
    }
    if start.is_empty() {
        return "empty";
    }
    // A character may be cut at the end of what was looked at.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return "unknown binary data",
    };
    let text = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']);
    let begins = |prefix: &str| {
        text.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body") {
        "HTML"
    } else if begins("<svg") || (begins("<?xml") && text.contains("<svg")) {
        "SVG"
    } else if begins("<?xml") || begins("<") {
        "XML"
    } else if begins("{") || begins("[") {
        "JSON"
    } else if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        "unknown binary data"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_gets_a_name() {
        for (start, seen) in [
            (&b""[..], "empty"),
            (b"<!DOCTYPE html><p>", "HTML"),
            (b"\n <HTML>", "HTML"),
            (b"<?xml version='1.0'?><svg", "SVG"),
            (b"<?xml version='1.0'?><Error>", "XML"),
            (b"{\"error\":1}", "JSON"),
            #[cfg(not(feature = "source-pdf"))]
            (b"%PDF-1.7", "PDF"),
            (b"not found", "text"),
            ("h\u{e9}las".as_bytes(), "text"),
            (b"caf\xC3", "text"),
            (b"\x00\x01\x02\xFF", "unknown binary data"),
            (b"\x00", "unknown binary data"),
            (b"PK\x03\x04rest", "ZIP"),
            (b"RIFF\x00\x00\x00\x00WAVE", "unknown binary data"),
            #[cfg(not(feature = "source-avif"))]
            (b"\0\0\0\x1Cftypavif\0\0\0\0mif1avif", "AVIF"),
            #[cfg(not(feature = "source-avif"))]
            (b"\0\0\0\x18ftypmif1\0\0\0\0avif", "AVIF"),
            #[cfg(not(feature = "source-heic"))]
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC"),
            #[cfg(not(feature = "source-heic"))]
            (b"\0\0\0\x18ftypmsf1\0\0\0\0hevc", "HEIC"),
            (b"\0\0\0\x14ftypmif1\0\0\0\0miaf", "HEIF"),
            (b"\0\0\0\x14ftypisom\0\0\0\0mp41", "a film"),
            (b"\0\0\0\x0Cftyp", "a film"),
            (b"BM are the letters of a text", "text"),
            (
                b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x29\0\0\0",
                "unknown binary data",
            ),
            (b"\0\0\0\x0CjP  \r\n", "unknown binary data"),
        ] {
            assert_eq!(sniff(start), Err(seen.to_owned()), "{start:?}");
        }
    }

    #[test]
    fn formats_are_found_in_their_first_bytes() {
        for (start, format) in [
            (&b"\xFF\xD8\xFF\xE0"[..], SourceFormat::Jpeg),
            (b"\x89PNG\r\n\x1A\n", SourceFormat::Png),
            (b"RIFF\x04\0\0\0WEBP", SourceFormat::WebP),
            (b"GIF87a", SourceFormat::Gif),
            (b"MM\0+", SourceFormat::Tiff),
            (b"\0\0\0\x0CjP  \r\n\x87\n", SourceFormat::Jp2),
            (b"\xFF\x4F\xFF\x51", SourceFormat::Jp2),
            (b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", SourceFormat::Bmp),
        ] {
            assert_eq!(sniff(start), Ok(format), "{start:?}");
        }
    }
}
