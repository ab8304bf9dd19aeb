//! The API and delivery, driven without sockets on the backends in memory; the listener, over real ones.

mod app;
mod bad_input;
mod bad_query;
mod batch;
mod channels;
mod customer;
mod delivery;
mod entry_point;
mod errors;
mod events;
mod image;
mod image_refused;
mod origin_strategy;
mod paging;
mod queue;
#[cfg(feature = "server")]
mod serve;
mod space;
mod upload;
