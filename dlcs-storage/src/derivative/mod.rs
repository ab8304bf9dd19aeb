//! Derivative stores and their backends.
