//! The API and delivery, driven without sockets on the backends in memory.

mod app;
mod bad_input;
mod customer;
mod entry_point;
mod errors;
mod image;
mod image_refused;
mod origin_strategy;
mod queue;
mod space;
