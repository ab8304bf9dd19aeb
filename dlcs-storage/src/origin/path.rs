//! Paths: from the path of a URL to the name that a file has at an origin, and back.

use dlcs_core::origin::{OriginEntry, OriginEntryKind, OriginError, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::{Position, Url};

/// The most entries of a folder that are listed.
pub(super) const MAX_ENTRIES: usize = 100_000;

/// What RFC 3986 leaves as it is.
const NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the path of a URL without its first slash, as it stands there.
///
/// None of these protocols has queries: a question mark is a part of the name.
pub(super) fn encoded(url: &Url) -> &str {
    let path = &url[Position::BeforePath..Position::AfterQuery];
    path.strip_prefix('/').unwrap_or(path)
}

/// Percent-decodes a path, or a part of one, once.
///
/// # Errors
/// [`OriginError::AddressNotAllowed`] for a control character, which would end the command or the name that carries it.
pub(super) fn decoded(path: &str) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(OriginError::AddressNotAllowed {
            reason: "its path has a control character in it",
        });
    }
    Ok(bytes)
}

/// The address of a folder, with the slash at its end.
#[derive(Debug, Clone)]
pub(super) struct Folder(String);

impl Folder {
    /// The folder that a URL names.
    pub(super) fn of(url: &Url) -> Self {
        let mut text = url[..Position::AfterPath].to_owned();
        if !text.ends_with('/') {
            text.push('/');
        }
        Self(text)
    }

    /// Returns an entry of the folder by its name there; `None` for the folder itself, its parent, and what can be no name.
    pub(super) fn entry(&self, name: &[u8], kind: OriginEntryKind) -> Option<OriginEntry> {
        let unusable = |byte: &u8| *byte == b'/' || byte.is_ascii_control();
        if matches!(name, b"" | b"." | b"..") || name.iter().any(unusable) {
            return None;
        }
        let slash = match kind {
            OriginEntryKind::Folder => "/",
            _ => "",
        };
        let name = percent_encode(name, NAME);
        let url = Url::parse(&format!("{}{name}{slash}", self.0)).ok()?;
        Some(OriginEntry { url, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once() {
        for (url, path) in [
            ("ftp://h/a/b.tif", "a/b.tif"),
            ("ftp://h/%2Fetc/x", "/etc/x"),
            ("ftp://h//etc/x", "/etc/x"),
            ("ftp://h/a%2520b", "a%20b"),
            ("ftp://h/a%20b+c", "a b+c"),
            ("ftp://h/%C3%BC", "ü"),
            ("sftp://h/a?b=c#d", "a?b=c"),
            ("sftp://h", ""),
        ] {
            let got = decoded(encoded(&Url::parse(url).unwrap())).unwrap();
            assert_eq!(String::from_utf8(got).unwrap(), path, "{url}");
        }
    }

    #[test]
    fn paths_that_would_end_a_command_are_refused() {
        for text in ["x%0d%0aDELE%20y", "x%0Ay", "x%00y", "x%7fy", "a?b%0ac"] {
            for scheme in ["ftp", "sftp", "file"] {
                let url = Url::parse(&format!("{scheme}://localhost/{text}")).unwrap();
                assert!(
                    matches!(
                        decoded(encoded(&url)),
                        Err(OriginError::AddressNotAllowed { .. })
                    ),
                    "{url}"
                );
            }
        }
    }

    #[test]
    fn entries_have_addresses_that_decode_to_their_names() {
        let folder = Folder::of(&Url::parse("ftp://h/a%2Fb/c").unwrap());
        for name in ["x.tif", "a b", "100%", "%2e%2e", "#?;", "ü", "..."] {
            let object = OriginEntryKind::Object {
                length: None,
                modified: None,
            };
            let entry = folder.entry(name.as_bytes(), object).unwrap();
            let path = decoded(encoded(&entry.url)).unwrap();
            assert_eq!(path, format!("a/b/c/{name}").into_bytes());
            let below = folder.entry(name.as_bytes(), OriginEntryKind::Folder);
            assert!(below.unwrap().url.path().ends_with('/'));
        }
        for name in ["", ".", "..", "a/b", "a\nb", "a\0"] {
            let entry = folder.entry(name.as_bytes(), OriginEntryKind::Folder);
            assert_eq!(entry, None, "{name:?}");
        }
    }
}
