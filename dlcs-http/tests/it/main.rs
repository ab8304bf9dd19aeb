//! The adapter from the outside: requests in, responses out, no sockets but where a listener is tested.

mod delivery;
#[cfg(feature = "server")]
mod serve;
