//! The backends against their contracts, and the derivative against the tools of others.

mod pyramid;
