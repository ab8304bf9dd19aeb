//! PDF files (ISO 32000-1), from nothing.

use std::fmt::Write;

use super::deflate::bomb;
use super::{Malformed, Outcome};

/// Pages that no honest program writes.
#[must_use]
pub fn pages() -> Vec<Malformed> {
    use Outcome::{Refused, RefusedOrRead};
    let plain = |content: &str| page("0 0 100 100", "", stream("", content.as_bytes()), &[]);
    let sized = |media_box: &str| page(media_box, "", stream("", b"0 0 9 9 re f"), &[]);
    let drawn = |resources: &str, object: Vec<u8>| {
        let content = stream("", b"100 0 0 100 0 0 cm /X Do");
        page("0 0 100 100", resources, content, &[object])
    };
    let packed = bomb(64 << 20);
    let itself = "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</X 5 0 R>>>>";
    let picture = |width: u32, height: u32| {
        format!(
            "/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode"
        )
    };
    let many = "q ".repeat(200_000);
    [
        ("a page of 0 x 0", RefusedOrRead, sized("0 0 0 0")),
        (
            "a page of 10^9 x 10^9 points",
            RefusedOrRead,
            sized("0 0 1000000000 1000000000"),
        ),
        (
            "a page of 14400 x 14400 points",
            RefusedOrRead,
            sized("0 0 14400 14400"),
        ),
        (
            "a page from right to left",
            RefusedOrRead,
            sized("100 100 0 0"),
        ),
        (
            "a page without numbers",
            RefusedOrRead,
            sized("/A /B /C /D"),
        ),
        (
            "a tree of pages that contains itself",
            Refused,
            file(&[
                b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
                b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>".to_vec(),
            ]),
        ),
        (
            "a drawing that draws itself",
            RefusedOrRead,
            drawn("/XObject<</X 5 0 R>>", stream(itself, b"/X Do")),
        ),
        (
            "a picture of 65000 x 65000",
            RefusedOrRead,
            drawn(
                "/XObject<</X 5 0 R>>",
                stream(&picture(65_000, 65_000), &packed),
            ),
        ),
        (
            "a picture of 1 x 1 that is a bomb",
            RefusedOrRead,
            drawn("/XObject<</X 5 0 R>>", stream(&picture(1, 1), &packed)),
        ),
        (
            "a drawing that is a bomb",
            RefusedOrRead,
            page(
                "0 0 100 100",
                "",
                stream("/Filter/FlateDecode", &packed),
                &[],
            ),
        ),
        (
            "200000 states one in the other",
            RefusedOrRead,
            plain(&many),
        ),
        (
            "dashes of nothing",
            Refused,
            plain("[0.0000001] 0 d 0 0 m 100 100 l S"),
        ),
        (
            "drawings that draw others four times each",
            Refused,
            towers(),
        ),
        (
            "dashes of nothing in a pattern",
            Refused,
            page(
                "0 0 100 100",
                "/Pattern<</P 5 0 R>>",
                stream("", b"/Pattern cs /P scn 0 0 100 100 re f"),
                &[stream(
                    "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9/Resources<<>>",
                    b"[0.0000001] 0 d 0 0 m 9 9 l S",
                )],
            ),
        ),
        (
            "a pattern of steps of nothing",
            RefusedOrRead,
            page(
                "0 0 100 100",
                "/Pattern<</P 5 0 R>>",
                stream("", b"/Pattern cs /P scn 0 0 100 100 re f"),
                &[stream(
                    "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 0.0001/YStep 0.0001/Resources<<>>",
                    b"0 0 5 5 re f",
                )],
            ),
        ),
        (
            "brackets in brackets",
            RefusedOrRead,
            plain(&"[".repeat(100_000)),
        ),
        (
            "a line to infinity",
            RefusedOrRead,
            plain("5 w 0 0 m 1e38 1e38 l -1e38 7 l S"),
        ),
        (
            "noise for a drawing",
            RefusedOrRead,
            plain("\u{1}\u{2}} >> ] 7 7 7 Tj /X Do"),
        ),
        ("no pages", Refused, file(&[b"<</Type/Catalog>>".to_vec()])),
        (
            "nothing but its first line",
            Refused,
            b"%PDF-1.7\n".to_vec(),
        ),
    ]
    .map(|(name, outcome, bytes)| Malformed::new(format!("PDF: {name}"), outcome, bytes))
    .into()
}

/// A file of one page: its content is the fourth object, the others follow.
fn page(media_box: &str, resources: &str, content: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
    let page = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[{media_box}]/Resources<<{resources}>>/Contents 4 0 R>>"
    );
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        page.into_bytes(),
        content,
    ];
    objects.extend_from_slice(others);
    file(&objects)
}

/// Sixteen drawings, each of which draws the next one four times.
fn towers() -> Vec<u8> {
    let form = |resources: &str, content: &[u8]| {
        let entries =
            format!("/Type/XObject/Subtype/Form/BBox[0 0 100 100]/Resources<<{resources}>>");
        stream(&entries, content)
    };
    let mut drawings: Vec<Vec<u8>> = (0..15)
        .map(|index| {
            let next = format!("/XObject<</X {} 0 R>>", 6 + index);
            form(&next, b"/X Do /X Do /X Do /X Do")
        })
        .collect();
    drawings.push(form("", b"0 0 5 5 re f"));
    page(
        "0 0 100 100",
        "/XObject<</X 5 0 R>>",
        stream("", b"/X Do"),
        &drawings,
    )
}

fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// Objects with their table.
fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        // Writing into a string cannot fail.
        let _ = writeln!(table, "{:010} 00000 n ", bytes.len());
        bytes.extend(format!("{} 0 obj\n", index + 1).as_bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let start = bytes.len();
    let end = format!(
        "{table}trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    bytes.extend(end.as_bytes());
    bytes
}
