//! Who is told that batches have finished.

use dlcs_core::origin::Secret;
use dlcs_storage::notifier::webhook::WebhookTargets;
use url::Url;

use super::{Sources, base_url};
use crate::setting::{self, Setting};
use crate::stop::Stop;

/// The shortest secret: as long as a key that nobody can guess.
const SECRET_LEAST: usize = 16;

/// Who is told that batches have finished.
#[derive(Debug)]
pub(crate) struct Webhooks {
    pub(crate) targets: WebhookTargets,
    pub(crate) secret: Secret,
    /// What the links in notices begin with.
    pub(crate) public_url: Url,
}

pub(super) fn read(sources: &Sources<'_>) -> Result<Option<Webhooks>, Stop> {
    let targets = sources.together(&setting::WEBHOOK, WebhookTargets::parse)?;
    let secret = sources.parsed(&setting::WEBHOOK_SECRET, secret)?;
    let public_url = sources.parsed(&setting::PUBLIC_URL, base_url)?;
    let lacks = |given: &Setting, missing: &Setting, why: &str| {
        let (given, missing) = (given.name, missing.name);
        Err(Stop::Usage(format!(
            "--{given} is given without --{missing}: {why}"
        )))
    };
    match (targets.is_none(), secret, public_url) {
        (true, None, _) => Ok(None),
        (true, Some(_), _) => lacks(
            &setting::WEBHOOK_SECRET,
            &setting::WEBHOOK,
            "give both or neither",
        ),
        (false, None, _) => lacks(
            &setting::WEBHOOK,
            &setting::WEBHOOK_SECRET,
            "give that too, because notices are signed",
        ),
        (false, Some(_), None) => lacks(
            &setting::WEBHOOK,
            &setting::PUBLIC_URL,
            "give that too, because the links in notices need it",
        ),
        (false, Some(secret), Some(public_url)) => Ok(Some(Webhooks {
            targets,
            secret,
            public_url,
        })),
    }
}

fn secret(text: &str) -> Result<Secret, String> {
    if !(SECRET_LEAST..=1024).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err(format!(
            "use {SECRET_LEAST} to 1024 bytes without control characters, such as `openssl rand -hex 32` makes"
        ));
    }
    Ok(Secret::new(text))
}
