//! From files of other programs to tiles, and what others see in the derivative.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]

mod admission;
mod bombs;
mod colour;
mod delta_e;
mod end_to_end;
mod formats;
mod iipimage;
mod interop;
mod kept;
mod malformed;
mod png_colour;
mod policy;
mod process;
#[cfg(feature = "derivative-s3")]
mod remote;
mod render;
mod sharing;
mod source_formats;
mod source_jpeg;
mod source_tiff;
mod support;
mod turns;
