//! The contract suites on the backends of this crate.

mod origin_guard;
