//! The boxes of an AVIF: which items its image is made of, and what they are.

use std::collections::HashMap;
use std::ops::Range;

use super::super::super::spool::SpooledFile;
use super::fields::Fields;

const CUT: &str = "it ends early";

/// The most bytes of all that is said of the items.
const META_CAP: u64 = 16 << 20;

/// The most items that are looked at.
const MAX_ITEMS: usize = 4096;

/// What is said of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Property {
    /// Columns and rows.
    Size(u32, u32),
    Icc(Vec<u8>),
    /// Primaries, transfer, matrix, and whether the whole range is used.
    Nclx(u16, u16, u16, bool),
    /// What an image that belongs to another one means.
    Auxiliary(Vec<u8>),
    /// Quarter turns, against the clock.
    Turn(u8),
    /// Upside down (0) or left to right (1).
    Mirror(u8),
    /// Bits of a sample.
    Depth(u8),
    /// Something that can be left out.
    Other,
    /// Something that must not be left out.
    Unknown([u8; 4]),
}

/// Where data is: in the file, or among the boxes.
#[derive(Debug, Clone)]
enum Place {
    File(Range<u64>),
    Inside(Range<u64>),
}

/// A piece of an image.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    pub(super) properties: Vec<Property>,
    places: Vec<Place>,
}

/// Every item, and how they belong together.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    items: HashMap<u32, Item>,
    pub(super) primary: u32,
    /// Kind, from, to.
    references: Vec<([u8; 4], u32, Vec<u32>)>,
    /// Data that lies among the boxes.
    inside: Vec<u8>,
}

