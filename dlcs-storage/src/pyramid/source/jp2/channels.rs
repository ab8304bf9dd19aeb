//! From the components of a codestream to the samples of a row.

use super::super::{Alpha, ColourModel, Depth, Profile, Samples};
use super::boxes::{Boxes, Colours, Mapping, Role, Table};
use super::codestream::Component;

/// How colours become those of a model that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Conversion {
    None,
    /// Luma and two differences, to red, green, blue.
    Sycc,
    /// The same, to cyan, magenta, yellow; the black as it is.
    Ycck,
    /// Of each channel: what nothing stands for, and what the whole range stands for.
    Lab([(f32, f32); 3]),
}

/// One channel: where it comes from, and its largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Channel {
    mapping: Mapping,
    most: f32,
}

/// What the channels of an image are.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    channels: Vec<Channel>,
    table: Option<Table>,
    conversion: Conversion,
    pub(super) samples: Samples,
    pub(super) profile: Profile,
}

impl Channels {
    /// Works out what the components mean; otherwise says why that is not known.
    pub(super) fn new(boxes: &Boxes, components: &[Component]) -> Result<Self, String> {
        let all = all(boxes, components)?;
        let role = |index: usize| {
            boxes
                .roles
                .iter()
                .find(|(channel, _)| *channel == index)
                .map(|(_, role)| *role)
        };
        let mut colours: Vec<(u16, Channel)> = Vec::new();
        let mut opacity = None;
        for (index, channel) in all.iter().enumerate() {
            match role(index) {
                Some(Role::Opacity) if opacity.is_none() => {
                    opacity = Some((Alpha::Straight, *channel));
                }
                Some(Role::PremultipliedOpacity) if opacity.is_none() => {
                    opacity = Some((Alpha::Premultiplied, *channel));
                }
                Some(Role::Colour(number)) if number > 0 => colours.push((number, *channel)),
                Some(Role::Opacity | Role::PremultipliedOpacity | Role::Other) => {}
                Some(Role::Colour(_)) | None => colours.push((index as u16 + 1, *channel)),
            }
        }
        colours.sort_by_key(|(number, _)| *number);
        let mut colours: Vec<Channel> = colours.into_iter().map(|(_, channel)| channel).collect();
        let (model, conversion, profile) = meaning(boxes, &colours)?;
        let wanted = model.channels();
        if colours.len() < wanted {
            return Err("it has fewer channels than its colours need".to_owned());
        }
        // One more than the colours without a word of what it is: opacity, as other programs have it.
        if opacity.is_none() && colours.len() == wanted + 1 {
            opacity = Some((Alpha::Straight, colours[wanted]));
        }
        colours.truncate(wanted);
        let alpha = opacity.map_or(Alpha::None, |(alpha, _)| alpha);
        colours.extend(opacity.map(|(_, channel)| channel));
        let depth = if model == ColourModel::Lab {
            Depth::F32
        } else if colours.iter().all(|channel| channel.most <= 255.0) {
            Depth::U8
        } else {
            Depth::U16
        };
        Ok(Self {
            channels: colours,
            table: boxes.table.clone(),
            conversion,
            samples: Samples {
                model,
                depth,
                alpha,
            },
            profile,
        })
    }

    /// The decoder has already made red, green and blue of luma and differences.
    pub(super) const fn are_converted(&mut self) {
        self.conversion = Conversion::None;
    }

    /// Writes the pixels of a row, of which each component has one sample.
    pub(super) fn write(&self, components: &[&[f32]], row: &mut [u8]) {
        let mut values = [0.0_f32; 5];
        let count = self.channels.len();
        let bytes = self.samples.pixel_bytes();
        for (x, pixel) in row.chunks_exact_mut(bytes).enumerate() {
            for (value, channel) in values.iter_mut().zip(&self.channels) {
                let stored = components[channel.mapping.component][x];
                *value = match (channel.mapping.column, &self.table) {
                    (Some(column), Some(table)) => looked_up(table, stored, column),
                    _ => stored,
                } / channel.most;
            }
            self.convert(&mut values);
            match self.samples.depth {
                Depth::U8 => {
                    for (target, value) in pixel.iter_mut().zip(values) {
                        *target = (value * 255.0 + 0.5) as u8;
                    }
                }
                Depth::U16 => {
                    for (target, value) in pixel.as_chunks_mut::<2>().0.iter_mut().zip(values) {
                        *target = ((value * 65_535.0 + 0.5) as u16).to_ne_bytes();
                    }
                }
                Depth::F32 => {
                    for (target, value) in pixel.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                        *target = value.to_ne_bytes();
                    }
                }
            }
            debug_assert!(count <= values.len());
        }
    }

    fn convert(&self, values: &mut [f32; 5]) {
        match self.conversion {
            Conversion::None => {}
            Conversion::Sycc | Conversion::Ycck => {
                // The middle of the range, which is not quite a half.
                let middle = |most: f32| ((most + 1.0) / 2.0) / most;
                let luma = values[0];
                let blue = values[1] - middle(self.channels[1].most);
                let red = values[2] - middle(self.channels[2].most);
                let rgb = [
                    red.mul_add(1.402, luma),
                    blue.mul_add(-0.344_136, red.mul_add(-0.714_136, luma)),
                    blue.mul_add(1.772, luma),
                ];
                for (value, colour) in values.iter_mut().zip(rgb) {
                    let colour = colour.clamp(0.0, 1.0);
                    *value = if self.conversion == Conversion::Ycck {
                        1.0 - colour
                    } else {
                        colour
                    };
                }
            }
            Conversion::Lab(ranges) => {
                for (value, (least, range)) in values.iter_mut().zip(ranges) {
                    *value = value.mul_add(range, least);
                }
            }
        }
    }
}

