//! Who is asking: HTTP Basic authentication with an API key and its secret.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dlcs_core::customer::Role;
use dlcs_core::origin::Secret;
use dlcs_core::{Customer, Dlcs};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::error::{ApiError, Kind};
use crate::failures::Failures;
use crate::peer::TrustedProxies;
use crate::route::Access;

/// Lets requests in, and counts who tries secrets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    pub(crate) proxies: TrustedProxies,
    failures: Failures,
}

impl Guard {
    /// Checks that a request may go on to a path; returns who asks, where that needs to be known.
    pub(crate) async fn admit(
        &self,
        dlcs: &Dlcs,
        parts: &Parts,
        access: Access,
    ) -> Result<Option<Customer>, ApiError> {
        let client = self.proxies.client(parts);
        if access != Access::Open
            && let Some(wait) = client.and_then(|client| self.failures.wait(client, Instant::now()))
        {
            let detail = "too many wrong keys or secrets came from your address lately: wait, and send the right ones";
            return Err(ApiError::new(Kind::TooManyFailures, detail).with_wait(wait));
        }
        let count = || {
            if let Some(client) = client {
                self.failures.count(client, Instant::now());
            }
        };
        authorise(dlcs, &parts.headers, access, count).await
    }
}

/// Checks that the credentials of a request open a path; returns whose they are, where some are needed.
///
/// Every failure is the same error, so that it never tells whether there is something at the path. `on_wrong` is called when they are nobody's.
pub(crate) async fn authorise(
    dlcs: &Dlcs,
    headers: &HeaderMap,
    access: Access,
    on_wrong: impl FnOnce(),
) -> Result<Option<Customer>, ApiError> {
    if access == Access::Open {
        return Ok(None);
    }
    let refused = || {
        ApiError::new(
            Kind::Unauthorised,
            "send an API key and secret that open this address, by HTTP Basic authentication",
        )
    };
    let (key, secret) = credentials(headers).ok_or_else(refused)?;
    let Some(caller) = dlcs.authenticate(&key, &secret).await? else {
        on_wrong();
        return Err(refused());
    };
    let administrator = caller.role == Role::Administrator;
    let opens = match access {
        Access::Open | Access::AnyKey => true,
        Access::Administrator => administrator,
        Access::Customer(customer) => administrator || caller.id == customer,
    };
    if opens {
        Ok(Some(caller))
    } else {
        Err(refused())
    }
}

/// The key and the secret of a request; the secret may hold colons.
fn credentials(headers: &HeaderMap) -> Option<(String, Secret)> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (key, secret) = decoded.split_once(':')?;
    if key.is_empty() || secret.is_empty() {
        return None;
    }
    Some((key.to_owned(), Secret::new(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        credentials(&headers).map(|(key, secret)| (key, secret.expose().to_owned()))
    }

    #[test]
    fn a_secret_may_hold_colons() {
        let value = format!("bAsIc {}", STANDARD.encode("key:a:b:"));
        assert_eq!(parse(&value), Some(("key".to_owned(), "a:b:".to_owned())));
    }

    #[test]
    fn everything_else_is_no_credentials() {
        let basic = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
        for value in [
            "",
            "Basic",
            "Basic ",
            "Basic !!!",
            "Bearer a:b",
            &basic(b"nocolon"),
            &basic(b":s"),
            &basic(b"k:"),
            &basic(b"\xff:s"),
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }
}
