//! Decoded pixels.

use std::borrow::Cow;

/// What a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    /// Grey, then opacity; not premultiplied.
    GreyAlpha,
    Rgb,
    /// Red, green, blue, then opacity; not premultiplied.
    Rgba,
}

impl Channels {
    pub(super) const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub(super) const fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }

    pub(super) const fn with_alpha(self) -> Self {
        match self {
            Self::Grey | Self::GreyAlpha => Self::GreyAlpha,
            Self::Rgb | Self::Rgba => Self::Rgba,
        }
    }

    pub(super) const fn without_alpha(self) -> Self {
        match self {
            Self::Grey | Self::GreyAlpha => Self::Grey,
            Self::Rgb | Self::Rgba => Self::Rgb,
        }
    }

    pub(super) const fn without_colour(self) -> Self {
        match self {
            Self::Grey | Self::Rgb => Self::Grey,
            Self::GreyAlpha | Self::Rgba => Self::GreyAlpha,
        }
    }
}

/// Pixels of 8 bits a channel, row by row.
///
/// Invariant: `data` holds `width * height * channels` bytes, and neither side is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    pub(super) data: Vec<u8>,
}

impl Pixels {
    pub(super) fn blank(width: u32, height: u32, channels: Channels) -> Self {
        let length = width as usize * height as usize * channels.count();
        Self {
            width,
            height,
            channels,
            data: vec![0; length],
        }
    }

    /// The same pixels without alpha: what is transparent lies on white.
    pub(super) fn on_white(&self) -> Cow<'_, Self> {
        let (channels, data) = match self.channels {
            Channels::Grey | Channels::Rgb => return Cow::Borrowed(self),
            Channels::GreyAlpha => (Channels::Grey, compose::<2, 1>(&self.data)),
            Channels::Rgba => (Channels::Rgb, compose::<4, 3>(&self.data)),
        };
        Cow::Owned(Self {
            channels,
            data,
            ..*self
        })
    }

    /// Bytes in one row.
    pub(super) fn stride(&self) -> usize {
        self.width as usize * self.channels.count()
    }

    /// A square with this side, of which these are the upper left corner: their last pixels are repeated.
    pub(super) fn padded(&self, side: u32) -> Self {
        let bytes = self.channels.count();
        let (wanted, rows) = (side as usize * bytes, side as usize);
        let mut data = Vec::with_capacity(wanted * rows);
        for (y, row) in self.rows().enumerate() {
            data.extend_from_slice(row);
            let (last, end) = (data.len() - bytes, (y + 1) * wanted);
            // Twice as many of the last pixel each time.
            while data.len() < end {
                let more = (data.len() - last).min(end - data.len());
                data.extend_from_within(last..last + more);
            }
        }
        let last = data.len() - wanted;
        while data.len() < wanted * rows {
            let more = (data.len() - last).min(wanted * rows - data.len());
            data.extend_from_within(last..last + more);
        }
        Self {
            width: side,
            height: side,
            channels: self.channels,
            data,
        }
    }

    /// The upper left corner, of this size.
    #[cfg(test)]
    pub(super) fn corner(&self, width: u32, height: u32) -> Self {
        let wanted = width as usize * self.channels.count();
        let mut data = Vec::with_capacity(wanted * height as usize);
        for row in self.rows().take(height as usize) {
            data.extend_from_slice(&row[..wanted]);
        }
        Self {
            width,
            height,
            channels: self.channels,
            data,
        }
    }

    /// Rows from top to bottom.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.data.chunks_exact(self.stride())
    }
}

/// Composes pixels of `N` samples, the last of them alpha, on white.
fn compose<const N: usize, const KEPT: usize>(data: &[u8]) -> Vec<u8> {
    let mut composed = Vec::with_capacity(data.len() / N * KEPT);
    for pixel in data.as_chunks::<N>().0 {
        let alpha = u32::from(pixel[KEPT]);
        composed.extend(
            pixel[..KEPT]
                .iter()
                .map(|value| ((u32::from(*value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8),
        );
    }
    composed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_lie_on_white() {
        let pixels = |channels, data: &[u8]| Pixels {
            width: (data.len() / Channels::count(channels)) as u32,
            height: 1,
            channels,
            data: data.to_vec(),
        };
        for (with_alpha, expected) in [
            (
                pixels(Channels::GreyAlpha, &[0, 255, 0, 0, 0, 128]),
                pixels(Channels::Grey, &[0, 255, 127]),
            ),
            (
                pixels(Channels::Rgba, &[10, 20, 30, 255, 10, 20, 30, 0]),
                pixels(Channels::Rgb, &[10, 20, 30, 255, 255, 255]),
            ),
            (pixels(Channels::Grey, &[7]), pixels(Channels::Grey, &[7])),
        ] {
            assert_eq!(*with_alpha.on_white(), expected);
        }
    }
}
