//! What is delivered: `/iiif-img`, `/thumbs`, `/iiif-manifest`, `/iiif-resource`, `/raw-resource`.

mod caching;
mod errors;
mod file;
mod fixture;
mod info;
mod manifest;
#[expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test where they fail"
)]
mod oracle;
mod pixels;
mod query;
mod thumbs;

pub(crate) use fixture::{Fixture, thumbnails};
