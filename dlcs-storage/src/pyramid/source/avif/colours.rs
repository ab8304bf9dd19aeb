//! From luma and differences to red, green and blue.

/// How colours were made into luma and differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Matrix {
    /// They were not: the planes are green, blue and red.
    Identity,
    /// The weights of red and of blue.
    Weights(f32, f32),
}

impl Matrix {
    /// By its number; `None` for what is not read.
    pub(super) const fn of(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Identity,
            1 => Self::Weights(0.2126, 0.0722),
            // Where nothing is said, too.
            2 | 5 | 6 => Self::Weights(0.299, 0.114),
            4 => Self::Weights(0.30, 0.11),
            7 => Self::Weights(0.212, 0.087),
            9 => Self::Weights(0.2627, 0.0593),
            _ => return None,
        })
    }
}

/// One plane of samples, of 8 bits or more.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) samples: Vec<u16>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    fn at(&self, x: usize, y: usize) -> f32 {
        let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
        f32::from(self.samples[y * self.width + x])
    }

    /// The sample at a place of the luma, between those of a plane with half of its columns, or rows, or both.
    fn between(&self, x: usize, y: usize, half: (bool, bool)) -> f32 {
        // Samples lie in the middle of those that they stand for: three parts of the near one, one of the far one.
        let neighbours = |place: usize, is_half: bool| {
            if !is_half {
                return (place, place);
            }
            let near = place / 2;
            let far = if place.is_multiple_of(2) {
                near.saturating_sub(1)
            } else {
                near + 1
            };
            (near, far)
        };
        let (near_x, far_x) = neighbours(x, half.0);
        let (near_y, far_y) = neighbours(y, half.1);
        let row = |y| self.at(near_x, y).mul_add(0.75, self.at(far_x, y) * 0.25);
        row(near_y).mul_add(0.75, row(far_y) * 0.25)
    }
}

/// A decoded image: one plane of luma, and two of differences where it is not grey.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) luma: Plane,
    pub(super) chroma: Option<[Plane; 2]>,
    /// Whether the differences have half of the columns, and of the rows.
    pub(super) half: (bool, bool),
    pub(super) bits: u8,
    pub(super) matrix: Matrix,
    pub(super) is_full_range: bool,
}

impl Picture {
    /// Luma from 0 to 1.
    pub(super) fn luma(&self, x: usize, y: usize) -> f32 {
        self.scaled(self.luma.at(x, y)).clamp(0.0, 1.0)
    }

    /// A sample of the luma's range.
    fn scaled(&self, sample: f32) -> f32 {
        let unit = self.unit();
        if self.is_full_range {
            sample / self.most()
        } else {
            (sample - 16.0 * unit) / (219.0 * unit)
        }
    }

    fn most(&self) -> f32 {
        f32::from(((1_u32 << self.bits) - 1) as u16)
    }

    /// What 1 of 8 bits is.
    fn unit(&self) -> f32 {
        f32::from(1_u16 << (self.bits - 8))
    }

    /// Red, green and blue from 0 to 1.
    pub(super) fn rgb(&self, x: usize, y: usize) -> [f32; 3] {
        let luma = self.scaled(self.luma.at(x, y));
        let Some([blue, red]) = &self.chroma else {
            return [luma.clamp(0.0, 1.0); 3];
        };
        let (blue, red) = (blue.between(x, y, self.half), red.between(x, y, self.half));
        let rgb = match self.matrix {
            Matrix::Identity => [self.scaled(red), luma, self.scaled(blue)],
            Matrix::Weights(of_red, of_blue) => {
                let middle = 128.0 * self.unit();
                let range = if self.is_full_range {
                    self.most()
                } else {
                    224.0 * self.unit()
                };
                let (blue, red) = ((blue - middle) / range, (red - middle) / range);
                let r = luma + 2.0 * (1.0 - of_red) * red;
                let b = luma + 2.0 * (1.0 - of_blue) * blue;
                let g = (luma - of_red * r - of_blue * b) / (1.0 - of_red - of_blue);
                [r, g, b]
            }
        };
        rgb.map(|value| value.clamp(0.0, 1.0))
    }
}
