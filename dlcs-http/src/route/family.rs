//! What delivery serves: the first segment of its addresses.

/// What an address of delivery has of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// The Image API, with every size there can be.
    Image,
    /// The Image API over the thumbnails that lie ready.
    Thumbs,
    /// Manifests of the Presentation API.
    Manifest,
    /// Sources as they came.
    File,
}

impl Family {
    /// Every one.
    pub(crate) const ALL: [Self; 4] = [Self::Image, Self::Thumbs, Self::Manifest, Self::File];

    /// The first segment of its addresses.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Image => "iiif-img",
            Self::Thumbs => "thumbs",
            Self::Manifest => "iiif-manifest",
            Self::File => "file",
        }
    }

    /// The one whose addresses start with a segment.
    pub(crate) fn of(segment: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|family| family.segment() == segment)
    }
}

/// What an address of delivery has of a named query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryFamily {
    /// The manifest of the images that it selects.
    Manifest,
    /// Their ids.
    Ids,
}

impl QueryFamily {
    /// Every one.
    pub(crate) const ALL: [Self; 2] = [Self::Manifest, Self::Ids];

    /// The first segment of its addresses.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Manifest => "iiif-resource",
            Self::Ids => "raw-resource",
        }
    }

    /// The one whose addresses start with a segment.
    pub(crate) fn of(segment: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|family| family.segment() == segment)
    }
}
