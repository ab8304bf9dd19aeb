//! How records are spelled in columns, whatever the database.

use dlcs_core::customer::Role;
use dlcs_core::id::CustomerId;
use dlcs_core::iiif::Dimensions;
use dlcs_core::image::{DeliveryChannel, ImageService, ImageSource, ImageState, OriginUrl};
use dlcs_core::origin::{CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyKind};
use dlcs_core::time::Timestamp;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::seal::{SealError, Sealer};

/// A column holds what this program does not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// A list as JSON text.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("lists of texts and numbers are always JSON")
}

pub(super) const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Ordinary => "ordinary",
        Role::Administrator => "administrator",
    }
}

pub(super) fn read_role(text: &str) -> Result<Role, Unreadable> {
    match text {
        "ordinary" => Ok(Role::Ordinary),
        "administrator" => Ok(Role::Administrator),
        _ => Err(Unreadable("role")),
    }
}

/// A delivery channel as it is stored.
#[derive(Serialize, Deserialize)]
struct ChannelRow {
    channel: String,
    policy: Option<String>,
}

pub(super) fn channels_json(channels: &[DeliveryChannel]) -> String {
    let rows: Vec<_> = channels
        .iter()
        .map(|channel| ChannelRow {
            channel: channel.channel.clone(),
            policy: channel.policy.clone(),
        })
        .collect();
    json(&rows)
}

pub(super) fn read_channels(text: &str) -> Result<Vec<DeliveryChannel>, Unreadable> {
    let rows: Vec<ChannelRow> =
        serde_json::from_str(text).map_err(|_| Unreadable("delivery_channels"))?;
    let channels = rows.into_iter();
    Ok(channels
        .map(|ChannelRow { channel, policy }| DeliveryChannel { channel, policy })
        .collect())
}

pub(super) fn thumbnails_json(thumbnails: &[Dimensions]) -> String {
    let sizes: Vec<_> = thumbnails
        .iter()
        .map(|size| [size.width(), size.height()])
        .collect();
    json(&sizes)
}

pub(super) fn read_thumbnails(text: &str) -> Result<Vec<Dimensions>, Unreadable> {
    let unreadable = Unreadable("service_thumbnails");
    let sizes: Vec<[u32; 2]> = serde_json::from_str(text).map_err(|_| unreadable)?;
    sizes
        .into_iter()
        .map(|[width, height]| Dimensions::new(width, height))
        .collect::<Option<_>>()
        .ok_or(unreadable)
}

/// The columns of an origin and of an upload; one of them has a value.
pub(super) fn source_columns(source: &ImageSource) -> [Option<String>; 2] {
    match source {
        ImageSource::Origin(origin) => [Some(origin.as_str().to_owned()), None],
        ImageSource::Upload(id) => [None, Some(id.to_string())],
    }
}

pub(super) fn read_source(columns: [Option<String>; 2]) -> Result<ImageSource, Unreadable> {
    match columns {
        [Some(origin), None] => read_origin(&origin, "source_origin").map(ImageSource::Origin),
        [None, Some(upload)] => {
            let upload = upload.parse().map_err(|_| Unreadable("source_upload"))?;
            Ok(ImageSource::Upload(upload))
        }
        _ => Err(Unreadable("source_origin")),
    }
}

pub(super) fn read_origin(text: &str, what: &'static str) -> Result<OriginUrl, Unreadable> {
    OriginUrl::parse(text).map_err(|_| Unreadable(what))
}

/// The columns of a state besides what is served: its name, since when, and what went wrong.
pub(super) fn state_columns(
    state: &ImageState,
) -> (&'static str, Option<Timestamp>, Option<&String>) {
    match state {
        ImageState::Waiting { .. } => ("waiting", None, None),
        ImageState::Ingesting { since, .. } => ("ingesting", Some(*since), None),
        ImageState::Ready { .. } => ("ready", None, None),
        ImageState::Failed {
            error, finished, ..
        } => ("failed", Some(*finished), Some(error)),
        ImageState::Registered { finished } => ("registered", Some(*finished), None),
    }
}

