//! The JSON-LD context of what is sent.

/// The context of collections and errors: it must resolve.
pub(crate) const HYDRA: &str = "http://www.w3.org/ns/hydra/context.jsonld";

/// The context of a type of resource on an API.
pub(crate) fn context_of(api: &str, type_name: &str) -> String {
    format!("{api}/contexts/{type_name}.jsonld")
}
