//! The first page of a PDF, on white paper.

mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dlcs_core::derivative::ProcessError;
use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning};
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, Nature, Profile, Samples, Source, SourceLimits, damaged,
    unsupported,
};

/// Pixels of an inch, where nothing limits them.
const RESOLUTION: f64 = 300.0;
/// Units of a page in an inch.
const UNITS: f64 = 72.0;
/// The most pixels of a page.
const MAX_PIXELS: u64 = 100_000_000;
/// The longest side of a page: what the renderer counts with.
const MAX_SIDE: u32 = 65_535;
/// The largest file: it is held whole.
const MAX_BYTES: u64 = 512 << 20;
/// The end has to be within so many bytes of the end of the file.
const TAIL: u64 = 1024;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    check_end(file)?;
    let scale = with_first_page(file, |page| {
        let (width, height) = page.render_dimensions();
        Ok(Scale::new(f64::from(width), f64::from(height), limits))
    })?;
    limits.check(u64::from(scale.width), u64::from(scale.height))?;
    let pixels = u64::from(scale.width) * u64::from(scale.height);
    let header = Header {
        width: scale.width,
        height: scale.height,
        samples: Samples {
            model: ColourModel::Rgb,
            depth: Depth::U8,
            alpha: Alpha::None,
        },
        nature: Nature::Shaded,
        profile: Profile::Untagged,
        orientation: Orientation::NoTransforms,
        // The file, the page as it is drawn with all that is laid over each other, and the result.
        held_bytes: file.length() + pixels * (8 + 3),
    };
    let file = file.clone();
    Ok(Source::new(SourceFormat::Pdf, header, move || {
        Ok(Box::new(Frame::new(draw(&file, scale)?)))
    }))
}

/// How large a page is drawn.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Pixels of a unit.
    factor: f32,
    width: u32,
    height: u32,
}

impl Scale {
    fn new(width: f64, height: f64, limits: &SourceLimits) -> Self {
        let pixels = limits.max_pixels.min(MAX_PIXELS) as f64;
        let side = f64::from(limits.max_side.min(MAX_SIDE));
        let factor = (RESOLUTION / UNITS)
            .min((pixels / (width * height)).sqrt())
            .min(side / width.max(height));
        // As the renderer rounds: down, so that a page of whole pixels must not come out a hair below them.
        let factor = factor as f32 * (1.0 + 2.0 * f32::EPSILON);
        let pixels = |units: f64| ((units as f32 * factor) as u32).max(1);
        Self {
            factor,
            width: pixels(width),
            height: pixels(height),
        }
    }
}

/// A file that is cut has no end; the parser would look for what is left of it.
fn check_end(file: &SpooledFile) -> Result<(), ProcessError> {
    if file.length() > MAX_BYTES {
        return Err(unsupported(
            SourceFormat::Pdf,
            format!("it has more than {} MiB", MAX_BYTES >> 20),
        ));
    }
    let start = file.length().saturating_sub(TAIL);
    let tail = file.read_up_to(start, TAIL as usize)?;
    let has = |what: &[u8]| tail.windows(what.len()).any(|found| found == what);
    if has(b"%%EOF") && has(b"startxref") {
        Ok(())
    } else {
        Err(damaged(SourceFormat::Pdf, "it ends early"))
    }
}

fn with_first_page<T>(
    file: &SpooledFile,
    call: impl FnOnce(&hayro::hayro_syntax::page::Page<'_>) -> Result<T, ProcessError>,
) -> Result<T, ProcessError> {
    let length = usize::try_from(file.length())
        .map_err(|_| damaged(SourceFormat::Pdf, "it does not fit into memory"))?;
    let bytes: Vec<u8> = file.read(0, length)?.into();
    let pdf = Pdf::new(bytes).map_err(refused)?;
    match pdf.pages().first() {
        Some(page) => call(page),
        None => Err(damaged(SourceFormat::Pdf, "it has no pages")),
    }
}

fn refused(error: LoadPdfError) -> ProcessError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            unsupported(SourceFormat::Pdf, "it is protected by a password")
        }
        LoadPdfError::Decryption(_) => {
            unsupported(SourceFormat::Pdf, "it is encrypted in an unknown way")
        }
        LoadPdfError::Invalid => damaged(SourceFormat::Pdf, "it cannot be parsed"),
    }
}

/// Draws the first page; an image of it that cannot be decoded is an error, not a hole.
fn draw(file: &SpooledFile, scale: Scale) -> Result<Vec<u8>, ProcessError> {
    let has_hole = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&has_hole);
    let settings = InterpreterSettings {
        warning_sink: Arc::new(move |warning| match warning {
            InterpreterWarning::ImageDecodeFailure => seen.store(true, Ordering::Relaxed),
            other => tracing::warn!(warning = ?other, "a part of a PDF page may be missing"),
        }),
        ..InterpreterSettings::default()
    };
    let pixmap = PixmapSettings {
        x_scale: scale.factor,
        y_scale: scale.factor,
        bg_color: WHITE,
    };
    with_first_page(file, |page| {
        work::check(page).map_err(|work::TooMuch| {
            unsupported(SourceFormat::Pdf, "its first page has too much to draw")
        })?;
        let cache = RenderCache::new();
        let drawn = render(page, &cache, &settings, &RenderSettings::default(), &pixmap);
        if has_hole.load(Ordering::Relaxed) {
            return Err(damaged(
                SourceFormat::Pdf,
                "an image of its first page cannot be decoded",
            ));
        }
        if (u32::from(drawn.width()), u32::from(drawn.height())) != (scale.width, scale.height) {
            return Err(damaged(SourceFormat::Pdf, "its first page has no size"));
        }
        let pixels = drawn.data_as_u8_slice().as_chunks::<4>().0;
        Ok(pixels
            .iter()
            .flat_map(|[r, g, b, _]| [*r, *g, *b])
            .collect())
    })
}