impl Items {
    /// Walks over the outermost boxes, each of which has to be whole, and reads the one about the items.
    pub(super) fn read(file: &SpooledFile) -> Result<Self, &'static str> {
        let (mut place, mut items) = (0, None);
        while place < file.length() {
            let head = file.read_up_to(place, 16).map_err(|_| CUT)?;
            let mut fields = Fields::new(&head);
            let (length, kind) = (u64::from(fields.u32()?), fields.kind()?);
            let (length, header) = match length {
                0 => (file.length() - place, 8),
                1 => (fields.u64()?, 16),
                length => (length, 8),
            };
            let end = place.checked_add(length).ok_or(CUT)?;
            if length < header {
                return Err("it has a box without a length");
            }
            if end > file.length() {
                return Err(CUT);
            }
            if &kind == b"meta" && items.is_none() {
                if length > META_CAP {
                    return Err("what it says of its items is too long");
                }
                let data = file
                    .read(place + header, (length - header) as usize)
                    .map_err(|_| CUT)?;
                items = Some(Self::parse(&data)?);
            }
            place = end;
        }
        items.ok_or("it has no items")
    }

    fn parse(meta: &[u8]) -> Result<Self, &'static str> {
        let mut items = Self::default();
        let mut properties = Vec::new();
        let mut associations = Vec::new();
        let mut fields = Fields::new(meta);
        fields.u32()?;
        for_each_box(fields.rest(), |kind, mut fields| {
            match &kind {
                b"pitm" => items.primary = fields.number_by_version()?,
                b"iinf" => items.kinds(fields)?,
                b"iloc" => items.locations(fields)?,
                b"iref" => items.reference(fields)?,
                b"idat" => items.inside = fields.rest().to_vec(),
                b"iprp" => {
                    for_each_box(fields.rest(), |kind, mut fields| {
                        match &kind {
                            b"ipco" => for_each_box(fields.rest(), |kind, fields| {
                                properties.push(property(kind, fields)?);
                                Ok(())
                            })?,
                            b"ipma" => associate(&mut fields, &mut associations)?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        for (id, index, is_essential) in associations {
            let property = match properties.get(index) {
                Some(Property::Unknown(_)) if !is_essential => continue,
                Some(property) => property.clone(),
                None => return Err("an item names what is not there"),
            };
            if let Some(item) = items.items.get_mut(&id) {
                item.properties.push(property);
            }
        }
        Ok(items)
    }

    fn kinds(&mut self, mut fields: Fields<'_>) -> Result<(), &'static str> {
        let version = fields.version()?;
        if version == 0 {
            fields.u16()?;
        } else {
            fields.u32()?;
        }
        for_each_box(fields.rest(), |kind, mut fields| {
            if &kind != b"infe" {
                return Ok(());
            }
            let version = fields.version()?;
            let id = match version {
                2 => u32::from(fields.u16()?),
                3 => fields.u32()?,
                _ => return Ok(()),
            };
            fields.u16()?;
            self.item(id)?.kind = fields.kind()?;
            Ok(())
        })
    }

    fn item(&mut self, id: u32) -> Result<&mut Item, &'static str> {
        if self.items.len() >= MAX_ITEMS && !self.items.contains_key(&id) {
            return Err("it has too many items");
        }
        Ok(self.items.entry(id).or_default())
    }

    fn locations(&mut self, mut fields: Fields<'_>) -> Result<(), &'static str> {
        let version = fields.version()?;
        let (sizes, more) = (fields.u8()?, fields.u8()?);
        let (offset_size, length_size) = (sizes >> 4, sizes & 15);
        let (base_size, index_size) = (more >> 4, if version > 0 { more & 15 } else { 0 });
        let count = if version < 2 {
            u32::from(fields.u16()?)
        } else {
            fields.u32()?
        };
        for _ in 0..count {
            let id = if version < 2 {
                u32::from(fields.u16()?)
            } else {
                fields.u32()?
            };
            let method = if version > 0 { fields.u16()? & 15 } else { 0 };
            fields.u16()?;
            let base = fields.sized(base_size)?;
            let extents = fields.u16()?;
            let mut places = Vec::new();
            for _ in 0..extents {
                fields.sized(index_size)?;
                let start = base.checked_add(fields.sized(offset_size)?).ok_or(CUT)?;
                let length = fields.sized(length_size)?;
                let range = start..start.checked_add(length).ok_or(CUT)?;
                places.push(match method {
                    0 => Place::File(range),
                    1 => Place::Inside(range),
                    _ => return Err("its data is where it is not looked for"),
                });
            }
            self.item(id)?.places = places;
        }
        Ok(())
    }

    fn reference(&mut self, mut fields: Fields<'_>) -> Result<(), &'static str> {
        let version = fields.version()?;
        let id = |fields: &mut Fields<'_>| -> Result<u32, &'static str> {
            if version == 0 {
                fields.u16().map(u32::from)
            } else {
                fields.u32()
            }
        };
        for_each_box(fields.rest(), |kind, mut fields| {
            let from = id(&mut fields)?;
            let count = fields.u16()?;
            let to = (0..count)
                .map(|_| id(&mut fields))
                .collect::<Result<_, _>>()?;
            self.references.push((kind, from, to));
            Ok(())
        })
    }

    /// An item by its number.
    pub(super) fn get(&self, id: u32) -> Result<&Item, &'static str> {
        self.items.get(&id).ok_or("an item is missing")
    }

    /// What an item is made of, in order.
    pub(super) fn parts_of(&self, id: u32) -> &[u32] {
        self.references
            .iter()
            .find(|(kind, from, _)| kind == b"dimg" && *from == id)
            .map_or(&[], |(_, _, to)| to)
    }

    /// The item with the opacity of another one, and whether colours are multiplied with it.
    pub(super) fn opacity_of(&self, id: u32) -> Option<(u32, bool)> {
        const MEANINGS: [&[u8]; 2] = [
            b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
            b"urn:mpeg:hevc:2015:auxid:1",
        ];
        let opacity = self.references.iter().find_map(|(kind, from, to)| {
            let belongs = kind == b"auxl" && to.contains(&id);
            let means_opacity = |property: &Property| match property {
                Property::Auxiliary(meaning) => MEANINGS.contains(&&meaning[..]),
                _ => false,
            };
            let item = self.items.get(from)?;
            (belongs && item.properties.iter().any(means_opacity)).then_some(*from)
        })?;
        let is_multiplied = self
            .references
            .iter()
            .any(|(kind, from, to)| kind == b"prem" && *from == id && to.contains(&opacity));
        Some((opacity, is_multiplied))
    }

    /// How long the data of an item is.
    pub(super) fn length_of(&self, id: u32) -> u64 {
        let places = self.items.get(&id).map_or(&[][..], |item| &item.places);
        let lengths = places.iter().map(|place| match place {
            Place::File(range) | Place::Inside(range) => range.end - range.start,
        });
        lengths.fold(0, u64::saturating_add)
    }

    /// The data of an item.
    pub(super) fn data(&self, file: &SpooledFile, id: u32) -> Result<Vec<u8>, &'static str> {
        if self.length_of(id) > file.length() {
            return Err(CUT);
        }
        let mut data = Vec::new();
        for place in &self.get(id)?.places {
            match place {
                Place::File(range) if range.end > file.length() => return Err(CUT),
                Place::File(range) => {
                    let length = (range.end - range.start) as usize;
                    data.extend_from_slice(&file.read(range.start, length).map_err(|_| CUT)?);
                }
                Place::Inside(range) => {
                    let range = range.start as usize..range.end as usize;
                    data.extend_from_slice(self.inside.get(range).ok_or(CUT)?);
                }
            }
        }
        Ok(data)
    }
}

fn for_each_box(
    mut data: &[u8],
    mut call: impl FnMut([u8; 4], Fields<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    while !data.is_empty() {
        let mut fields = Fields::new(data);
        let (length, kind) = (fields.u32()? as usize, fields.kind()?);
        let length = if length == 0 { data.len() } else { length };
        let content = data
            .get(8..length)
            .ok_or("a box is longer than what it is in")?;
        call(kind, Fields::new(content))?;
        data = &data[length..];
    }
    Ok(())
}

fn property(kind: [u8; 4], mut fields: Fields<'_>) -> Result<Property, &'static str> {
    Ok(match &kind {
        b"ispe" => {
            fields.u32()?;
            Property::Size(fields.u32()?, fields.u32()?)
        }
        b"colr" => match &fields.kind()? {
            b"nclx" => Property::Nclx(
                fields.u16()?,
                fields.u16()?,
                fields.u16()?,
                fields.u8()? & 0x80 != 0,
            ),
            b"prof" | b"rICC" => Property::Icc(fields.rest().to_vec()),
            _ => Property::Other,
        },
        b"auxC" => {
            fields.u32()?;
            let meaning = fields.rest().split(|byte| *byte == 0).next();
            Property::Auxiliary(meaning.unwrap_or_default().to_vec())
        }
        b"irot" => Property::Turn(fields.u8()? & 3),
        b"imir" => Property::Mirror(fields.u8()? & 1),
        b"av1C" => {
            let bits = fields.u32()? >> 8 & 0x60;
            Property::Depth(match bits {
                0x60 => 12,
                0x40 => 10,
                _ => 8,
            })
        }
        b"pixi" | b"pasp" | b"clli" | b"mdcv" | b"a1lx" => Property::Other,
        _ => Property::Unknown(kind),
    })
}

/// Number of the item, number of the property, and whether it must not be left out.
fn associate(
    fields: &mut Fields<'_>,
    associations: &mut Vec<(u32, usize, bool)>,
) -> Result<(), &'static str> {
    let (version, flags) = fields.version_and_flags()?;
    let count = fields.u32()?;
    for _ in 0..count {
        let id = if version == 0 {
            u32::from(fields.u16()?)
        } else {
            fields.u32()?
        };
        for _ in 0..fields.u8()? {
            let (index, is_essential) = if flags & 1 == 1 {
                let number = fields.u16()?;
                (usize::from(number & 0x7FFF), number & 0x8000 != 0)
            } else {
                let number = fields.u8()?;
                (usize::from(number & 0x7F), number & 0x80 != 0)
            };
            if let Some(index) = index.checked_sub(1) {
                associations.push((id, index, is_essential));
            }
        }
        if associations.len() > MAX_ITEMS * 64 {
            return Err("it has too many items");
        }
    }
    Ok(())
}
