//! `/iiif-img`.

mod caching;
mod errors;
mod fixture;
mod info;
mod pixels;

pub(crate) use fixture::Fixture;
