//! PDF: one page, as large as its one image.

use std::io::Write;

use dlcs_core::iiif::Dimensions;

use super::super::error::PyramidError;
use super::super::pixels::Channels;
use super::failed;
use super::tiff::deflate;

/// The longest side of a page in points: larger ones are not shown everywhere (ISO 32000-1, annex C).
const LONGEST_SIDE: f64 = 14_400.0;

/// The image of a page.
pub(super) enum PageImage {
    /// A JPEG.
    Jpeg(Vec<u8>),
    /// Rows of one bit a pixel, white set.
    Bits(Vec<u8>),
}

/// Makes a PDF of one page with an image of this size.
///
/// A pixel is a point (1/72 inch), unless the page would be too large.
pub(super) fn page(
    size: Dimensions,
    channels: Channels,
    image: &PageImage,
) -> Result<Vec<u8>, PyramidError> {
    let deflated;
    let (bits, filter, data) = match image {
        PageImage::Jpeg(bytes) => (8, "DCTDecode", bytes),
        PageImage::Bits(bits) => {
            deflated = deflate(bits)?;
            (1, "FlateDecode", &deflated)
        }
    };
    let colours = match channels {
        Channels::Grey | Channels::GreyAlpha => "DeviceGray",
        Channels::Rgb | Channels::Rgba => "DeviceRGB",
    };
    let (width, height) = (size.width(), size.height());
    let scale = (LONGEST_SIDE / f64::from(width.max(height))).min(1.0);
    // Neither side may be nothing.
    let [page_width, page_height] = [width, height].map(|side| (f64::from(side) * scale).max(1.0));
    let content = format!("q {page_width} 0 0 {page_height} 0 0 cm /Image Do Q");
    let image = format!(
        "<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{colours} /BitsPerComponent {bits} /Filter /{filter}"
    );
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page_width} {page_height}] /Contents 4 0 R /Resources << /XObject << /Image 5 0 R >> >> >>"
    );
    let mut file = File::start();
    file.object("<< /Type /Catalog /Pages 2 0 R >>")?;
    file.object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")?;
    file.object(&page)?;
    file.stream("<<", content.as_bytes())?;
    file.stream(&image, data)?;
    file.finish()
}

/// A file that is being written, object after object.
struct File {
    bytes: Vec<u8>,
    /// Where each object begins.
    offsets: Vec<usize>,
}

impl File {
    /// The second line says that what follows is not text.
    fn start() -> Self {
        Self {
            bytes: b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec(),
            offsets: Vec::new(),
        }
    }

    fn object(&mut self, dictionary: &str) -> Result<(), PyramidError> {
        self.offsets.push(self.bytes.len());
        let number = self.offsets.len();
        writeln!(self.bytes, "{number} 0 obj\n{dictionary}\nendobj").map_err(failed)
    }

    /// A dictionary that is open still, and what it describes.
    fn stream(&mut self, dictionary: &str, data: &[u8]) -> Result<(), PyramidError> {
        self.offsets.push(self.bytes.len());
        let (number, length) = (self.offsets.len(), data.len());
        writeln!(
            self.bytes,
            "{number} 0 obj\n{dictionary} /Length {length} >>\nstream"
        )
        .map_err(failed)?;
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, PyramidError> {
        let (start, count) = (self.bytes.len(), self.offsets.len() + 1);
        write!(self.bytes, "xref\n0 {count}\n0000000000 65535 f \n").map_err(failed)?;
        for offset in &self.offsets {
            // Every entry takes exactly 20 bytes.
            writeln!(self.bytes, "{offset:010} 00000 n ").map_err(failed)?;
        }
        write!(
            self.bytes,
            "trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        )
        .map_err(failed)?;
        Ok(self.bytes)
    }
}
