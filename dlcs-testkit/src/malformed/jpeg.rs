//! JPEG files, made from a good one.

use super::png::nonsense_profiles;
use super::{Malformed, Outcome};

/// Files made from a good one, baseline or progressive.
#[must_use]
pub fn of_jpeg(name: &str, good: &[u8]) -> Vec<Malformed> {
    use Outcome::{Read, Refused, RefusedOrRead};
    let segments = segments(good);
    let place = |wanted: &[u8]| {
        segments
            .iter()
            .find(|(marker, _)| wanted.contains(marker))
            .map(|(_, place)| *place)
    };
    let (Some(frame), Some(scan)) = (place(&[0xC0, 0xC1, 0xC2]), place(&[0xDA])) else {
        return Vec::new();
    };
    let with = |place: usize, bytes: &[u8]| {
        let mut file = good.to_vec();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        file
    };
    let inserted = |extra: &[u8]| [&good[..2], extra, &good[2..]].concat();
    let end = good.len() - 2;
    let scans = [&good[..end], &good[scan..end].repeat(150), &good[end..]].concat();
    let mut files = vec![
        ("150 more scans", Refused, scans),
        (
            "65535 rows and columns",
            Refused,
            with(frame + 5, &[0xFF; 4]),
        ),
        ("0 columns", Refused, with(frame + 7, &[0, 0])),
        ("0 rows", Refused, with(frame + 5, &[0, 0])),
        ("12 bits", Refused, with(frame + 4, &[12])),
        ("16 bits", Refused, with(frame + 4, &[16])),
        (
            "arithmetic coding announced",
            Refused,
            with(frame + 1, &[0xC9]),
        ),
        (
            "lossless coding announced",
            Refused,
            with(frame + 1, &[0xC3]),
        ),
        (
            "hierarchical coding announced",
            Refused,
            with(frame + 1, &[0xC5]),
        ),
        ("255 channels", Refused, with(frame + 9, &[255])),
        (
            "a channel sampled 15 x 15",
            Refused,
            with(frame + 11, &[0xFF]),
        ),
        (
            "a channel sampled 0 x 0",
            Refused,
            with(frame + 11, &[0x00]),
        ),
        (
            "a table of quantities that is not there",
            Refused,
            with(frame + 12, &[3]),
        ),
        (
            "restarts announced that never come",
            RefusedOrRead,
            inserted(&[0xFF, 0xDD, 0, 4, 0, 1]),
        ),
        (
            "markers of restarts among its codes",
            RefusedOrRead,
            restarts(good, scan, end),
        ),
        (
            "restarts announced, and their markers in a wrong order",
            RefusedOrRead,
            [
                &good[..2],
                b"\xFF\xDD\0\x04\0\x02",
                &restarts(good, scan, end)[2..],
            ]
            .concat(),
        ),
        (
            "a wrong marker of Adobe",
            RefusedOrRead,
            inserted(b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\x07"),
        ),
        ("no end", Refused, good[..end].to_vec()),
        ("another image behind it", Read, good.repeat(2)),
        (
            "a ZIP behind it",
            Read,
            [good, b"PK\x03\x04\x14\0\0\0"].concat(),
        ),
        (
            "no tables of codes",
            RefusedOrRead,
            without(good, &segments, 0xC4),
        ),
        (
            "no tables of quantities",
            Refused,
            without(good, &segments, 0xDB),
        ),
        (
            "a segment of length 0",
            Refused,
            inserted(&[0xFF, 0xE5, 0, 0]),
        ),
    ];
    for (orientation, name) in [(0_u8, "orientation 0"), (9, "orientation 9")] {
        let exif = [
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        files.push((name, Read, inserted(&segment(0xE1, &exif))));
    }
    let script =
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><script>alert(1)</script>&lol;</x:xmpmeta>";
    files.push(("XMP with a script", Read, inserted(&segment(0xE1, script))));
    let cycle = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0";
    files.push((
        "Exif that points at itself",
        Read,
        inserted(&segment(0xE1, cycle)),
    ));
    for (name, profile) in nonsense_profiles() {
        let data = [b"ICC_PROFILE\0\x01\x01".as_slice(), &profile].concat();
        files.push((name, Read, inserted(&segment(0xE2, &data))));
    }
    let missing = [b"ICC_PROFILE\0\x02\x09".as_slice(), &[0; 200]].concat();
    let parts = (1..=255_u8).flat_map(|part| {
        let data = [b"ICC_PROFILE\0".as_slice(), &[part, 255], &[7; 65_000]].concat();
        segment(0xE2, &data)
    });
    files.push((
        "a profile of 16 MiB in 255 parts",
        Read,
        inserted(&parts.collect::<Vec<_>>()),
    ));
    let exif = [b"Exif\0\0II*\0".as_slice(), &[0xFF; 65_000]].concat();
    files.push((
        "Exif of noise, 300 times",
        Read,
        inserted(&segment(0xE1, &exif).repeat(300)),
    ));
    files.push((
        "a part of a profile",
        Read,
        inserted(&segment(0xE2, &missing)),
    ));
    files
        .into_iter()
        .map(|(what, outcome, bytes)| Malformed::new(format!("{name}: {what}"), outcome, bytes))
        .collect()
}

/// The file with markers of restarts every few bytes of its first scan.
fn restarts(good: &[u8], scan: usize, end: usize) -> Vec<u8> {
    let start = (scan + 40).min(end);
    let mut bytes = good[..start].to_vec();
    for (codes, marker) in good[start..end].chunks(37).zip([5, 0, 3, 7].iter().cycle()) {
        bytes.extend(codes);
        bytes.extend([0xFF, 0xD0 + marker]);
    }
    bytes.extend(&good[end..]);
    bytes
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, marker];
    bytes.extend((data.len() as u16 + 2).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// The markers with a length up to the first scan, and where each of them begins.
fn segments(file: &[u8]) -> Vec<(u8, usize)> {
    let (mut found, mut place) = (Vec::new(), 2);
    while let Some([0xFF, marker, high, low]) = file.get(place..place + 4) {
        found.push((*marker, place));
        if *marker == 0xDA {
            break;
        }
        place += 2 + usize::from(u16::from_be_bytes([*high, *low]));
    }
    found
}

/// The file without the segments of this marker.
fn without(file: &[u8], segments: &[(u8, usize)], marker: u8) -> Vec<u8> {
    let mut bytes = file[..2].to_vec();
    let ends = segments.iter().skip(1).map(|(_, place)| *place);
    let ends = ends.chain(std::iter::once(file.len()));
    for ((found, start), end) in segments.iter().zip(ends) {
        if *found != marker {
            bytes.extend(&file[*start..end]);
        }
    }
    bytes
}
