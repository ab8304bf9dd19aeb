//! Wip.

pub mod catalogue;
