//! libjpeg (as mozjpeg has it), row by row, with its warnings heard.
//!
//! The library says of damage in two ways. What it cannot go on from, it says through an error handler that must not return: ours unwinds,
//! without the noise of a panic. What it can go on from, with pixels made up, it calls a warning: ours is noted, for the caller to ask.

use std::cell::Cell;
use std::io::{self, BufRead};
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use mozjpeg::ColorSpace;
use mozjpeg::decompress::{Decompress, DecompressBuilder, DecompressStarted};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use crate::pyramid::source::ColourModel;

thread_local! {
    /// Whether a decoder on this thread has warned. A thread has one decoder at a time.
    static WARNED: Cell<bool> = const { Cell::new(false) };
}

/// What the library unwinds with.
struct Refused;

extern "C-unwind" fn refuse(_: &mut jpeg_common_struct) {
    // Past the handler of panics, which would print a trace.
    resume_unwind(Box::new(Refused));
}

extern "C-unwind" fn hear(_: &mut jpeg_common_struct, level: c_int) {
    if level < 0 {
        WARNED.set(true);
    }
}

extern "C-unwind" fn nothing(_: &mut jpeg_common_struct) {}

extern "C-unwind" fn no_text(_: &mut jpeg_common_struct, _: &[u8; 80]) {}

fn handlers() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(refuse),
        emit_message: Some(hear),
        output_message: Some(nothing),
        format_message: Some(no_text),
        reset_error_mgr: Some(nothing),
        msg_code: 0,
        msg_parm: mozjpeg_sys::msg_parm_union::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

/// The decoder cannot go on.
#[derive(Debug)]
pub(in crate::pyramid) struct Stopped;

fn stopped<T>(decode: impl FnOnce() -> io::Result<T>) -> Result<T, Stopped> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(Stopped),
    }
}

/// A decoder that has begun; it must stay on one thread, and be the only one there.
pub(in crate::pyramid) struct Decoder<R> {
    started: DecompressStarted<R>,
}

impl<R: BufRead> Decoder<R> {
    /// Reads the header and begins. A stream of several scans is read to its end.
    pub(super) fn start(reader: R, model: ColourModel) -> Result<Self, Stopped> {
        Self::start_as(reader, |_| match model {
            ColourModel::Grey => ColorSpace::JCS_GRAYSCALE,
            ColourModel::Cmyk => ColorSpace::JCS_CMYK,
            ColourModel::Rgb | ColourModel::Lab => ColorSpace::JCS_RGB,
        })
    }

    /// As [`Self::start`], with colours as they are chosen for what is stored; of what is stored itself nothing is converted.
    pub(in crate::pyramid) fn start_as(
        reader: R,
        choose: impl FnOnce(ColorSpace) -> ColorSpace,
    ) -> Result<Self, Stopped> {
        let started = stopped(|| {
            let header: Decompress<R> = DecompressBuilder::new()
                .with_err(handlers())
                .from_reader(reader)?;
            // Warnings of a header are of other programs' marks, not of pixels.
            WARNED.set(false);
            let chosen = choose(header.color_space());
            header.to_colorspace(chosen)
        })?;
        Ok(Self { started })
    }

    pub(in crate::pyramid) fn dimensions(&self) -> (usize, usize) {
        (self.started.width(), self.started.height())
    }

    /// Fills whole rows.
    pub(in crate::pyramid) fn read(&mut self, rows: &mut [u8]) -> Result<(), Stopped> {
        stopped(|| self.started.read_scanlines_into(rows).map(|_| ()))
    }

    /// Reads on to the end of the image, after its last row.
    pub(super) fn finish(self) -> Result<(), Stopped> {
        stopped(|| self.started.finish())
    }
}

/// Whether the decoder of this thread has warned since it was last asked.
pub(in crate::pyramid) fn has_warned() -> bool {
    WARNED.take()
}
