//! What a viewer is shown: whole, and one of the versions that it may be.

use reqwest::StatusCode;

use crate::ledger::{Expected, Version};
use crate::picture::PICTURES;

/// The version that was read, `None` when none was; or what is wrong with the answer.
pub(crate) fn judge(
    before: Expected,
    after: Expected,
    last: Version,
    status: StatusCode,
    picture: &Result<u32, String>,
) -> Result<Option<Version>, String> {
    match (status, picture) {
        (StatusCode::SERVICE_UNAVAILABLE, _) => Ok(None),
        (StatusCode::NOT_FOUND, _) if before.is_served && after.is_served => {
            Err(format!("it is served, and was not found ({before:?})"))
        }
        (StatusCode::NOT_FOUND, _) => Ok(None),
        (StatusCode::OK, Ok(picture)) => {
            if before.is_gone && after.is_gone {
                return Err(format!("it is gone, and picture {picture} was shown"));
            }
            let least = before.least.max(last);
            let version = (least..=after.most).find(|version| version % PICTURES == *picture);
            let none = || {
                format!(
                    "picture {picture} is none of versions {least} to {}",
                    after.most
                )
            };
            version.map(Some).ok_or_else(none)
        }
        (status, Ok(_)) => Err(format!("{status}")),
        (status, Err(why)) => Err(format!("{status}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn expected(least: Version, most: Version, is_served: bool, is_gone: bool) -> Expected {
        Expected {
            least,
            most,
            is_served,
            is_gone,
        }
    }

    #[test]
    fn an_answer_is_whole_and_of_a_version_that_it_may_be() {
        let half = Err("half".to_owned());
        let (ok, missing) = (StatusCode::OK, StatusCode::NOT_FOUND);
        let served = expected(2, 3, true, false);
        let open = expected(1, 1, false, false);
        let gone = expected(4, 3, false, true);
        assert_eq!(judge(served, served, 0, ok, &Ok(2)), Ok(Some(2)));
        assert_eq!(judge(served, served, 0, ok, &Ok(3)), Ok(Some(3)));
        assert_eq!(judge(open, open, 0, missing, &half), Ok(None));
        assert_eq!(judge(gone, gone, 0, missing, &half), Ok(None));
        assert_eq!(
            judge(gone, open, 0, ok, &Ok(1)),
            Err("picture 1 is none of versions 4 to 1".to_owned())
        );
        for (before, after, last, status, picture) in [
            // Older than what is served, or than what this reader has seen; newer than anything.
            (served, served, 0, ok, Ok(1)),
            (served, served, 3, ok, Ok(2)),
            (served, served, 0, ok, Ok(4)),
            (served, served, 0, ok, half.clone()),
            (served, served, 0, missing, half.clone()),
            (gone, gone, 0, ok, Ok(3)),
            (open, open, 0, StatusCode::INTERNAL_SERVER_ERROR, half),
        ] {
            assert!(
                judge(before, after, last, status, &picture).is_err(),
                "{before:?} {status} {picture:?}"
            );
        }
    }
}
