//! What is no image, or more than one thing at once.

use super::{Malformed, Noise, Outcome};

pub(super) fn files() -> Vec<Malformed> {
    let mut noise = Noise(42);
    let random: Vec<u8> = (0..4096).map(|_| noise.next() as u8).collect();
    let zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txtPK\x05\x06";
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><lolz>&b;</lolz>";
    let mut gifar = b"GIF89a\x01\0\x01\0\0\0\0".to_vec();
    gifar.extend(zip);
    [
        ("nothing", &b""[..]),
        ("one byte", b"\xFF"),
        ("noise", &random),
        ("text", b"The quick brown fox jumps over the lazy dog.\n"),
        (
            "HTML",
            b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        ),
        (
            "SVG",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        ),
        ("XML of a billion laughs", laughs.as_bytes()),
        ("PDF", b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"),
        ("ZIP", zip),
        ("a GIF without pixels that is a ZIP too", &gifar),
        ("the magic of a JPEG alone", b"\xFF\xD8\xFF"),
        ("the magic of a PNG alone", b"\x89PNG\r\n\x1A\n"),
        ("the magic of a GIF alone", b"GIF89a"),
        ("the magic of a TIFF alone", b"II*\0"),
        ("the magic of a BigTIFF alone", b"MM\0+\0\x08\0\0"),
        ("the magic of a WebP alone", b"RIFF\0\0\0\0WEBP"),
        ("the magic of a JP2 alone", b"\0\0\0\x0CjP  \r\n\x87\n"),
        ("the magic of a J2K alone", b"\xFF\x4F\xFF\x51"),
        ("the magic of a BMP alone", b"BM"),
        ("a shell script", b"#!/bin/sh\nrm -rf /\n"),
    ]
    .map(|(name, bytes)| Malformed::new(name, Outcome::Refused, bytes))
    .into()
}
