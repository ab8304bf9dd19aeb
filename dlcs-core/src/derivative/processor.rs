//! From the bytes of a source to a derivative.

use std::error::Error;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{DerivativeBody, DerivativeFacts};
use crate::origin::{OriginError, OriginResponse};
use crate::policy::{ImageOptimisationPolicy, ThumbnailPolicy};
use crate::setting::ThumbnailSize;

/// A digest of 32 bytes, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 32]);

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

impl FromStr for Checksum {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its media type, found from its bytes.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub checksum: Checksum,
}

/// What to make of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessOptions {
    /// How the pyramid is made.
    pub policy: ImageOptimisationPolicy,
    /// Whether the source's own coding is kept where that can be: a TIFF that already is a pyramid as it stands, a JPEG cut into tiles without
    /// decoding. Elsewhere the policy decides.
    pub use_original: bool,
    /// How large thumbnails are, in any order.
    pub thumbnails: Vec<ThumbnailSize>,
}

impl Default for ProcessOptions {
    /// The default policies.
    fn default() -> Self {
        let options = Self {
            policy: ImageOptimisationPolicy::default(),
            use_original: false,
            thumbnails: Vec::new(),
        };
        options.with_thumbnails(ThumbnailPolicy::default().sizes())
    }
}

impl ProcessOptions {
    /// Says how the pyramid is made.
    #[must_use]
    pub const fn with_policy(mut self, policy: ImageOptimisationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps the source's own coding where that can be.
    #[must_use]
    pub const fn with_original(mut self) -> Self {
        self.use_original = true;
        self
    }

    /// Says which thumbnails are made: within squares of so many pixels.
    #[must_use]
    pub fn with_thumbnails(self, squares: &[u32]) -> Self {
        let squares = squares.iter().copied().map(ThumbnailSize::square);
        self.with_thumbnail_sizes(squares.collect())
    }

    /// Says which thumbnails are made.
    #[must_use]
    pub fn with_thumbnail_sizes(mut self, sizes: Vec<ThumbnailSize>) -> Self {
        self.thumbnails = sizes;
        self
    }
}

/// A derivative that has been made and is not stored yet.
pub struct Processed {
    /// The source that it was made from.
    pub source: SourceFacts,
    /// What is in it.
    pub derivative: DerivativeFacts,
    /// Its bytes.
    pub body: DerivativeBody,
}

impl fmt::Debug for Processed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processed")
            .field("source", &self.source)
            .field("derivative", &self.derivative)
            .finish_non_exhaustive()
    }
}

/// Why no derivative could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The source stopped coming.
    #[error("the source could not be fetched")]
    Origin(#[from] OriginError),
    /// Not an image of a kind that is read here.
    #[error("the source is not an image that can be read: {seen}")]
    Unrecognised {
        /// What the bytes look like.
        seen: String,
    },
    /// An image of a kind that is not read yet, though others of its format are.
    #[error(
        "the source is a {format} image of a kind that is not read yet: {reason}; convert it and register it again"
    )]
    Unsupported {
        /// The format, as people call it.
        format: &'static str,
        /// Which kind.
        reason: String,
    },
    /// An image that cannot be decoded to its end.
    #[error("the {format} image is damaged: {reason}")]
    Damaged {
        /// The format, as people call it.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// An image with more pixels than allowed.
    #[error("the image has {width} x {height} pixels; at most {limit} are allowed")]
    TooManyPixels {
        /// Its width.
        width: u64,
        /// Its height.
        height: u64,
        /// The limit, in pixels.
        limit: u64,
    },
    /// An image that is wider or higher than allowed.
    #[error("the image has {width} x {height} pixels; each side may have at most {limit}")]
    SideTooLong {
        /// Its width.
        width: u64,
        /// Its height.
        height: u64,
        /// The limit of one side, in pixels.
        limit: u64,
    },
    /// An image that takes more memory to decode than there will ever be.
    #[error(
        "decoding the image takes {needed} bytes of memory at once; at most {limit} are allowed: register it as a TIFF or a baseline JPEG, or ask the operator to raise the budget"
    )]
    TooManyBytes {
        /// What it takes, in bytes.
        needed: u64,
        /// What there is for it, in bytes.
        limit: u64,
    },
    /// The disk failed, or is full, that holds what an image takes while it is processed; nothing is said of the image.
    #[error("what the image takes while it is processed could not be kept")]
    Spool {
        /// What the system says.
        source: io::Error,
    },
    /// Others took so long that the image never had its turn; nothing is said of it.
    #[error("the image waited {} seconds for its turn to be processed, in vain", .waited.as_secs())]
    Busy {
        /// How long it waited.
        waited: Duration,
    },
    /// The machine failed, not the image: try again.
    #[error("the image could not be processed")]
    Backend {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ProcessError {
    /// Whether it says something of the source: another attempt would find the same.
    #[must_use]
    pub const fn is_of_the_source(&self) -> bool {
        match self {
            Self::Unrecognised { .. }
            | Self::Damaged { .. }
            | Self::Unsupported { .. }
            | Self::TooManyPixels { .. }
            | Self::SideTooLong { .. }
            | Self::TooManyBytes { .. } => true,
            Self::Origin(_) | Self::Spool { .. } | Self::Busy { .. } | Self::Backend { .. } => {
                false
            }
        }
    }

    /// Whether the same registration may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Origin(error) => error.is_transient(),
            Self::Spool { .. } | Self::Busy { .. } | Self::Backend { .. } => true,
            _ => false,
        }
    }
}

/// Makes derivatives.
#[async_trait]
pub trait ImageProcessor: fmt::Debug + Send + Sync + 'static {
    /// Reads a source to its end and makes its derivative.
    ///
    /// # Behaviour
    /// * The source goes to a file of its own first, never whole into memory.
    /// * The same source and options give the same bytes.
    /// * A source that is cut off is [`ProcessError::Origin`] or [`ProcessError::Damaged`], never a success.
    ///
    /// # Errors
    /// See [`ProcessError`].
    async fn process(
        &self,
        source: OriginResponse,
        options: &ProcessOptions,
    ) -> Result<Processed, ProcessError>;

    /// Says what bytes are: the media type of a format that is read here, or nothing.
    ///
    /// Their start is given: 512 of them, or all where there are fewer.
    fn recognise(&self, start: &[u8]) -> Option<&'static str> {
        let _ = start;
        None
    }
}

const _: fn(&dyn ImageProcessor) = |_| {};
