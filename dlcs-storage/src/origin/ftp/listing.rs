//! Listings: what a line says of an entry. Pure.

use dlcs_core::origin::OriginEntryKind;
use dlcs_core::time::Timestamp;

/// Reads a line of MLSD (RFC 3659): `type=file;size=1024;modify=20260102030405; name`.
pub(super) fn machine(line: &[u8]) -> Option<(&[u8], OriginEntryKind)> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (facts, name) = (
        std::str::from_utf8(&line[..space]).ok()?,
        &line[space + 1..],
    );
    let fact = |wanted: &str| {
        facts
            .split(';')
            .filter_map(|fact| fact.split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let kind = match fact("type")? {
        kind if kind.eq_ignore_ascii_case("file") => OriginEntryKind::Object {
            length: fact("size").and_then(|size| size.parse().ok()),
            modified: fact("modify").and_then(moment),
        },
        kind if kind.eq_ignore_ascii_case("dir") => OriginEntryKind::Folder,
        // The folder itself, its parent, links, devices.
        _ => return None,
    };
    Some((name, kind))
}

/// Reads `YYYYMMDDHHMMSS`, with a fraction or without.
fn moment(text: &str) -> Option<Timestamp> {
    let at = |from, to| text.get(from..to);
    let [year, month, day] = [at(0, 4)?, at(4, 6)?, at(6, 8)?];
    let [hour, minute, second] = [at(8, 10)?, at(10, 12)?, at(12, 14)?];
    Timestamp::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// Reads a line of LIST as the servers of Unix and of Windows write it. A link is left out, because nothing says what it leads to.
pub(super) fn human(line: &[u8]) -> Option<(&[u8], OriginEntryKind)> {
    match line.first()? {
        b'd' => Some((after(line, 8)?.1, OriginEntryKind::Folder)),
        b'-' => {
            let (before, name) = after(line, 8)?;
            Some((name, object(before[4])))
        }
        b'0'..=b'9' => {
            let (before, name) = after(line, 3)?;
            let kind = if before[2] == b"<DIR>" {
                OriginEntryKind::Folder
            } else {
                object(before[2])
            };
            Some((name, kind))
        }
        _ => None,
    }
}

fn object(length: &[u8]) -> OriginEntryKind {
    OriginEntryKind::Object {
        length: std::str::from_utf8(length)
            .ok()
            .and_then(|digits| digits.parse().ok()),
        // In the time of the server, whichever that is, and often without the year.
        modified: None,
    }
}

/// Splits a line into so many words and what comes after them.
fn after(line: &[u8], words: usize) -> Option<(Vec<&[u8]>, &[u8])> {
    let (mut before, mut rest) = (Vec::new(), line);
    while before.len() < words {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        before.push(&rest[..end]);
        let spaces = rest[end..].iter().take_while(|byte| **byte == b' ').count();
        // A name may begin with a space, but not with more than the column's own.
        let skipped = if before.len() == words && words == 8 {
            1
        } else {
            spaces
        };
        rest = &rest[end + skipped..];
    }
    (!rest.is_empty()).then_some((before, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u64, modified: Option<&str>) -> OriginEntryKind {
        OriginEntryKind::Object {
            length: Some(length),
            modified: modified.map(|text| Timestamp::parse_rfc3339(text).unwrap()),
        }
    }

    #[test]
    fn lines_for_machines() {
        let facts = "Type=file;Size=1024;Modify=20260102030405.678;UNIX.mode=0644; a b.tif";
        let expected = file(1024, Some("2026-01-02T03:04:05Z"));
        assert_eq!(machine(facts.as_bytes()), Some((&b"a b.tif"[..], expected)));
        let (name, kind) = machine(b"modify=20260102030405;type=dir; x").unwrap();
        assert_eq!((name, kind), (&b"x"[..], OriginEntryKind::Folder));
        for line in [
            "type=cdir; .",
            "type=pdir; ..",
            "type=OS.unix=slink:/etc; x",
            "size=3; x",
            "x",
            "",
        ] {
            assert_eq!(machine(line.as_bytes()), None, "{line}");
        }
        let odd = machine(b"type=file;size=x;modify=20269902030405; y").unwrap();
        let none = OriginEntryKind::Object {
            length: None,
            modified: None,
        };
        assert_eq!(odd, (&b"y"[..], none));
    }

    #[test]
    fn lines_for_people() {
        for (line, name, kind) in [
            (
                "-rw-r--r--    1 0        0            1024 Jan 02 03:04 a b.tif",
                "a b.tif",
                file(1024, None),
            ),
            (
                "-rw-r--r--    1 0        0               7 Jan 02  2019  led by a space",
                " led by a space",
                file(7, None),
            ),
            (
                "drwxr-xr-x    2 ftp      ftp          4096 Jan 02 03:04 folder",
                "folder",
                OriginEntryKind::Folder,
            ),
            (
                "01-02-26  03:04AM       <DIR>          folder",
                "folder",
                OriginEntryKind::Folder,
            ),
            (
                "01-02-2026  03:04AM                 1024 a b.tif",
                "a b.tif",
                file(1024, None),
            ),
        ] {
            assert_eq!(
                human(line.as_bytes()),
                Some((name.as_bytes(), kind)),
                "{line}"
            );
        }
        for line in [
            "total 4",
            "lrwxrwxrwx    1 0        0               7 Jan 02 03:04 link -> /etc",
            "prw-r--r--    1 0        0               0 Jan 02 03:04 fifo",
            "-rw-r--r--",
            "d",
            "",
        ] {
            assert_eq!(human(line.as_bytes()), None, "{line}");
        }
    }
}
