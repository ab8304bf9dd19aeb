//! Derivative stores: the backends that keep pyramids and uploads.

pub mod object;
