//! From samples as they are written to samples as they are delivered.

use super::super::{Depth, Samples};
use super::ifd::ByteOrder;
use super::image::{Meaning, Number, TiffImage};

/// Unpacks rows of one image.
#[derive(Debug)]
pub(super) struct Unpacker {
    number: Number,
    order: ByteOrder,
    samples: Samples,
    meaning: Meaning,
    /// Of each delivered sample: which sample of the file it is.
    picked: Vec<usize>,
    /// Samples of a pixel that lie side by side in the file.
    per_pixel: usize,
    copies: bool,
}

impl Unpacker {
    pub(super) fn new(image: &TiffImage) -> Self {
        let plain = Meaning::Colours {
            inverted: false,
            signed_lab: false,
        };
        let native = match image.number {
            Number::Unsigned(8) => true,
            Number::Unsigned(16) => image.order.u16([1, 0]) == u16::from_ne_bytes([1, 0]),
            _ => false,
        };
        let in_order = image.picked.iter().copied().eq(0..image.per_pixel);
        Self {
            number: image.number,
            order: image.order,
            samples: image.samples,
            meaning: image.meaning.clone(),
            picked: image.picked.clone(),
            per_pixel: image.chunk_samples(),
            copies: native && in_order && !image.planar && image.meaning == plain,
        }
    }

    /// Whether rows are the same in the file.
    pub(super) const fn copies(&self) -> bool {
        self.copies
    }

    /// Unpacks a row: of all samples, or of the plane of one delivered sample.
    pub(super) fn unpack(&self, row: &[u8], plane: Option<usize>, target: &mut [u8]) {
        if let Meaning::Palette(colours) = &self.meaning {
            self.look_up(colours, row, plane, target);
            return;
        }
        let all = self.picked.iter().copied().enumerate();
        for (place, sample) in all {
            match plane {
                None => self.one(row, sample, place, target),
                Some(wanted) if wanted == place => self.one(row, 0, place, target),
                Some(_) => {}
            }
        }
    }

    /// Unpacks one sample of each pixel.
    fn one(&self, row: &[u8], sample: usize, place: usize, target: &mut [u8]) {
        let flip = self.flip(place);
        match self.samples.depth {
            Depth::U8 => {
                let flip = flip as u8;
                self.whole(row, sample, place, target, |value| [(value as u8) ^ flip]);
            }
            Depth::U16 => {
                let flip = flip as u16;
                self.whole(row, sample, place, target, |value| {
                    ((value as u16) ^ flip).to_ne_bytes()
                });
            }
            Depth::F32 => {
                let inverted = flip != 0;
                self.floats(row, sample, place, target, inverted);
            }
        }
    }

    /// The bits of a delivered sample that are turned: all of them where it is inverted, the highest where it has a sign.
    fn flip(&self, place: usize) -> u32 {
        let Meaning::Colours {
            inverted,
            signed_lab,
        } = self.meaning
        else {
            return 0;
        };
        let is_colour = place < self.samples.model.channels();
        match self.samples.depth {
            _ if inverted && is_colour => u32::MAX,
            Depth::U8 if signed_lab && matches!(place, 1 | 2) => 0x80,
            Depth::U16 if signed_lab && matches!(place, 1 | 2) => 0x8000,
            _ => 0,
        }
    }

    /// Whole numbers, brought to the range of the depth.
    fn whole<const D: usize>(
        &self,
        row: &[u8],
        sample: usize,
        place: usize,
        target: &mut [u8],
        deliver: impl Fn(u32) -> [u8; D],
    ) {
        let order = self.order;
        // A Lab sample with a sign is told from one without by its own rule.
        let keeps_sign = matches!(
            self.meaning,
            Meaning::Colours {
                signed_lab: true,
                ..
            }
        );
        match self.number {
            Number::Unsigned(8) => {
                self.spread(row, sample, place, target, |[byte]: [u8; 1]| {
                    deliver(u32::from(byte))
                });
            }
            Number::Signed(8) => {
                self.spread(row, sample, place, target, |byte: [u8; 1]| {
                    let value = i8::from_ne_bytes(byte);
                    deliver(if keeps_sign {
                        u32::from(byte[0])
                    } else {
                        value.max(0) as u32
                    })
                });
            }
            Number::Unsigned(16) => self.spread(row, sample, place, target, |bytes| {
                deliver(u32::from(order.u16(bytes)))
            }),
            Number::Signed(16) => self.spread(row, sample, place, target, |bytes| {
                let value = order.u16(bytes);
                deliver(if keeps_sign {
                    u32::from(value)
                } else {
                    value.cast_signed().max(0) as u32
                })
            }),
            Number::Unsigned(32) => self.spread(row, sample, place, target, |bytes| {
                deliver(order.u32(bytes) >> 16)
            }),
            Number::Signed(_) => self.spread(row, sample, place, target, |bytes| {
                let value = order.u32(bytes).cast_signed();
                deliver(if keeps_sign {
                    value.cast_unsigned() >> 16
                } else {
                    value.max(0) as u32 >> 15
                })
            }),
            Number::Unsigned(bits) => {
                let most = (1_u64 << bits) - 1;
                let full = if bits <= 8 { 255 } else { 65_535 };
                let scale = |value: u32| ((u64::from(value) * full + most / 2) / most) as u32;
                self.each(place, target, |index| {
                    deliver(scale(bits_at(row, index * self.per_pixel + sample, bits)))
                });
            }
            Number::Float(_) => {}
        }
    }

