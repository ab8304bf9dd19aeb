//! Which sources can be cut.

use std::io::Read;

use dlcs_core::derivative::ProcessError;
use dlcs_core::iiif::TileSize;
use image::metadata::Orientation;

use super::super::source::colour::Converter;
use super::super::source::jpeg::bits::Bits;
use super::super::source::jpeg::outline::{Component, Encoding, Outline};
use super::super::source::jpeg::{bad, fault, header, outline};
use super::super::spool::SpooledFile;
use super::block::{Channel, END_OF_BLOCK};
use super::header::{HeaderChannel, TileHeader};
use super::tables::{Table, Tables};
use super::{Cut, Cutter, Restarts};

const CONTRADICTION: &str = "its markers contradict each other";

/// Reads the headers of a source.
pub(super) fn open(file: &SpooledFile, tile: TileSize) -> Result<Cut, ProcessError> {
    let outline = outline(file)?;
    if let Some(reason) = outline.unread_kind().or_else(|| obstacle(&outline)) {
        return Ok(Cut::Impossible(reason));
    }
    let bits = Bits::new(file.reader());
    Ok(match cutter(bits, &outline, tile)? {
        Ok(cutter) => Cut::Cutter(Box::new(cutter)),
        Err(reason) => Cut::Impossible(reason),
    })
}

/// Reads on to the first code; says why not where the tiles of what is there cannot be cut.
pub(super) fn cutter<R: Read>(
    mut bits: Bits<R>,
    outline: &Outline,
    tile: TileSize,
) -> Result<Result<Cutter<R>, &'static str>, ProcessError> {
    let Scan {
        mut tables,
        restart,
        choices,
    } = scan(&mut bits, outline)?;
    let mut channels = Vec::new();
    let mut header = TileHeader {
        frame: outline.coding,
        channels: Vec::new(),
    };
    for (component, (dc, ac)) in outline.components.iter().zip(&choices) {
        let contradiction = || bad(CONTRADICTION);
        let source = tables.dc[*dc].as_ref().ok_or_else(contradiction)?;
        let details = tables.ac[*ac].as_ref().ok_or_else(contradiction)?;
        if !tables.has_quantisation(component.quantisation) {
            return Err(contradiction());
        }
        let Some(end) = details.code(END_OF_BLOCK) else {
            return Ok(Err("its blocks have no code for their end"));
        };
        let (h, v) = sampling(outline, component);
        channels.push(Channel {
            h,
            v,
            source_dc: source.codes.clone(),
            // Known when all channels are.
            dc: Default::default(),
            ac: details.codes.clone(),
            end,
        });
        header.channels.push(HeaderChannel {
            h,
            v,
            quantisation: component.quantisation,
            dc: *dc as u8,
            ac: *ac as u8,
        });
    }
    for (index, (channel, (dc, _))) in channels.iter_mut().zip(&choices).enumerate() {
        // A table that was made for the source may lack differences that only the tiles have.
        let own = tables.dc[*dc].as_ref().and_then(Table::differences);
        channel.dc = match own {
            Some(codes) => codes,
            None => {
                let standard = Table::of_differences(index == 0);
                let codes = standard.differences();
                tables.dc[*dc] = Some(standard);
                codes.expect("the tables of the standard have all differences")
            }
        };
    }
    tables.keep_only(&outline.components, &choices);
    Ok(Ok(Cutter {
        bits,
        width: outline.width,
        height: outline.height,
        tile: tile.get(),
        channels,
        tables: tables.stream(),
        header,
        restarts: Restarts::new(restart),
        averages: [0; 3],
        next_row: 0,
    }))
}

/// What of an image stands in the way of cutting it.
fn obstacle(outline: &Outline) -> Option<&'static str> {
    if outline.is_progressive() {
        return Some("it is progressive");
    }
    if outline.many_scans {
        return Some("its channels come one after the other");
    }
    if !matches!(outline.encoding(), Encoding::Grey | Encoding::YCbCr) {
        return Some("its colours are neither grey nor YCbCr");
    }
    if let [luma, chroma @ ..] = outline.components.as_slice()
        && !chroma.is_empty()
    {
        let factor = |factor: u8| matches!(factor, 1 | 2 | 4);
        let is_plain = factor(luma.h) && factor(luma.v) && luma.h * luma.v <= 8;
        if !is_plain || chroma.iter().any(|one| (one.h, one.v) != (1, 1)) {
            return Some("its channels are sampled in an unusual way");
        }
    }
    let header = header(outline);
    if header.orientation != Orientation::NoTransforms {
        return Some("it is not stored upright");
    }
    // The smaller levels are made of what the converter makes of the pixels: both must be of the same colours.
    (!Converter::new(&header).copies()).then_some("its colours are not those of sRGB")
}

/// The sampling that matters: one channel alone has none.
fn sampling(outline: &Outline, component: &Component) -> (u32, u32) {
    match outline.components.len() {
        1 => (1, 1),
        _ => (component.h.into(), component.v.into()),
    }
}

/// What holds where the codes begin.
struct Scan {
    tables: Tables,
    /// Units between restarts.
    restart: u32,
    /// Of each channel: the numbers of its tables.
    choices: Vec<(usize, usize)>,
}

/// Reads up to the first code.
fn scan(bits: &mut Bits<impl Read>, outline: &Outline) -> Result<Scan, ProcessError> {
    let (mut tables, mut restart) = (Tables::default(), 0);
    loop {
        let marker = bits.next_marker().map_err(fault)?;
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            continue;
        }
        let segment = bits.segment().map_err(fault)?;
        let is_sound = match marker {
            0xDB => tables.add_quantisation(&segment).is_some(),
            0xC4 => tables.add_huffman(&segment).is_some(),
            0xDD => segment
                .first_chunk()
                .map(|interval| restart = u32::from(u16::from_be_bytes(*interval)))
                .is_some(),
            0xDA => {
                let choices = choices(&segment, outline).ok_or_else(|| bad(CONTRADICTION))?;
                bits.begin();
                return Ok(Scan {
                    tables,
                    restart,
                    choices,
                });
            }
            _ => true,
        };
        if !is_sound {
            return Err(bad(CONTRADICTION));
        }
    }
}

/// The tables that a scan of all channels chooses, in their order.
fn choices(segment: &[u8], outline: &Outline) -> Option<Vec<(usize, usize)>> {
    let (count, rest) = segment.split_first()?;
    let channels = rest.get(..2 * usize::from(*count))?.as_chunks::<2>().0;
    let is_all = channels.len() == outline.components.len()
        && channels
            .iter()
            .zip(&outline.components)
            .all(|([id, _], component)| *id == component.id);
    let numbers = |tables: u8| (usize::from(tables >> 4), usize::from(tables & 15));
    let choices: Vec<_> = channels
        .iter()
        .map(|[_, tables]| numbers(*tables))
        .collect();
    let exist = choices.iter().all(|(dc, ac)| *dc < 4 && *ac < 4);
    (is_all && exist).then_some(choices)
}

impl Tables {
    /// Drops the tables that no channel uses.
    fn keep_only(&mut self, components: &[Component], choices: &[(usize, usize)]) {
        for number in 0..4 {
            if !components
                .iter()
                .any(|one| usize::from(one.quantisation) == number)
            {
                self.drop_quantisation(number);
            }
            if !choices.iter().any(|(dc, _)| *dc == number) {
                self.dc[number] = None;
            }
            if !choices.iter().any(|(_, ac)| *ac == number) {
                self.ac[number] = None;
            }
        }
    }
}
