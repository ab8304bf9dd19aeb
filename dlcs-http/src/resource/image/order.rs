//! What images can be ordered by.

use dlcs_core::image::{ImageOrder, ImageOrderBy, Third};

use crate::fields::Problems;
use crate::query::Query;

/// The properties of an image, each with what it is ordered by: links go by the id that they end with.
pub(crate) const ORDERS: &[(&str, ImageOrderBy)] = &[
    ("created", ImageOrderBy::Created),
    ("id", ImageOrderBy::Id),
    ("space", ImageOrderBy::Space),
    ("origin", ImageOrderBy::Origin),
    ("initialOrigin", ImageOrderBy::InitialOrigin),
    ("mediaType", ImageOrderBy::MediaType),
    ("string1", ImageOrderBy::String(Third::First)),
    ("string2", ImageOrderBy::String(Third::Second)),
    ("string3", ImageOrderBy::String(Third::Third)),
    ("number1", ImageOrderBy::Number(Third::First)),
    ("number2", ImageOrderBy::Number(Third::Second)),
    ("number3", ImageOrderBy::Number(Third::Third)),
    ("tags", ImageOrderBy::Tags),
    ("roles", ImageOrderBy::Roles),
    ("manifests", ImageOrderBy::Manifests),
    ("maxUnauthorised", ImageOrderBy::MaxUnauthorised),
    ("deliveryChannels", ImageOrderBy::DeliveryChannels),
    (
        "imageOptimisationPolicy",
        ImageOrderBy::ImageOptimisationPolicy,
    ),
    ("thumbnailPolicy", ImageOrderBy::ThumbnailPolicy),
    ("width", ImageOrderBy::Width),
    ("height", ImageOrderBy::Height),
    ("queued", ImageOrderBy::Queued),
    ("dequeued", ImageOrderBy::Dequeued),
    ("finished", ImageOrderBy::Finished),
    ("ingesting", ImageOrderBy::Ingesting),
    ("error", ImageOrderBy::Error),
    ("batch", ImageOrderBy::Batch),
    ("infoJson", ImageOrderBy::Id),
    ("imageService", ImageOrderBy::Id),
    ("thumbnailInfoJson", ImageOrderBy::Id),
    ("thumbnailImageService", ImageOrderBy::Id),
    ("thumbnail400", ImageOrderBy::Id),
    ("degradedInfoJson", ImageOrderBy::Id),
    ("manifest", ImageOrderBy::Id),
    ("sourceChecksum", ImageOrderBy::SourceChecksum),
    ("sourceSize", ImageOrderBy::SourceSize),
];

/// The order that a listing of images is asked for in.
pub(super) fn order(query: &Query, problems: &mut Problems) -> Vec<ImageOrder> {
    query.read_order(ORDERS, problems).into_iter().collect()
}
