//! The real program, from the outside.

mod program;
mod start;