/// Every channel, before anything is known of what it is.
fn all(boxes: &Boxes, components: &[Component]) -> Result<Vec<Channel>, String> {
    let most = |depth: u8| f32::from(((1_u32 << depth) - 1) as u16);
    let Some(table) = &boxes.table else {
        let direct = components
            .iter()
            .enumerate()
            .map(|(component, info)| Channel {
                mapping: Mapping {
                    component,
                    column: None,
                },
                most: most(info.depth),
            });
        return Ok(direct.collect());
    };
    boxes
        .mappings
        .iter()
        .map(|mapping| {
            let depth = match mapping.column {
                Some(column) => table.depths.get(column).copied(),
                None => components.get(mapping.component).map(|info| info.depth),
            };
            let exists = mapping.component < components.len();
            let depth = depth
                .filter(|_| exists)
                .ok_or("its palette names what is not there")?;
            Ok(Channel {
                mapping: *mapping,
                most: most(depth),
            })
        })
        .collect()
}

/// The colour model, what leads to it, and the profile.
fn meaning(
    boxes: &Boxes,
    colours: &[Channel],
) -> Result<(ColourModel, Conversion, Profile), String> {
    let plain = |model| (model, Conversion::None, Profile::Untagged);
    // What so many channels are where nothing else is said.
    let usual = || {
        plain(if colours.len() < 3 {
            ColourModel::Grey
        } else {
            ColourModel::Rgb
        })
    };
    Ok(match &boxes.colours {
        Colours::Unknown => usual(),
        Colours::Enumerated(0 | 15 | 17) => plain(ColourModel::Grey),
        // Some programs name a colour space of three channels for an image of one.
        Colours::Enumerated(16 | 18) if colours.len() < 3 => plain(ColourModel::Grey),
        Colours::Enumerated(16) => plain(ColourModel::Rgb),
        Colours::Enumerated(18) => (ColourModel::Rgb, Conversion::Sycc, Profile::Untagged),
        Colours::Enumerated(12) => plain(ColourModel::Cmyk),
        Colours::Enumerated(13) => (ColourModel::Cmyk, Conversion::Ycck, Profile::Untagged),
        Colours::Enumerated(21) => {
            let profile = moxcms::ColorProfile::new_pro_photo_rgb()
                .encode()
                .map_or(Profile::Untagged, Profile::Icc);
            (ColourModel::Rgb, Conversion::None, profile)
        }
        Colours::Enumerated(number) => {
            return Err(format!("its colour space has the number {number}"));
        }
        Colours::Lab(numbers) => {
            if colours.len() < 3 {
                return Err("it has fewer channels than its colours need".to_owned());
            }
            (
                ColourModel::Lab,
                Conversion::Lab(lab_ranges(numbers, colours)),
                Profile::Untagged,
            )
        }
        Colours::Icc(profile) => {
            let model = match profile.get(16..20) {
                Some(b"GRAY") => ColourModel::Grey,
                Some(b"RGB ") => ColourModel::Rgb,
                Some(b"CMYK") => ColourModel::Cmyk,
                _ => return Ok(usual()),
            };
            if colours.len() < model.channels() {
                return Ok(usual());
            }
            (model, Conversion::None, Profile::Icc(profile.clone()))
        }
    })
}

/// Of `L*`, `a*` and `b*`: the least value, and the range above it.
fn lab_ranges(numbers: &[u32], colours: &[Channel]) -> [(f32, f32); 3] {
    let mut ranges = [(0.0, 0.0); 3];
    for (index, range) in ranges.iter_mut().enumerate() {
        let most = colours[index].most;
        let whole = most + 1.0;
        let (usual_range, usual_offset) = match index {
            0 => (100.0, 0.0),
            1 => (170.0, whole / 2.0),
            _ => (200.0, whole / 4.0 + whole / 8.0),
        };
        let number = |place: usize, usual: f32| numbers.get(place).map_or(usual, |n| *n as f32);
        let span = number(2 * index, usual_range);
        let offset = number(2 * index + 1, usual_offset);
        *range = (-span * offset / most, span);
    }
    ranges
}

/// A value of the table; numbers that lossy coding has moved out of it are brought back.
fn looked_up(table: &Table, stored: f32, column: usize) -> f32 {
    let columns = table.depths.len();
    let last = table.values.len() / columns - 1;
    let row = ((stored + 0.5) as usize).min(last);
    table.values[row * columns + column] as f32
}
