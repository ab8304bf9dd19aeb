//! Derivatives: how they are made, what other programs read in them, and what is served of them.

mod interop;
mod process;
mod render;
mod support;
