//! Sources, a store in memory, and a derivative that is ready to be asked.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeKey, DerivativeStore, ImageProcessor, ImageRenderer, ProcessError, ProcessOptions,
    RenderError, Rendered,
};
use dlcs_core::iiif::{GrammarVersion, ImageRequest, Level, Limits};
use dlcs_core::image::ImageService;
use dlcs_core::memory::MemoryDerivatives;
use dlcs_core::origin::OriginResponse;
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::Timestamp;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};

/// Pixels of 8 bits a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: usize,
    pub(super) data: Vec<u8>,
}

impl Raster {
    /// Something like a photograph: slopes, waves, edges and a little noise, all of it from its place alone.
    pub(super) fn photograph(width: u32, height: u32, channels: usize) -> Self {
        let mut data = Vec::with_capacity(width as usize * height as usize * channels);
        for y in 0..height {
            for x in 0..width {
                let (fx, fy) = (f64::from(x), f64::from(y));
                let slope = 60.0 * (fx / f64::from(width) + fy / f64::from(height));
                let waves = 40.0 * (fx / 17.0).sin() * (fy / 23.0).cos();
                let edge = if (x / 90 + y / 70) % 2 == 0 {
                    25.0
                } else {
                    -15.0
                };
                let noise =
                    f64::from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 16 & 7);
                for channel in 0..channels {
                    if channel == 3 {
                        // Opacity: from one side to the other.
                        data.push((255 * x / width) as u8);
                        continue;
                    }
                    let tint = [0.0, 18.0, -22.0][channel] * (fy / 200.0).sin();
                    data.push((70.0 + slope + waves + edge + noise + tint).clamp(0.0, 255.0) as u8);
                }
            }
        }
        Self {
            width,
            height,
            channels,
            data,
        }
    }

    pub(super) fn pixel(&self, x: u32, y: u32) -> &[u8] {
        let start = (y as usize * self.width as usize + x as usize) * self.channels;
        &self.data[start..start + self.channels]
    }

    pub(super) fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Self {
        let data = (y..y + height)
            .flat_map(|y| (x..x + width).map(move |x| (x, y)))
            .flat_map(|(x, y)| self.pixel(x, y).to_vec())
            .collect();
        Self {
            width,
            height,
            channels: self.channels,
            data,
        }
    }

    /// Half of it, rounding up: the average of what exists of each square of four.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut data = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            for channel in 0..self.channels {
                let values: Vec<u32> = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .into_iter()
                    .map(|(dx, dy)| (2 * x + dx, 2 * y + dy))
                    .filter(|(x, y)| *x < self.width && *y < self.height)
                    .map(|(x, y)| u32::from(self.pixel(x, y)[channel]))
                    .collect();
                let count = values.len() as u32;
                data.push(((values.iter().sum::<u32>() + count / 2) / count) as u8);
            }
        }
        Self {
            width,
            height,
            channels: self.channels,
            data,
        }
    }

    pub(super) fn psnr(&self, other: &Self) -> f64 {
        assert_eq!(
            (self.width, self.height, self.channels),
            (other.width, other.height, other.channels)
        );
        let squares: f64 = self
            .differences(other)
            .map(|difference| f64::from(difference).powi(2))
            .sum();
        10.0 * (255.0_f64.powi(2) / (squares / self.data.len() as f64).max(1e-9)).log10()
    }

    /// The structural similarity of the luma, averaged over squares of eight pixels (Wang et al. 2004, without their Gaussian window).
    pub(super) fn ssim(&self, other: &Self) -> f64 {
        let luma = |raster: &Self, x: u32, y: u32| {
            let pixel = raster.pixel(x, y);
            match raster.channels {
                3 => {
                    0.299 * f64::from(pixel[0])
                        + 0.587 * f64::from(pixel[1])
                        + 0.114 * f64::from(pixel[2])
                }
                _ => f64::from(pixel[0]),
            }
        };
        let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
        let mut all = Vec::new();
        for (top, left) in
            (0..self.height / 8).flat_map(|y| (0..self.width / 8).map(move |x| (y, x)))
        {
            let places = || (0..64).map(|place| (8 * left + place % 8, 8 * top + place / 8));
            let a: Vec<f64> = places().map(|(x, y)| luma(self, x, y)).collect();
            let b: Vec<f64> = places().map(|(x, y)| luma(other, x, y)).collect();
            let mean = |values: &[f64]| values.iter().sum::<f64>() / 64.0;
            let (mean_a, mean_b) = (mean(&a), mean(&b));
            let covariance = |p: &[f64], q: &[f64], mean_p: f64, mean_q: f64| {
                let products = p.iter().zip(q).map(|(p, q)| (p - mean_p) * (q - mean_q));
                products.sum::<f64>() / 64.0
            };
            let (aa, bb) = (
                covariance(&a, &a, mean_a, mean_a),
                covariance(&b, &b, mean_b, mean_b),
            );
            let ab = covariance(&a, &b, mean_a, mean_b);
            all.push(
                (2.0 * mean_a * mean_b + c1) * (2.0 * ab + c2)
                    / ((mean_a.powi(2) + mean_b.powi(2) + c1) * (aa + bb + c2)),
            );
        }
        all.iter().sum::<f64>() / all.len() as f64
    }

    pub(super) fn largest_difference(&self, other: &Self) -> u8 {
        assert_eq!(
            (self.width, self.height, self.channels),
            (other.width, other.height, other.channels)
        );
        self.differences(other).max().unwrap_or(0)
    }

    fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u8> + 'a {
        self.data
            .iter()
            .zip(&other.data)
            .map(|(a, b)| a.abs_diff(*b))
    }

    pub(super) fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(match self.channels {
            1 => png::ColorType::Grayscale,
            4 => png::ColorType::Rgba,
            _ => png::ColorType::Rgb,
        });
        encoder.set_compression(png::Compression::Fastest);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&self.data)
            .unwrap();
        bytes
    }

    pub(super) fn to_ppm(&self) -> Vec<u8> {
        let kind = if self.channels == 1 { "P5" } else { "P6" };
        let mut bytes = format!("{kind} {} {} 255\n", self.width, self.height).into_bytes();
        bytes.extend(&self.data);
        bytes
    }

    /// Reads a binary PGM or PPM without comments.
    pub(super) fn from_pnm(bytes: &[u8]) -> Self {
        let mut fields = bytes.splitn(4, u8::is_ascii_whitespace);
        let mut field = || fields.next().unwrap();
        let channels = if field() == b"P5" { 1 } else { 3 };
        let number = |field: &[u8]| std::str::from_utf8(field).unwrap().parse().unwrap();
        let (width, height) = (number(field()), number(field()));
        let data = field().strip_prefix(b"255\n").unwrap().to_vec();
        Self {
            width,
            height,
            channels,
            data,
        }
    }

    pub(super) fn from_png(bytes: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut data).unwrap();
        let channels = info.color_type.samples();
        Self {
            width: info.width,
            height: info.height,
            channels,
            data,
        }
    }

    /// Reads an uncompressed TIFF.
    pub(super) fn from_plain_tiff(path: &str, channels: usize) -> Self {
        let decoded = image::open(path).unwrap();
        Self {
            width: decoded.width(),
            height: decoded.height(),
            channels,
            data: match channels {
                1 => decoded.into_luma8().into_raw(),
                4 => decoded.into_rgba8().into_raw(),
                _ => decoded.into_rgb8().into_raw(),
            },
        }
    }

    /// Decodes with another decoder than the one under test.
    pub(super) fn from_jpeg(bytes: &[u8]) -> Self {
        let image = libjpeg_turbo_rs::decompress(bytes).unwrap();
        let (width, height) = (image.width as u32, image.height as u32);
        let channels = image.data.len() / (image.width * image.height);
        Self {
            width,
            height,
            channels,
            data: image.data,
        }
    }
}

