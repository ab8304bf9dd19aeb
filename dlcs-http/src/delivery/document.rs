//! JSON documents about an image: info.json and manifests, each in two versions and two media types.

use dlcs_core::iiif::Version;
use dlcs_core::image::ImageService;
use dlcs_core::time::Timestamp;
use http::{HeaderMap, Response};

use super::accept::Accept;
use super::headers::{self, Description};
use super::{Asked, info, manifest};
use crate::body::ResponseBody;
use crate::route::Family;

/// The context document of a version of what a family describes its images by.
pub(super) const fn context_of(family: Family, version: Version) -> &'static str {
    match family {
        Family::Image | Family::Thumbs => info::context_of(version),
        Family::Manifest | Family::File => manifest::context_of(version),
    }
}

/// In which version a document is sent, and as what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) version: Version,
    /// The version in the document's own address.
    ///
    /// Version 2 out of an address without a version names the one that always speaks it.
    pub(super) named: Option<Version>,
    is_json_ld: bool,
}

impl Form {
    /// What the address asks for, and else what the client accepts.
    pub(super) fn of(accept: &Accept, family: Family, named: Option<Version>) -> Self {
        let version =
            named.unwrap_or_else(|| accept.version(|version| context_of(family, version)));
        Self {
            version,
            named: match (named, version) {
                (None, Version::V3) => None,
                (_, version) => Some(version),
            },
            is_json_ld: accept.json_ld(version),
        }
    }
}

/// A document that is ready to be sent.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) form: Form,
    pub(super) body: Vec<u8>,
    /// The profile of the service that it describes.
    pub(super) profile: Option<&'static str>,
    /// Since when it is as it is, where a date can tell.
    pub(super) modified: Option<Timestamp>,
}

impl Document {
    /// The answer, or 304.
    pub(super) fn answer(self, asked: &Asked<'_>) -> Response<ResponseBody> {
        let request = &asked.request.headers;
        self.answer_about([asked.service], asked.route.family, request)
    }

    /// The answer about what is served of several images, or 304.
    pub(super) fn answer_about<'a>(
        self,
        services: impl IntoIterator<Item = &'a ImageService>,
        family: Family,
        request: &HeaderMap,
    ) -> Response<ResponseBody> {
        let is_json_ld = self.form.is_json_ld;
        let context = context_of(family, self.form.version);
        let description = Description {
            content_type: headers::document_type(context, is_json_ld),
            link: headers::document_link(self.profile, context, is_json_ld),
            etag: headers::document_etag(services, is_json_ld, &self.body),
            modified: self.modified,
            by_accept: true,
        };
        description.answer(request, self.body)
    }
}
