//! HEIC sources: whole.

use dlcs_core::derivative::ProcessError;
use heic_decoder::HeifError;
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::cicp;
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, METADATA_CAP, Profile, Samples, Source, SourceLimits,
    damaged, unsupported,
};

/// The largest file: it is held whole.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bytes = whole(file)?;
    let info = heic_decoder::probe(&bytes).map_err(fault)?;
    let side = |side: usize| side as u64;
    limits.check(side(info.coded_width), side(info.coded_height))?;
    limits.check(side(info.width), side(info.height))?;
    let (Ok(width), Ok(height)) = (u32::try_from(info.width), u32::try_from(info.height)) else {
        return Err(damaged(SourceFormat::Heic, "it has an impossible size"));
    };
    let metadata = heic_decoder::read_metadata(&bytes).map_err(fault)?;
    let profile = match (metadata.icc_profile, metadata.color_info) {
        (Some(icc), _) if icc.len() <= METADATA_CAP as usize => Profile::Icc(icc),
        (_, Some(info)) => cicp::profile(info.color_primaries, info.transfer_characteristics),
        _ => Profile::Untagged,
    };
    let has_alpha = info.alpha_bit_depth.is_some();
    let samples = Samples {
        model: ColourModel::Rgb,
        depth: if info.bit_depth_luma > 8 {
            Depth::U16
        } else {
            Depth::U8
        },
        alpha: if has_alpha {
            Alpha::Straight
        } else {
            Alpha::None
        },
    };
    let pixels = side(info.coded_width) * side(info.coded_height);
    let header = Header {
        width,
        height,
        samples,
        nature: super::Nature::Shaded,
        profile,
        // The decoder has turned it.
        orientation: Orientation::NoTransforms,
        // The file; up to four samples of four bytes, of the tiles and of what they make; the result twice.
        held_bytes: file.length() + pixels * (2 * 16 + 2 * samples.pixel_bytes() as u64),
    };
    drop(bytes);
    let file = file.clone();
    Ok(Source::new(SourceFormat::Heic, header.clone(), move || {
        let data = decode(&whole(&file)?, samples)?;
        if data.len() != header.row_bytes() * height as usize {
            return Err(damaged(
                SourceFormat::Heic,
                "its headers contradict each other",
            ));
        }
        Ok(Box::new(Frame::new(data)))
    }))
}

fn whole(file: &SpooledFile) -> Result<Vec<u8>, ProcessError> {
    if file.length() > MAX_BYTES {
        return Err(unsupported(
            SourceFormat::Heic,
            format!("it has more than {} MiB", MAX_BYTES >> 20),
        ));
    }
    Ok(file.read(0, file.length() as usize)?.into())
}

fn decode(bytes: &[u8], samples: Samples) -> Result<Vec<u8>, ProcessError> {
    let image = heic_decoder::decode(bytes).map_err(fault)?;
    if image
        .alpha
        .as_ref()
        .is_some_and(|alpha| alpha.premultiplied)
    {
        return Err(unsupported(
            SourceFormat::Heic,
            "its colours are multiplied with its opacity",
        ));
    }
    let of_16 = |data: Vec<u16>| data.into_iter().flat_map(u16::to_ne_bytes).collect();
    Ok(match (samples.depth, samples.alpha) {
        (Depth::U8, Alpha::None) => image.to_rgb8().map_err(fault)?.data,
        (Depth::U8, _) => image.to_rgba8().map_err(fault)?.data,
        (_, Alpha::None) => of_16(image.to_rgb16().map_err(fault)?.data),
        (..) => of_16(image.to_rgba16().map_err(fault)?.data),
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn fault(error: HeifError) -> ProcessError {
    let reason = error.to_string();
    match error {
        HeifError::Unsupported(_) | HeifError::LimitExceeded(_) => {
            unsupported(SourceFormat::Heic, reason)
        }
        _ => damaged(SourceFormat::Heic, reason),
    }
}
