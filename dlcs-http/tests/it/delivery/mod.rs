//! `/iiif-img`.

mod caching;
mod errors;
mod fixture;
mod info;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod oracle;
mod pixels;

pub(crate) use fixture::{Fixture, thumbnails};
