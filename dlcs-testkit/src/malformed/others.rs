//! GIF, WebP and BMP files, from nothing.

use super::{Malformed, Outcome};

pub(super) fn files() -> Vec<Malformed> {
    use Outcome::{Read, Refused, RefusedOrRead};
    let many: Vec<u8> = FRAME.repeat(100_000);
    let vp8x = |width: u32, height: u32, flags: u8| {
        let mut data = vec![flags, 0, 0, 0];
        data.extend(&(width - 1).to_le_bytes()[..3]);
        data.extend(&(height - 1).to_le_bytes()[..3]);
        chunk(b"VP8X", &data)
    };
    // Width and height less 1, 14 bits each.
    let vp8l = |width: u32, height: u32| {
        let mut data = vec![0x2F];
        data.extend(((width - 1) | (height - 1) << 14).to_le_bytes());
        data.extend([0x55; 40]);
        chunk(b"VP8L", &data)
    };
    // Codes of one symbol each: a pixel takes no bits.
    let dot = chunk(b"VP8L", &[0x2F, 0, 0, 0, 0, 0x88, 0x88, 0x08]);
    let frame = chunk(b"ANMF", &[vec![0; 16], dot].concat());
    let frames = [
        vp8x(1, 1, 2),
        chunk(b"ANIM", &[0; 6]),
        frame.repeat(100_000),
    ];
    let mut longer = webp(&vp8l(8, 8));
    longer[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    [
        (
            "GIF: 65535 rows and columns and no frame",
            Refused,
            gif(65_535, 65_535, &[]),
        ),
        (
            "GIF: a ZIP behind it",
            Read,
            [gif(1, 1, FRAME), b"PK\x03\x04\x14\0\0\0".to_vec()].concat(),
        ),
        ("GIF: 0 columns", RefusedOrRead, gif(0, 2, FRAME)),
        ("GIF: 100000 frames without delay", Read, gif(1, 1, &many)),
        (
            "GIF: a frame beyond the canvas",
            RefusedOrRead,
            gif(
                1,
                1,
                &[
                    0x2C, 9, 9, 9, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 2, 0x44, 1, 0,
                ],
            ),
        ),
        (
            "GIF: codes of 200 bits",
            Refused,
            gif(1, 1, &[0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 200, 2, 0x44, 1, 0]),
        ),
        (
            "GIF: a frame without pixels",
            Refused,
            gif(9, 9, &[0x2C, 0, 0, 0, 0, 9, 0, 9, 0, 0, 2, 0]),
        ),
        (
            "GIF: a comment without end",
            Refused,
            gif(1, 1, &[0x21, 0xFE, 0xFF, b'a']),
        ),
        (
            "WebP: 2^24 rows and columns",
            Refused,
            webp(&[vp8x(1 << 24, 1 << 24, 0), vp8l(8, 8)].concat()),
        ),
        (
            "WebP: a canvas that its image does not fill",
            RefusedOrRead,
            webp(&[vp8x(4000, 4000, 0), vp8l(8, 8)].concat()),
        ),
        (
            "WebP: lossless noise of 16384 x 16384",
            Refused,
            webp(&vp8l(16_384, 16_384)),
        ),
        (
            "WebP: lossy noise",
            Refused,
            webp(&chunk(b"VP8 ", &[0x55; 100])),
        ),
        (
            "WebP: animated without frames",
            Refused,
            webp(&vp8x(8, 8, 2)),
        ),
        (
            "WebP: 100000 frames without delay",
            Read,
            webp(&frames.concat()),
        ),
        ("WebP: no chunks", Refused, webp(&[])),
        ("WebP: a length of 4 GiB", Refused, longer),
        (
            "BMP: 2^31-1 rows and columns",
            Refused,
            bmp(i32::MAX, i32::MAX, 24, 0),
        ),
        ("BMP: -2^31 rows", Refused, bmp(4, i32::MIN, 24, 0)),
        ("BMP: -4 columns", Refused, bmp(-4, 4, 24, 0)),
        ("BMP: 7 bits a pixel", Refused, bmp(4, 4, 7, 0)),
        (
            "BMP: a compression that nobody knows",
            Refused,
            bmp(4, 4, 24, 99),
        ),
        (
            "BMP: many pixels and no data",
            Refused,
            bmp(30_000, 30_000, 32, 0),
        ),
        ("BMP: runs of nothing", RefusedOrRead, bmp(4000, 4000, 8, 1)),
    ]
    .map(|(name, outcome, bytes)| Malformed::new(name, outcome, bytes))
    .into()
}

/// One pixel.
const FRAME: &[u8] = &[0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];

fn gif(width: u16, height: u16, blocks: &[u8]) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    file.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    file.extend(blocks);
    file.push(0x3B);
    file
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn webp(chunks: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend((chunks.len() as u32 + 4).to_le_bytes());
    file.extend(b"WEBP");
    file.extend(chunks);
    file
}

fn bmp(width: i32, height: i32, bits: u16, compression: u32) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    file.extend([118_u32, 0, 54, 40].map(u32::to_le_bytes).concat());
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(compression.to_le_bytes());
    file.extend([0; 20]);
    file.extend([0; 64]);
    file
}
