//! What every handler knows: the facade, the addresses, the request's id.

use dlcs_core::Dlcs;

/// What every handler knows.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The facade.
    pub(crate) dlcs: Dlcs,
    /// The public address of the API, without a trailing slash.
    pub(crate) api: String,
    /// The public address of delivery, without a trailing slash.
    pub(crate) delivery: String,
    /// The id of the request, which is in the log too.
    pub(crate) request_id: String,
    /// Whether the client asked for `application/ld+json`.
    pub(crate) wants_json_ld: bool,
}
