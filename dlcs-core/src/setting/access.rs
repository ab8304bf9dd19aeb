//! Who may see what: kept, and not enforced yet.

/// A role that an image may need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRole {
    /// Its name, unique within the customer; images name it, or its address.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// The authentication service that gives it: a name or an address.
    pub auth_service: String,
}

/// How somebody comes by a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthService {
    /// Its name, unique within the customer.
    pub name: String,
    /// What kind of interaction it is: an address.
    pub profile: String,
    /// Its name for people.
    pub label: String,
    /// What it is, for people.
    pub description: String,
    /// The title of its page.
    pub page_label: String,
    /// What its page says.
    pub page_description: String,
    /// What its button says.
    pub call_to_action: String,
    /// How long what it gives lasts, in seconds.
    pub time_to_live: u32,
    /// Services that come after it: names or addresses.
    pub nested_services: Vec<String>,
    /// Where it asks for roles: an address.
    pub role_provider: String,
}
