//! JPEG 2000: boxes and codestreams (ISO/IEC 15444-1, Annexes A and I), from nothing.

use super::{Malformed, Outcome};

/// The header of a codestream, and nothing behind it that could be decoded.
struct Stream {
    size: [u32; 2],
    tile: [u32; 2],
    components: u16,
    levels: u8,
    /// Exponents of the code-blocks' sides, less 2; their style; the transform.
    blocks: [u8; 4],
    precincts: Vec<u8>,
    extra: Vec<u8>,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            size: [64, 64],
            tile: [64, 64],
            components: 1,
            levels: 1,
            blocks: [4, 4, 0, 1],
            precincts: Vec::new(),
            extra: Vec::new(),
        }
    }
}

impl Stream {
    fn bytes(&self) -> Vec<u8> {
        let mut siz = vec![0, 0];
        for number in [self.size, [0, 0], self.tile, [0, 0]].concat() {
            siz.extend(number.to_be_bytes());
        }
        siz.extend(self.components.to_be_bytes());
        siz.extend((0..self.components).flat_map(|_| [7, 1, 1]));
        let mut cod = vec![
            u8::from(!self.precincts.is_empty()),
            0,
            0,
            1,
            0,
            self.levels,
        ];
        cod.extend(self.blocks);
        cod.extend(&self.precincts);
        let mut qcd = vec![0x40];
        qcd.extend((0..=3 * u16::from(self.levels)).map(|_| 0x48));
        let mut file = vec![0xFF, 0x4F];
        for (marker, data) in [(0x51, siz), (0x52, cod), (0x5C, qcd)] {
            file.extend(segment(marker, &data));
        }
        file.extend(&self.extra);
        file.extend([
            0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 14, 0, 1, 0xFF, 0x93, 0xFF, 0xD9,
        ]);
        file
    }
}

pub(super) fn files() -> Vec<Malformed> {
    use Outcome::{Refused, RefusedOrRead};
    let stream = |change: fn(&mut Stream)| {
        let mut stream = Stream::default();
        change(&mut stream);
        stream.bytes()
    };
    let plain = Stream::default().bytes();
    let palette = [
        boxed(b"pclr", &[0, 2, 1, 7, 0, 255]),
        boxed(b"cmap", &[0, 9, 1, 200]),
    ];
    let mut deep = Vec::new();
    for _ in 0..5_000 {
        deep = boxed(b"jp2h", &deep);
    }
    let mut streams = Vec::new();
    for _ in 0..5_000 {
        streams = boxed(b"jpch", &streams);
    }
    let mut endless = jp2(&[], &plain);
    let place = endless.len() - plain.len() - 8;
    endless[place..place + 4].copy_from_slice(&[0, 0, 0, 1]);
    [
        (
            "65535^2 tiles of 1 x 1",
            Refused,
            stream(|s| (s.size, s.tile) = ([65_535; 2], [1; 2])),
        ),
        (
            "65535^2 tiles of 1 x 1 within the limits of pixels",
            Refused,
            stream(|s| (s.size, s.tile) = ([40_000; 2], [1; 2])),
        ),
        ("tiles of 0 x 0", Refused, stream(|s| s.tile = [0; 2])),
        ("0 columns", Refused, stream(|s| s.size = [0, 64])),
        (
            "2^32-1 rows and columns",
            Refused,
            stream(|s| (s.size, s.tile) = ([u32::MAX; 2], [u32::MAX; 2])),
        ),
        (
            "16384 components",
            Refused,
            stream(|s| s.components = 16_384),
        ),
        ("no components", Refused, stream(|s| s.components = 0)),
        ("33 levels", Refused, stream(|s| s.levels = 33)),
        ("255 levels", Refused, stream(|s| s.levels = 255)),
        (
            "precincts of 2^15",
            RefusedOrRead,
            stream(|s| s.precincts = vec![0xFF; 2]),
        ),
        (
            "precincts of 1",
            RefusedOrRead,
            stream(|s| s.precincts = vec![0x00; 2]),
        ),
        (
            "code-blocks of 2^17",
            Refused,
            stream(|s| s.blocks = [15, 15, 0, 1]),
        ),
        (
            "all styles of code-blocks",
            RefusedOrRead,
            stream(|s| s.blocks = [4, 4, 0xFF, 1]),
        ),
        (
            "a transform that nobody knows",
            RefusedOrRead,
            stream(|s| s.blocks = [4, 4, 0, 9]),
        ),
        (
            "changes of progression that go round",
            RefusedOrRead,
            stream(|s| {
                let change = [0, 0, 0, 1, 33, 1, 0].repeat(2_000);
                s.extra = segment(0x5F, &change);
            }),
        ),
        ("no pixels", RefusedOrRead, plain.clone()),
        ("no end", RefusedOrRead, plain[..plain.len() - 2].to_vec()),
        ("only its first marker", Refused, plain[..2].to_vec()),
        (
            "many pixels and no data",
            RefusedOrRead,
            stream(|s| (s.size, s.tile) = ([30_000; 2], [30_000; 2])),
        ),
        (
            "an entry beyond the palette",
            RefusedOrRead,
            jp2(&palette, &plain),
        ),
        (
            "boxes in boxes in boxes",
            RefusedOrRead,
            jp2(&[deep], &plain),
        ),
        (
            "headers of codestreams in each other",
            RefusedOrRead,
            [jp2(&[streams.clone()], &plain), streams].concat(),
        ),
        ("a box longer than the file", RefusedOrRead, endless),
        ("a JP2 without a codestream", Refused, jp2(&[], &[])),
        (
            "a JP2 with noise for a codestream",
            Refused,
            jp2(&[], &[0x55; 100]),
        ),
    ]
    .map(|(name, outcome, bytes)| Malformed::new(format!("JPEG 2000: {name}"), outcome, bytes))
    .into()
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, marker];
    bytes.extend((data.len() as u16 + 2).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn boxed(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::from((data.len() as u32 + 8).to_be_bytes());
    bytes.extend(kind);
    bytes.extend(data);
    bytes
}

fn jp2(header: &[Vec<u8>], stream: &[u8]) -> Vec<u8> {
    let mut boxes = boxed(b"ihdr", &[0, 0, 0, 64, 0, 0, 0, 64, 0, 1, 7, 7, 0, 0]);
    boxes.extend(boxed(b"colr", &[1, 0, 0, 0, 0, 0, 17]));
    boxes.extend(header.iter().flatten());
    [
        boxed(b"jP  ", b"\r\n\x87\n"),
        boxed(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        boxed(b"jp2h", &boxes),
        boxed(b"jp2c", stream),
    ]
    .concat()
}
