//! The colour of what is stored: sRGB or its grey, 8 bits, with alpha where the source has it.
//!
//! A profile is honoured with the relative colorimetric intent and without black point compensation, as libvips, ImageMagick and the
//! browsers do it. What says nothing of its colours is taken for sRGB, for its grey, for plain inks ([`plain`]) or for Lab as D50 sees it.

mod icc;
mod plain;
mod samples;
mod transform;

use std::fmt;

use tracing::warn;

use super::{Alpha, ColourModel, Header, Profile, Samples};
use crate::pyramid::pixels::Channels;
use samples::Splitter;
use transform::{Scratch, Transform};

/// Converts the rows of one source.
pub(in super::super) struct Converter {
    samples: Samples,
    transform: Transform,
    scratch: Scratch,
    splitter: Splitter,
    /// The colours of a row whose alpha is kept apart.
    opaque: Vec<u8>,
}

impl Converter {
    /// Prepares the conversion of the rows that a header announces.
    ///
    /// A profile that cannot be used is left out, and that is logged: a picture in slightly wrong colours is worth more than none.
    pub(in super::super) fn new(header: &Header) -> Self {
        let samples = header.samples;
        let transform = match &header.profile {
            Profile::Untagged => plain::untagged(samples),
            Profile::Gamma(exponent) => plain::gamma(samples, *exponent),
            Profile::Icc(profile) => icc::transform(profile, samples).unwrap_or_else(|reason| {
                warn!(
                    reason,
                    length = profile.len(),
                    "a colour profile is left out"
                );
                plain::untagged(samples)
            }),
        };
        Self {
            samples,
            transform,
            scratch: Scratch::default(),
            splitter: Splitter::default(),
            opaque: Vec::new(),
        }
    }

    /// What rows of these samples become.
    pub(in super::super) const fn channels_of(samples: Samples) -> Channels {
        match (samples.model, samples.alpha) {
            (ColourModel::Grey, Alpha::None) => Channels::Grey,
            (ColourModel::Grey, _) => Channels::GreyAlpha,
            (_, Alpha::None) => Channels::Rgb,
            (_, _) => Channels::Rgba,
        }
    }

    /// What the rows become.
    pub(in super::super) const fn channels(&self) -> Channels {
        Self::channels_of(self.samples)
    }

    /// Whether what is stored is what the source has, byte by byte.
    pub(in super::super) fn copies(&self) -> bool {
        self.transform.copies(self.samples)
    }

    /// Converts one row of [`Header::row_bytes`] bytes to one of `width * channels` bytes.
    pub(in super::super) fn convert(&mut self, source: &[u8], target: &mut [u8]) {
        if self.samples.alpha == Alpha::None {
            self.colours(source, target);
        } else if self.transform.copies(self.samples) {
            target.copy_from_slice(source);
        } else {
            let mut splitter = std::mem::take(&mut self.splitter);
            let mut opaque = std::mem::take(&mut self.opaque);
            splitter.split(source, self.samples);
            opaque.resize(target.len() - splitter.alpha.len(), 0);
            self.colours(&splitter.colours, &mut opaque);
            samples::join(&opaque, &splitter.alpha, target);
            (self.splitter, self.opaque) = (splitter, opaque);
        }
    }

    /// Converts a row without alpha.
    fn colours(&mut self, source: &[u8], target: &mut [u8]) {
        if self
            .transform
            .apply(source, self.samples, &mut self.scratch, target)
            .is_none()
        {
            // It was tried over all colours before; should it fail now, the rest of the image still deserves its pixels.
            warn!("a colour profile fails on a row, and is left out from there on");
            self.transform = plain::untagged(self.samples);
            self.transform
                .apply(source, self.samples, &mut self.scratch, target);
        }
    }
}

impl fmt::Debug for Converter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Converter")
            .field("samples", &self.samples)
            .field("transform", &self.transform)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
