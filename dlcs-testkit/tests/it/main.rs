//! The suites run on the reference backends, and bite on broken ones.

mod bite;
mod broken;
mod catalogue_memory;
mod derivative_memory;
mod fsck_memory;
mod http_server;
mod origin_fake;
mod queue_memory;