pub(super) fn read_state(
    state: &str,
    since: Option<Timestamp>,
    error: Option<String>,
    service: Option<ImageService>,
) -> Result<ImageState, Unreadable> {
    match (state, since, error, service) {
        ("waiting", None, None, previous) => Ok(ImageState::Waiting { previous }),
        ("ingesting", Some(since), None, previous) => Ok(ImageState::Ingesting { since, previous }),
        ("ready", None, None, Some(service)) => Ok(ImageState::Ready { service }),
        ("failed", Some(finished), Some(error), previous) => Ok(ImageState::Failed {
            error,
            finished,
            previous,
        }),
        ("registered", Some(finished), None, None) => Ok(ImageState::Registered { finished }),
        _ => Err(Unreadable("state")),
    }
}

/// An origin strategy as it is stored.
pub(super) struct StrategyRow {
    pub(super) id: String,
    pub(super) customer: CustomerId,
    pub(super) pattern: String,
    pub(super) kind: String,
    /// Sealed.
    pub(super) credentials: Option<Vec<u8>>,
    pub(super) order: i64,
    pub(super) optimised: bool,
    pub(super) created: Timestamp,
}

impl StrategyRow {
    /// The strategy, its credentials opened by whichever of these has sealed them.
    pub(super) fn read<'a>(
        self,
        sealers: impl IntoIterator<Item = &'a Sealer>,
        patterns: &Cache<String, OriginPattern>,
    ) -> Result<CustomerOriginStrategy, Unreadable> {
        let customer = self.customer;
        let id = self.id.parse().map_err(|_| Unreadable("id"))?;
        let pattern = patterns
            .get_or_insert_with(&self.pattern, || {
                OriginPattern::compile(self.pattern.as_str())
            })
            .map_err(|_| Unreadable("pattern"))?;
        let kind: OriginStrategyKind = self.kind.parse().map_err(|()| Unreadable("kind"))?;
        let access = match self.credentials {
            // One strategy that cannot be used must not keep the others from it, nor from being mended.
            Some(sealed) => {
                let mut sealers = sealers.into_iter();
                let opened = match sealers.find(|sealer| sealer.has_sealed(&sealed)) {
                    Some(sealer) => sealer.open(customer, id, kind, &sealed),
                    None => Err(SealError::OtherKey(id)),
                };
                opened.unwrap_or_else(|error| {
                    tracing::error!(%customer, strategy = %id, %error, "credentials cannot be read");
                    OriginAccess::Unreadable(kind)
                })
            }
            None => {
                OriginAccess::from_fields(kind, |_| None).map_err(|_| Unreadable("credentials"))?
            }
        };
        Ok(CustomerOriginStrategy {
            id,
            customer,
            pattern,
            access,
            order: self.order,
            optimised: self.optimised,
            created: self.created,
        })
    }
}

/// The credentials of a strategy as they are stored, where it has any.
pub(super) fn sealed_credentials(
    sealer: &Sealer,
    strategy: &CustomerOriginStrategy,
) -> Result<Option<Vec<u8>>, SealError> {
    if strategy.access.fields().is_empty() {
        return Ok(None);
    }
    sealer
        .seal(strategy.customer, strategy.id, &strategy.access)
        .map(Some)
}

/// What the present key makes of credentials that an older one has sealed; `None` where there is nothing to do, or nothing can be done.
///
/// What none of the keys opens is left as it is, and fails when it is used.
pub(super) fn reseal<E: From<Unreadable> + From<SealError>>(
    (id, customer, kind, sealed): &(String, CustomerId, String, Vec<u8>),
    sealer: &Sealer,
    old: &[Sealer],
) -> Result<Option<Vec<u8>>, E> {
    let Some(old) = old.iter().find(|old| old.has_sealed(sealed)) else {
        return Ok(None);
    };
    if sealer.has_sealed(sealed) {
        return Ok(None);
    }
    let strategy = id.parse().map_err(|_| Unreadable("id"))?;
    let kind = kind.parse().map_err(|()| Unreadable("kind"))?;
    match old.open(*customer, strategy, kind, sealed) {
        Ok(access) => Ok(Some(sealer.seal(*customer, strategy, &access)?)),
        Err(error) => {
            tracing::error!(%customer, %strategy, %error, "credentials cannot be read and keep their old key");
            Ok(None)
        }
    }
}
