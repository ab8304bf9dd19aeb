//! From the codes of one item to its planes.

use re_rav1d::dav1d::pixel::YUVRange;
use re_rav1d::dav1d::{Decoder, Error, PixelLayout, PlanarImageComponent, Settings};

use super::colours::{Matrix, Picture, Plane};

/// Decodes an item of a known size; `nclx` says more of its colours than its codes.
pub(super) fn decode(
    data: Vec<u8>,
    (width, height): (u32, u32),
    nclx: Option<(u16, bool)>,
) -> Result<Picture, String> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // The least that the decoder takes for a limit is 1.
    settings.set_frame_size_limit(width.saturating_mul(height).max(1));
    let mut decoder = Decoder::with_settings(&settings).map_err(|error| error.to_string())?;
    match decoder.send_data(data, None, None, None) {
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(error.to_string()),
    }
    let decoded = loop {
        match decoder.get_picture() {
            Ok(picture) => break picture,
            Err(Error::Again) => match decoder.send_pending_data() {
                Ok(()) => match decoder.get_picture() {
                    Ok(picture) => break picture,
                    Err(_) => return Err("it ends early".to_owned()),
                },
                Err(Error::Again) => {}
                Err(error) => return Err(error.to_string()),
            },
            Err(error) => return Err(error.to_string()),
        }
    };
    if (decoded.width(), decoded.height()) != (width, height) {
        return Err("its headers contradict each other".to_owned());
    }
    let bits = decoded.bits_per_component().map_or(8, |bits| bits.0 as u8);
    let half = match decoded.pixel_layout() {
        PixelLayout::I400 | PixelLayout::I444 => (false, false),
        PixelLayout::I422 => (true, false),
        PixelLayout::I420 => (true, true),
    };
    let plane = |component: PlanarImageComponent, half: (bool, bool)| {
        let side = |side: u32, half: bool| if half { side.div_ceil(2) } else { side } as usize;
        let (width, height) = (side(width, half.0), side(height, half.1));
        let stride = decoded.stride(component) as usize;
        let stored = decoded.plane(component);
        let mut samples = Vec::with_capacity(width * height);
        for row in stored.chunks(stride).take(height) {
            if bits == 8 {
                samples.extend(row.iter().take(width).map(|sample| u16::from(*sample)));
            } else {
                let row = row.as_chunks::<2>().0.iter().take(width);
                samples.extend(row.map(|sample| u16::from_ne_bytes(*sample)));
            }
        }
        if samples.len() == width * height {
            Ok(Plane {
                samples,
                width,
                height,
            })
        } else {
            Err("it ends early".to_owned())
        }
    };
    let chroma = if decoded.pixel_layout() == PixelLayout::I400 {
        None
    } else {
        Some([
            plane(PlanarImageComponent::U, half)?,
            plane(PlanarImageComponent::V, half)?,
        ])
    };
    let (matrix, is_full_range) = nclx.unwrap_or_else(|| {
        let is_full = decoded.color_range() == YUVRange::Full;
        (decoded.matrix_coefficients() as u16, is_full)
    });
    Ok(Picture {
        luma: plane(PlanarImageComponent::Y, (false, false))?,
        chroma,
        half,
        bits,
        matrix: Matrix::of(matrix)
            .ok_or_else(|| format!("its colours are coded by matrix {matrix}"))?,
        is_full_range,
    })
}