/// A derivative that has been made, stored and may be asked.
pub(super) struct Ready {
    pub(super) store: MemoryDerivatives,
    pub(super) key: DerivativeKey,
    pub(super) service: ImageService,
    pub(super) bytes: Bytes,
    renderer: PyramidRenderer,
}

impl Ready {
    pub(super) async fn render(&self, path: &str) -> Result<Rendered, RenderError> {
        let parts: Vec<&str> = path.split('/').collect();
        let request =
            ImageRequest::parse(GrammarVersion::V3, parts[0], parts[1], parts[2], parts[3])
                .unwrap()
                .resolve(self.service.dimensions(), &Limits::default())
                .unwrap();
        self.renderer
            .render(&self.store, &self.key, &self.service, &request)
            .await
    }

    /// The pixels of a response, decoded.
    pub(super) async fn pixels(&self, path: &str) -> Raster {
        let rendered = self.render(path).await.unwrap();
        if path.ends_with("png") {
            Raster::from_png(&rendered.bytes)
        } else {
            Raster::from_jpeg(&rendered.bytes)
        }
    }

    /// All pixels of one level, as they are stored.
    pub(super) async fn level(&self, level: Level) -> Raster {
        let (width, height) = (level.dimensions.width(), level.dimensions.height());
        self.pixels(&format!("full/{width},{height}/0/default.png"))
            .await
    }
}

pub(super) async fn process(source: impl Into<Bytes>) -> Result<Ready, ProcessError> {
    process_with(&PyramidProcessor::default(), source).await
}

pub(super) async fn process_as(
    options: &ProcessOptions,
    source: impl Into<Bytes>,
) -> Result<Ready, ProcessError> {
    make(&PyramidProcessor::default(), options, source).await
}

pub(super) async fn process_with(
    processor: &PyramidProcessor,
    source: impl Into<Bytes>,
) -> Result<Ready, ProcessError> {
    make(processor, &ProcessOptions::default(), source).await
}

pub(super) async fn make(
    processor: &PyramidProcessor,
    options: &ProcessOptions,
    source: impl Into<Bytes>,
) -> Result<Ready, ProcessError> {
    let response = OriginResponse::from_bytes(source);
    let processed = processor.process(response, options).await?;
    let (store, key) = (
        MemoryDerivatives::new(),
        "uploads/67e5504410b1426f9247bb680e5fe0c8".parse().unwrap(),
    );
    let stored = store.put(&key, processed.body).await.unwrap();
    assert_eq!(stored, processed.derivative.length, "the declared length");
    let bytes = store.get_range(&key, 0..u64::MAX).await.unwrap();
    assert_eq!(
        *blake3::hash(&bytes).as_bytes(),
        processed.derivative.checksum.0,
        "the declared checksum"
    );
    let service = ImageService {
        generation: Generation::new(1),
        token: LeaseToken::new(1),
        derivative: processed.derivative,
        source: processed.source,
        finished: Timestamp::from_micros(0),
    };
    Ok(Ready {
        store,
        key,
        service,
        bytes,
        renderer: PyramidRenderer::default(),
    })
}

/// What libtiff says of the private tag of derivatives; it passes it over.
const PRIVATE_TAG: &str = "Unknown field with tag 65117";

/// Runs a program and returns what it printed; both its failure and a warning are failures here, but for the one on the private tag.
pub(super) fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors: String = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| !line.contains(PRIVATE_TAG))
        .collect();
    assert!(
        output.status.success() && errors.is_empty(),
        "{} {arguments:?}: {errors}",
        program.display()
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
