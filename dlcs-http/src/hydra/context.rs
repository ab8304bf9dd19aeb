//! The JSON-LD context of what is sent.

/// The context of collections, errors and, until the program serves contexts of its own, of every resource: it must resolve.
pub(crate) const HYDRA: &str = "http://www.w3.org/ns/hydra/context.jsonld";
