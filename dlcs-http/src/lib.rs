//! The DLCS API and IIIF delivery over hyper, for [`dlcs_core`].

mod auth;
mod body;
mod context;
mod delivery;
mod error;
mod fields;
mod hydra;
mod query;
mod resource;
mod route;
#[cfg(feature = "server")]
mod serve;
mod service;

pub use body::{BoxError, ResponseBody};
#[cfg(feature = "server")]
pub use serve::serve;
pub use service::{DlcsService, DlcsServiceBuilder};