    fn floats(&self, row: &[u8], sample: usize, place: usize, target: &mut [u8], inverted: bool) {
        let order = self.order;
        let deliver = |value: f32| if inverted { 1.0 - value } else { value }.to_ne_bytes();
        match self.number.bits() {
            16 => self.spread(row, sample, place, target, |bytes| {
                deliver(half(order.u16(bytes)))
            }),
            32 => self.spread(row, sample, place, target, |bytes| {
                deliver(f32::from_bits(order.u32(bytes)))
            }),
            _ => self.spread(row, sample, place, target, |bytes| {
                deliver(f64::from_bits(order.u64(bytes)) as f32)
            }),
        }
    }

    /// Delivers samples of whole bytes.
    fn spread<const S: usize, const D: usize>(
        &self,
        row: &[u8],
        sample: usize,
        place: usize,
        target: &mut [u8],
        deliver: impl Fn([u8; S]) -> [u8; D],
    ) {
        let values = row.as_chunks::<S>().0;
        let values = values.iter().skip(sample).step_by(self.per_pixel);
        let targets = target.as_chunks_mut::<D>().0.iter_mut().skip(place);
        for (target, value) in targets.step_by(self.samples.per_pixel()).zip(values) {
            *target = deliver(*value);
        }
    }

    /// Delivers one sample for each pixel.
    fn each<const D: usize>(
        &self,
        place: usize,
        target: &mut [u8],
        deliver: impl Fn(usize) -> [u8; D],
    ) {
        let targets = target.as_chunks_mut::<D>().0.iter_mut().skip(place);
        for (index, target) in targets.step_by(self.samples.per_pixel()).enumerate() {
            *target = deliver(index);
        }
    }

    /// Replaces places in a palette by their colours, and brings the alpha to their depth.
    fn look_up(&self, colours: &[[u16; 3]], row: &[u8], plane: Option<usize>, target: &mut [u8]) {
        let bits = self.number.bits();
        let order = self.order;
        let value = |index: usize, sample: usize| {
            let at = index * self.per_pixel + sample;
            if bits == 16 {
                u32::from(order.u16([row[2 * at], row[2 * at + 1]]))
            } else {
                bits_at(row, at, bits)
            }
        };
        let most = (1_u32 << bits) - 1;
        let pixels = target.chunks_exact_mut(self.samples.pixel_bytes());
        for (index, pixel) in pixels.enumerate() {
            let mut put = |place: usize, value: u16| match self.samples.depth {
                Depth::U8 => pixel[place] = (value >> 8) as u8,
                Depth::U16 | Depth::F32 => {
                    pixel[2 * place..][..2].copy_from_slice(&value.to_ne_bytes());
                }
            };
            for (place, sample) in self.picked.iter().copied().enumerate() {
                let sample = match plane {
                    None => sample,
                    Some(wanted) if wanted == place => 0,
                    Some(_) => continue,
                };
                let value = value(index, sample);
                if place == 0 {
                    for (place, colour) in colours[value as usize].into_iter().enumerate() {
                        put(place, colour);
                    }
                } else {
                    put(3, (u64::from(value) * 65_535 / u64::from(most)) as u16);
                }
            }
        }
    }
}

/// The sample at a place, of up to 16 bits that follow each other without gaps, the highest bit first.
fn bits_at(row: &[u8], index: usize, bits: u8) -> u32 {
    let bits = usize::from(bits);
    let start = index * bits;
    let byte = |at: usize| u32::from(row.get(at).copied().unwrap_or(0));
    let at = start / 8;
    let held = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    let after = 24 - start % 8 - bits;
    (held >> after) & ((1 << bits) - 1)
}

/// A float of 16 bits. [IEEE 754, binary16]
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023);
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_any_number_of_bits_are_found() {
        let row = [0b1010_1100, 0b0101_0011, 0b1111_0000];
        assert_eq!(bits_at(&row, 0, 1), 1);
        assert_eq!(bits_at(&row, 3, 2), 0);
        assert_eq!(bits_at(&row, 1, 12), 0b0011_1111_0000);
        assert_eq!(bits_at(&row, 1, 16), 0b1111_0000 << 8);
        assert_eq!(bits_at(&row, 1, 10), 0b01_0011_1111);
    }

    #[test]
    fn short_floats_are_what_they_mean() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7C00, f32::INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), value_bits(value), "{bits:x}");
        }
        fn value_bits(value: f32) -> u32 {
            value.to_bits()
        }
        assert!(half(0x7E00).is_nan());
    }
}
