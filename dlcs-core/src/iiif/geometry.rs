//! Arithmetic of sizes, exact.

use super::Dimensions;

/// The largest size of the shape of a region within a box.
pub(super) fn confine(region: Dimensions, width: u32, height: u32) -> Dimensions {
    let by_height = u64::from(height) * u64::from(region.width());
    let by_width = u64::from(width) * u64::from(region.height());
    if by_width <= by_height {
        let other = proportional(width, region.height(), region.width());
        dimensions(width, other.clamp(1, u64::from(height)) as u32)
    } else {
        let other = proportional(height, region.width(), region.height());
        dimensions(other.clamp(1, u64::from(width)) as u32, height)
    }
}

/// `length * numerator / denominator`, halves rounded up.
pub(super) fn proportional(length: u32, numerator: u32, denominator: u32) -> u64 {
    let (product, denominator) = (
        u128::from(length) * u128::from(numerator),
        u128::from(denominator),
    );
    ((2 * product + denominator) / (2 * denominator)) as u64
}

pub(super) fn dimensions(width: u32, height: u32) -> Dimensions {
    Dimensions::new(width, height).expect("neither side is zero")
}
