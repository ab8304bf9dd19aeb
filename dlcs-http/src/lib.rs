#![doc = include_str!("../README.md")]

mod service;

mod auth;
mod route;

mod body;
mod context;
mod error;
mod fields;
mod hydra;
mod query;
mod resource;

mod delivery;

pub use body::{BoxError, ResponseBody};
pub use service::{DlcsService, DlcsServiceBuilder};
