//! The DLCS API and IIIF delivery over hyper, for [`dlcs_core`].

mod body;
mod context;
mod delivery;
mod error;

pub use body::{BoxError, ResponseBody};
