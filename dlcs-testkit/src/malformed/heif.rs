//! AVIF and HEIC files, made from a good one by changing its boxes.

use super::{Malformed, Outcome};

/// Files made from a good one of either format whose image is laid together of tiles, so many across and down and of so many columns and
/// rows in all.
///
/// # Panics
/// Where the file is no such one.
#[must_use]
pub fn of_grid(name: &str, good: &[u8], tiles: [u8; 2], size: [u16; 2]) -> Vec<Malformed> {
    let [across, down] = tiles;
    let [width, height] = size.map(u16::to_be_bytes);
    let grid = [&[0, 0, down - 1, across - 1], &width[..], &height[..]].concat();
    let found = good.windows(grid.len()).position(|bytes| bytes == grid);
    let place = found.expect("the description of a grid");
    [
        ("256 x 256 tiles of which few are there", 2, &[255, 255][..]),
        ("fewer rows than tiles", 2, &[0]),
        ("65535 rows and columns of few tiles", 4, &[0xFF; 4]),
        ("no rows and columns of tiles", 4, &[0; 4]),
        ("one row and column of tiles", 4, &[0, 1, 0, 1]),
        ("a grid whose sizes are longer than it is", 1, &[1]),
    ]
    .map(|(what, offset, bytes)| {
        let mut file = good.to_vec();
        let there = place + offset..place + offset + bytes.len();
        file[there].copy_from_slice(bytes);
        Malformed::new(format!("{name}: {what}"), Outcome::Refused, file)
    })
    .into()
}

/// Files made from a good one of either format.
#[must_use]
pub fn of_heif(name: &str, good: &[u8]) -> Vec<Malformed> {
    use Outcome::{Refused, RefusedOrRead};
    let places = |kind: &[u8; 4]| -> Vec<usize> {
        let windows = good.windows(4).enumerate();
        let found = windows.filter(|(_, bytes)| bytes == kind);
        found.map(|(place, _)| place).collect()
    };
    // The kind of a box, what comes behind it, and where in it.
    let with = |kind: &[u8; 4], offset: usize, bytes: &[u8]| {
        let mut file = good.to_vec();
        for place in places(kind) {
            if let Some(there) = file.get_mut(place + offset..place + offset + bytes.len()) {
                there.copy_from_slice(bytes);
            }
        }
        file
    };
    let side = |side: u32| [side.to_be_bytes(), side.to_be_bytes()].concat();
    let long = 0x7FFF_FFFF_u32.to_be_bytes();
    let mut files = vec![
        (
            "65535 rows and columns",
            RefusedOrRead,
            with(b"ispe", 8, &side(65_535)),
        ),
        (
            "2^32-1 rows and columns",
            RefusedOrRead,
            with(b"ispe", 8, &side(u32::MAX)),
        ),
        (
            "0 rows and columns",
            RefusedOrRead,
            with(b"ispe", 8, &side(0)),
        ),
        (
            "40000 rows and columns",
            RefusedOrRead,
            with(b"ispe", 8, &side(40_000)),
        ),
        (
            "one row and column",
            RefusedOrRead,
            with(b"ispe", 8, &side(1)),
        ),
        ("no sizes", RefusedOrRead, with(b"ispe", 0, b"free")),
        ("no places", Refused, with(b"iloc", 0, b"free")),
        ("no items", Refused, with(b"iinf", 0, b"free")),
        ("no properties", Refused, with(b"iprp", 0, b"free")),
        ("no data", RefusedOrRead, with(b"mdat", 0, b"free")),
        (
            "an item that is not there",
            Refused,
            with(b"pitm", 8, &[0xFF, 0xFE]),
        ),
        (
            "an image of a kind that nobody knows",
            Refused,
            with(b"infe", 12, b"what"),
        ),
    ];
    for (name, kind, value) in [
        ("a turn by more than four quarters", b"irot", 0xFF),
        ("a mirror with an axis that there is not", b"imir", 0xFF),
    ] {
        files.push((name, RefusedOrRead, with(kind, 4, &[value])));
    }
    for (name, kind) in [
        ("items", b"meta"),
        ("places", b"iloc"),
        ("properties", b"ipco"),
    ] {
        let mut file = good.to_vec();
        for place in places(kind) {
            file[place - 4..place].copy_from_slice(&long);
        }
        files.push((name, RefusedOrRead, file));
    }
    files.retain(|(_, _, bytes)| bytes != good);
    files
        .into_iter()
        .map(|(what, outcome, bytes)| Malformed::new(format!("{name}: {what}"), outcome, bytes))
        .collect()
}
