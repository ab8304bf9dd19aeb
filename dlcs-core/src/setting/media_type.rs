//! What the address of a source says of its media type.

use url::Url;

/// The media type that the end of an address stands for, where it is one that is known.
#[must_use]
pub fn media_type_of(url: &Url) -> Option<&'static str> {
    let name = url.path_segments()?.next_back()?;
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "png" => "image/png",
        "tif" | "tiff" => "image/tiff",
        "jp2" | "jpx" | "j2k" => "image/jp2",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "avif" => "image/avif",
        "heic" | "heif" => "image/heic",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        "json" => "application/json",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "epub" => "application/epub+zip",
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "mpg" | "mpeg" => "video/mpeg",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" | "oga" => "audio/ogg",
        "m4a" => "audio/mp4",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_says_what_is_there() {
        for (address, expected) in [
            ("https://h/a.JPG", Some("image/jpeg")),
            ("https://h/a.b/c.tiff?x=.pdf", Some("image/tiff")),
            ("s3://bucket/key.pdf", Some("application/pdf")),
            ("https://h/a.mp4", Some("video/mp4")),
            ("https://h/a", None),
            ("https://h/a.tif/", None),
            ("https://h.tif/", None),
            ("https://h/a.unknown", None),
        ] {
            assert_eq!(
                media_type_of(&Url::parse(address).unwrap()),
                expected,
                "{address}"
            );
        }
    }
}
