//! What a process does.

/// What a process does, of all that there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Roles {
    /// Answers the API.
    pub(crate) api: bool,
    /// Delivers images.
    pub(crate) delivery: bool,
    /// Processes what is queued, deletes what is not needed, tells of batches.
    pub(crate) worker: bool,
}

impl Roles {
    /// Parses a list such as `api,worker`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut roles = Self::default();
        for name in text.split(',') {
            match name.trim() {
                "api" => roles.api = true,
                "delivery" => roles.delivery = true,
                "worker" => roles.worker = true,
                _ => {
                    return Err(
                        "write some of api, delivery and worker with commas between them"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_list_of_known_names() {
        let roles = |api, delivery, worker| Roles {
            api,
            delivery,
            worker,
        };
        assert_eq!(
            Roles::parse("api, delivery,worker"),
            Ok(roles(true, true, true))
        );
        assert_eq!(Roles::parse("worker"), Ok(roles(false, false, true)));
        for bad in ["", "api,", "workers", "API"] {
            let error = Roles::parse(bad).unwrap_err();
            assert!(error.contains("api, delivery and worker"), "{error}");
        }
    }
}
