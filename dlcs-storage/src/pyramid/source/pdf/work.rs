//! How much there is to draw on a page: known before anything is drawn.
//!
//! A few bytes can ask for more strokes than there is memory for (dashes of nothing), or more drawings than there is time for (drawings that
//! draw others, each of them several times). So the page is gone through once without drawing, as far as it is worth drawing.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::pattern::Pattern;
use hayro::hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, Paint, RectExt, SoftMask, StrokeProps, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, ParamCurveArclen};

/// The most that is drawn, in pieces of lines: a map of a whole country has less.
const MOST: f64 = 20_000_000.0;
/// What a path costs besides its pieces.
const PATH: f64 = 20.0;
/// What a glyph costs that has been drawn before, and what a drawing, a clip or a group of drawings does.
const GLYPH: f64 = 10.0;
const DRAWING: f64 = 100.0;
const IMAGE: f64 = 2_000.0;
/// How exactly curves are measured.
const ACCURACY: f64 = 1.0;

/// That there is more than is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// Goes through a page.
pub(super) fn check<'a>(page: &'a Page<'a>) -> Result<(), TooMuch> {
    let cache = InterpreterCache::new();
    let bounds = page.intersected_crop_box().to_kurbo();
    let settings = InterpreterSettings::default();
    let mut context = Context::new(Affine::IDENTITY, bounds, &cache, page.xref(), settings);
    let mut work = Work::default();
    // The way out of the middle of a page; what panics by itself panics again when it is drawn.
    let gone_through = catch_unwind(AssertUnwindSafe(|| {
        interpret_page(page, &mut context, &mut work);
    }));
    match gone_through {
        Err(payload) if payload.is::<TooMuch>() => Err(TooMuch),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Counts instead of drawing.
#[derive(Default)]
struct Work {
    done: f64,
    /// Patterns and masks that have been counted: each is drawn once, and copied.
    seen: HashSet<u128>,
}

impl Work {
    fn add(&mut self, pieces: f64) {
        self.done += pieces;
        // Not a number is too much, too.
        if self.done.is_nan() || self.done > MOST {
            resume_unwind(Box::new(TooMuch));
        }
    }

    fn path(&mut self, path: &BezPath, mode: &DrawMode) {
        let dashes = match mode {
            DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) => dashes(path, stroke),
            DrawMode::Fill(_) | DrawMode::Invisible => 0.0,
        };
        self.add(PATH + path.elements().len() as f64 + dashes);
    }

    fn paint(&mut self, paint: &Paint<'_>) {
        if let Paint::Pattern(pattern) = paint
            && self.seen.insert(pattern.cache_key())
            && let Pattern::Tiling(tile) = pattern.as_ref()
        {
            // It may be for strokes or not, which changes nothing but its colour.
            let _ = tile.interpret(self, Affine::IDENTITY, false);
        }
    }

    fn mask(&mut self, mask: Option<&SoftMask<'_>>) {
        if let Some(mask) = mask
            && self.seen.insert(mask.cache_key())
        {
            mask.interpret(self);
        }
    }
}

/// How many dashes a line has.
fn dashes(path: &BezPath, stroke: &StrokeProps) -> f64 {
    if stroke.dash_array.is_empty() {
        return 0.0;
    }
    let period: f32 = stroke.dash_array.iter().map(|dash| dash.abs()).sum();
    let length: f64 = path
        .segments()
        .map(|segment| segment.arclen(ACCURACY))
        .sum();
    length / f64::from(period) * stroke.dash_array.len() as f64
}

impl<'a> Device<'a> for Work {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.path(path, mode);
        self.paint(&props.paint);
        self.mask(props.soft_mask.as_ref());
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.add(DRAWING + clip.path.elements().len() as f64);
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.add(DRAWING);
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        self.paint(&props.paint);
        self.mask(props.soft_mask.as_ref());
        for glyph in run.glyphs() {
            match (&**glyph, mode) {
                (Glyph::Type3(glyph), _) => {
                    self.add(DRAWING);
                    glyph.interpret(self, props.transform, Affine::IDENTITY, &props.paint);
                }
                // Outlines are drawn once and copied, unless they are dashed.
                (Glyph::Outline(outline), DrawMode::Stroke(_) | DrawMode::FillAndStroke(..)) => {
                    self.path(&(glyph.transform() * outline.outline()), mode);
                }
                (Glyph::Outline(_), _) => self.add(GLYPH),
            }
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.add(IMAGE);
        self.mask(props.soft_mask.as_ref());
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}
