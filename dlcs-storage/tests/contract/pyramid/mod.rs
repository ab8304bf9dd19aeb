//! Derivatives: how they are made, what other programs read in them, and what is served of them.

#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod admission;
mod colour;
mod delta_e;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod formats;
mod interop;
mod policy;
mod process;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod render;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod sharing;
mod source_formats;
mod source_tiff;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod support;
