//! From the scaled region to the bytes of a response: mirror, quality, turn, format.

use dlcs_core::derivative::RenderError;
use dlcs_core::iiif::{Dimensions, Format, Quality, ResolvedRequest};

use super::super::encode::{Depth, EncodeOptions, Sink};
use super::super::pixels::{Channels, Pixels};
use super::super::resample::{grey, threshold};
use super::strips::strip_rows;
use super::turn::{Corners, Turned, mirror};

/// What becomes of the strips of a scaled region.
#[derive(Debug, Clone)]
pub(super) struct Look {
    request: ResolvedRequest,
    /// What a strip is made of when it is turned.
    upright: Channels,
    corners: Corners,
}

impl Look {
    /// Finds it for a level of these channels.
    pub(super) fn of(channels: Channels, request: &ResolvedRequest) -> Self {
        let bitonal = request.quality == Quality::Bitonal;
        let keeps_alpha = request.format.has_alpha() && !bitonal;
        let colours = match request.quality {
            Quality::Default | Quality::Color => channels,
            Quality::Gray | Quality::Bitonal => channels.without_colour(),
        };
        let is_slanted = request.rotation.quarter_turns().is_none();
        Self {
            request: request.clone(),
            upright: if keeps_alpha {
                colours
            } else {
                colours.without_alpha()
            },
            corners: if is_slanted && keeps_alpha {
                Corners::Transparent
            } else {
                Corners::Black
            },
        }
    }

    /// What the result is made of.
    pub(super) const fn channels(&self) -> Channels {
        match self.corners {
            Corners::Transparent => self.upright.with_alpha(),
            Corners::Black => self.upright,
        }
    }

    /// What a strip is made of when it is turned.
    pub(super) const fn upright(&self) -> Channels {
        self.upright
    }

    pub(super) const fn format(&self) -> Format {
        self.request.format
    }

    /// The size of the scaled region, before it is turned.
    pub(super) const fn scaled(&self) -> Dimensions {
        self.request.size
    }

    /// The size of the result.
    pub(super) fn size(&self) -> Dimensions {
        self.request.output()
    }

    /// Whether the whole region must be there before the first row of the result is.
    pub(super) fn turns(&self) -> bool {
        self.request.rotation.quarter_turns() != Some(0)
    }

    /// How many bits a sample of the result has.
    pub(super) fn depth(&self) -> Depth {
        if self.request.quality == Quality::Bitonal {
            Depth::Bit
        } else {
            Depth::Byte
        }
    }

    fn upright_strip(&self, mut strip: Pixels) -> Pixels {
        if strip.channels.has_alpha() && !self.upright.has_alpha() {
            strip = strip.on_white().into_owned();
        }
        if self.upright.without_colour() == self.upright {
            strip = grey(strip);
        }
        if self.request.mirror {
            strip = mirror(strip);
        }
        strip
    }
}

/// Takes the strips of a scaled region, and makes the response of them.
pub(super) struct Finish {
    look: Look,
    /// The whole region, where it is turned.
    frame: Option<Pixels>,
    sink: Sink,
}

impl Finish {
    pub(super) fn start(look: Look, options: EncodeOptions) -> Result<Self, RenderError> {
        let sink = Sink::start(
            look.request.format,
            look.size(),
            look.channels(),
            look.depth(),
            options,
        )?;
        let size = look.request.size;
        let frame = look.turns().then(|| {
            let mut frame = Pixels::blank(size.width(), 0, look.upright);
            frame
                .data
                .reserve_exact(frame.stride() * size.height() as usize);
            frame
        });
        Ok(Self { look, frame, sink })
    }

    pub(super) fn push(&mut self, strip: Pixels) -> Result<(), RenderError> {
        let strip = self.look.upright_strip(strip);
        match &mut self.frame {
            Some(frame) => {
                frame.height += strip.height;
                frame.data.extend_from_slice(&strip.data);
                Ok(())
            }
            None => self.write(strip),
        }
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, RenderError> {
        if let Some(frame) = self.frame.take() {
            let size = self.look.size();
            let turned = Turned::new(frame, self.look.request.rotation, self.look.corners, size);
            let rows = strip_rows(size.width(), self.look.channels().count());
            for from in (0..size.height()).step_by(rows as usize) {
                let strip = turned.rows(from..size.height().min(from.saturating_add(rows)));
                self.write(strip)?;
            }
        }
        Ok(self.sink.finish()?)
    }

    fn write(&mut self, strip: Pixels) -> Result<(), RenderError> {
        let strip = match self.look.depth() {
            Depth::Bit => threshold(strip),
            Depth::Byte => strip,
        };
        Ok(self.sink.push(strip)?)
    }
}
