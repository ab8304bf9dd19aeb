//! What there is to say of images.

use crate::describe::{Class, Type, ro, rw, wo};

#[rustfmt::skip]
pub(crate) static IMAGE: Class = Class {
    type_: "vocab:Image",
    text: "An image that is registered.",
    known: super::KNOWN,
    properties: &[
        rw("id", Type::Text, "Its id in its space: one segment of a path, of 1 to 220 bytes.").such_as("f1r"),
        rw("space", Type::Natural, "The number of its space.").such_as("1").taking(&[Type::Natural, Type::Text]),
        ro("created", Type::Date, "When it was registered first."),
        rw("origin", Type::Text, "Where its master is fetched.").such_as("https://example.org/f1r.tif"),
        rw("initialOrigin", Type::Text, "Where its master is fetched the first time."),
        rw("mediaType", Type::Text, "The media type of its master; found out where it is not given.").such_as("image/tiff"),
        rw("string1", Type::Text, "Anything."),
        rw("string2", Type::Text, "Anything."),
        rw("string3", Type::Text, "Anything."),
        rw("number1", Type::Integer, "Any number."),
        rw("number2", Type::Integer, "Any number."),
        rw("number3", Type::Integer, "Any number."),
        rw("tags", Type::Texts, "Any words."),
        rw("roles", Type::Texts, "The roles of those who may see it."),
        rw("manifests", Type::Texts, "The manifests that it is in."),
        rw("maxUnauthorised", Type::Integer, "How large everybody may see it, in pixels; -1: whole, 0: not at all."),
        rw("deliveryChannels", Type::List(&CHANNEL), "How it is delivered.").taking(&[Type::List(&CHANNEL), Type::Texts]),
        rw("imageOptimisationPolicy", Type::Text, "How it is coded: the name or the address of a policy.").such_as("fast-higher"),
        rw("thumbnailPolicy", Type::Text, "Which thumbnails it has: the name or the address of a policy.").such_as("standard"),
        ro("width", Type::Natural, "Its width in pixels, upright; 0 before it is known."),
        ro("height", Type::Natural, "Its height in pixels, upright; 0 before it is known."),
        ro("queued", Type::Date, "When it was last queued.").optional(),
        ro("dequeued", Type::Date, "When it was last taken from the queue.").optional(),
        ro("finished", Type::Date, "When it was last done with.").optional(),
        ro("ingesting", Type::Boolean, "Whether it waits or is being processed."),
        ro("error", Type::Text, "Why its last registration failed; empty when it did not."),
        ro("batch", Type::Link, "The batch that it belongs to.").optional(),
        ro("infoJson", Type::Link, "The information of its image service.").optional(),
        ro("imageService", Type::Link, "Its image service.").optional(),
        ro("thumbnailInfoJson", Type::Link, "The information of the service of its thumbnails.").optional(),
        ro("thumbnailImageService", Type::Link, "The service of its thumbnails.").optional(),
        ro("thumbnail400", Type::Link, "Its thumbnail within 400 pixels.").optional(),
        ro("degradedInfoJson", Type::Link, "The information of what everybody may see of it.").optional(),
        ro("manifest", Type::Link, "Its manifest.").optional(),
        ro("sourceChecksum", Type::Text, "The SHA-256 of its master, as `sha256:…`."),
        ro("sourceSize", Type::Natural, "How many bytes its master has."),
        wo("file", Type::Text, "Its master itself, in base64, in place of an `origin`."),
    ],
};

#[rustfmt::skip]
static CHANNEL: Class = Class {
    type_: "DeliveryChannel",
    text: "A way to deliver an image.",
    known: super::channels::KNOWN,
    properties: &[
        rw("channel", Type::Text, "The name of the channel.").such_as("iiif-img"),
        rw("policy", Type::Text, "The name or the address of its policy.").such_as("default"),
    ],
};

#[rustfmt::skip]
pub(crate) static MANIFESTS: Class = Class {
    type_: "ManifestsEdit",
    text: "What becomes of the manifests of images.",
    known: super::bulk::EDIT,
    properties: &[
        wo("member", Type::List(&IMAGE), "The images, each by its `id`.").needed(),
        wo("field", Type::Word(&["manifests"]), "What is changed.").needed(),
        wo("operation", Type::Word(&["add", "remove", "replace"]), "How it is changed.").needed(),
        wo("value", Type::Texts, "The manifests.").needed(),
    ],
};

#[rustfmt::skip]
pub(crate) static DELETION: Class = Class {
    type_: "Deletion",
    text: "What came of deleting images.",
    known: &[],
    properties: &[
        ro("message", Type::Text, "The same in words."),
        ro("deleted", Type::Natural, "How many were deleted."),
        ro("missing", Type::Natural, "How many were not there."),
    ],
};
