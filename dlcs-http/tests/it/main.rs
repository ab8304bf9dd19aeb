//! The API and delivery, driven without sockets on the backends in memory; the listener, over real ones.

mod all_images;
mod app;
mod bad_input;
mod bad_query;
mod batch;
mod channels;
mod credentials;
mod csv_import;
mod customer;
mod delivery;
mod described;
mod description;
mod entry_point;
mod errors;
mod events;
mod file_property;
#[cfg(feature = "server")]
mod http2;
mod idempotency;
mod idempotent_upload;
mod image;
mod image_refused;
mod links;
mod operations;
mod origin_strategy;
mod paging;
mod peer;
mod policy;
mod provoked;
mod queue;
mod refusals;
mod reingest;
mod round_trip;
#[cfg(feature = "server")]
mod serve;
mod setting;
mod space;
mod space_images;
#[cfg(feature = "server")]
mod stalls;
mod storage;
mod tenants;
mod upload;
