//! Turns by any angle, and how large a turned image is.

use std::fmt;

use super::geometry::dimensions;
use super::number::Decimal;
use super::{Dimensions, RequestError};

/// The parts of a degree that are kept: a turn by less moves no pixel of any image.
const BILLION: u64 = 1_000_000_000;

/// A clockwise turn, from 0 to less than 360 degrees.
///
/// Written as the specifications recommend: an integer where possible, no zeros at the end of a decimal number, a zero before its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rotation {
    billionths: u64,
}

impl Rotation {
    /// No turn.
    pub const DEG_0: Self = Self::quarters(0);
    /// A quarter turn.
    pub const DEG_90: Self = Self::quarters(1);
    /// Half a turn.
    pub const DEG_180: Self = Self::quarters(2);
    /// Three quarters of a turn.
    pub const DEG_270: Self = Self::quarters(3);

    const fn quarters(turns: u64) -> Self {
        Self {
            billionths: turns * 90 * BILLION,
        }
    }

    /// Reads the number of degrees, from 0 to 360.
    pub(super) fn parse(text: &str) -> Result<Self, RequestError> {
        let angle = Decimal::parse(text).map_err(|_| RequestError::RotationSyntax)?;
        if angle.exceeds(360) {
            return Err(RequestError::RotationSyntax);
        }
        Ok(Self {
            billionths: angle.billionths() % (360 * BILLION),
        })
    }

    /// The turn in degrees.
    #[must_use]
    pub fn degrees(self) -> f64 {
        self.billionths as f64 / BILLION as f64
    }

    /// How many quarter turns this is, 0 to 3; `None` for any other angle.
    #[must_use]
    pub const fn quarter_turns(self) -> Option<u8> {
        if self.billionths.is_multiple_of(90 * BILLION) {
            Some((self.billionths / (90 * BILLION)) as u8)
        } else {
            None
        }
    }

    /// The sine and the cosine of the angle; exact for quarter turns.
    #[must_use]
    pub fn sin_cos(self) -> (f64, f64) {
        match self.quarter_turns() {
            Some(0) => (0.0, 1.0),
            Some(1) => (1.0, 0.0),
            Some(2) => (0.0, -1.0),
            Some(_) => (-1.0, 0.0),
            None => self.degrees().to_radians().sin_cos(),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.billionths / BILLION, self.billionths % BILLION);
        if parts == 0 {
            return write!(f, "{whole}");
        }
        let parts = format!("{parts:09}");
        write!(f, "{whole}.{}", parts.trim_end_matches('0'))
    }
}

/// The size of an image after a turn: its bounding box, rounded to the nearest pixel as libvips does.
///
/// Sides beyond what 32 bits hold are cut to that.
#[must_use]
pub fn rotated_size(size: Dimensions, rotation: Rotation) -> Dimensions {
    match rotation.quarter_turns() {
        Some(0 | 2) => return size,
        Some(_) => return dimensions(size.height(), size.width()),
        None => {}
    }
    let (sin, cos) = rotation.sin_cos();
    let (width, height) = (f64::from(size.width()), f64::from(size.height()));
    // A cast of a float ends at the largest number of its type.
    let side = |along: f64, across: f64| ((along + across).round() as u32).max(1);
    dimensions(
        side(width * cos.abs(), height * sin.abs()),
        side(width * sin.abs(), height * cos.abs()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_written_in_one_way_only() {
        for (text, canonical) in [
            ("0", "0"),
            ("360", "0"),
            ("360.000", "0"),
            ("0270", "270"),
            ("90.0", "90"),
            ("22.50", "22.5"),
            (".5", "0.5"),
            ("0.05", "0.05"),
            ("359.999999999", "359.999999999"),
            ("359.9999999999", "0"),
            ("0.0000000001", "0"),
            ("0.0000000009", "0.000000001"),
            ("1.0000000005", "1.000000001"),
        ] {
            let rotation = Rotation::parse(text).unwrap();
            assert_eq!(rotation.to_string(), canonical, "{text}");
            assert_eq!(Rotation::parse(canonical), Ok(rotation), "{text}");
        }
    }

    #[test]
    fn only_multiples_of_90_are_quarter_turns() {
        for (text, quarters) in [
            ("0", Some(0)),
            ("90.0", Some(1)),
            ("180", Some(2)),
            ("270", Some(3)),
            ("360", Some(0)),
            ("90.000000001", None),
            ("45", None),
        ] {
            let rotation = Rotation::parse(text).unwrap();
            assert_eq!(rotation.quarter_turns(), quarters, "{text}");
        }
        assert!((Rotation::parse("22.5").unwrap().degrees() - 22.5).abs() < 1e-12);
    }

    /// The numbers are those of `vips rotate`, 8.14.
    #[test]
    fn a_turned_image_is_as_large_as_with_libvips() {
        for (size, rotation, expected) in [
            ((100, 60), "22.5", (115, 94)),
            ((100, 60), "45", (113, 113)),
            ((100, 60), "30", (117, 102)),
            ((100, 60), "1.3", (101, 62)),
            ((100, 60), "359", (101, 62)),
            ((100, 60), "90.1", (60, 100)),
            ((100, 60), "200.7", (115, 91)),
            ((1, 1), "22.5", (1, 1)),
            ((1, 1), "45", (1, 1)),
            ((1, 1), "30", (1, 1)),
            ((1, 1), "1.3", (1, 1)),
            ((1, 1), "359", (1, 1)),
            ((1, 1), "90.1", (1, 1)),
            ((1, 1), "200.7", (1, 1)),
            ((1000, 1000), "22.5", (1307, 1307)),
            ((1000, 1000), "45", (1414, 1414)),
            ((1000, 1000), "30", (1366, 1366)),
            ((1000, 1000), "1.3", (1022, 1022)),
            ((1000, 1000), "359", (1017, 1017)),
            ((1000, 1000), "90.1", (1002, 1002)),
            ((1000, 1000), "200.7", (1289, 1289)),
            ((1, 300), "22.5", (116, 278)),
            ((1, 300), "45", (213, 213)),
            ((1, 300), "30", (151, 260)),
            ((1, 300), "1.3", (8, 300)),
            ((1, 300), "359", (6, 300)),
            ((1, 300), "90.1", (300, 2)),
            ((1, 300), "200.7", (107, 281)),
            ((641, 479), "22.5", (776, 688)),
            ((641, 479), "45", (792, 792)),
            ((641, 479), "30", (795, 735)),
            ((641, 479), "1.3", (652, 493)),
            ((641, 479), "359", (649, 490)),
            ((641, 479), "90.1", (480, 642)),
            ((641, 479), "200.7", (769, 675)),
        ] {
            let [size, expected] = [size, expected].map(|(w, h)| Dimensions::new(w, h).unwrap());
            let rotation = Rotation::parse(rotation).unwrap();
            assert_eq!(
                rotated_size(size, rotation),
                expected,
                "{size} by {rotation}"
            );
        }
    }
}
