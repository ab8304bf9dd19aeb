#![doc = include_str!("../README.md")]

mod service;

mod auth;
mod failures;
mod peer;
mod route;

mod body;
mod collection_input;
mod context;
mod describe;
mod dispatch;
mod error;
mod events;
mod fields;
mod form;
mod hydra;
mod idempotency;
mod pair;
mod payload;
mod places;
mod query;
mod resource;
mod sheet;

mod delivery;

#[cfg(feature = "server")]
mod serve;

pub use body::{BoxError, ResponseBody};
pub use peer::{NetworkError, PeerAddress, TrustedProxies};
pub use resource::batch::batch_document;
#[cfg(feature = "server")]
pub use serve::serve;
pub use service::{DlcsService, DlcsServiceBuilder};
