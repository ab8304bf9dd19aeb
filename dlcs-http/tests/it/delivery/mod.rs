//! `/iiif-img`.

mod caching;
mod errors;
mod fixture;
mod info;
mod oracle;
mod pixels;

pub(crate) use fixture::Fixture;
