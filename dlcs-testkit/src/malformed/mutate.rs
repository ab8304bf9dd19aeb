//! Good files that lost their end, or one bit.

use super::{Malformed, Noise, Outcome};

/// The file, cut at each sixteenth of its length.
#[must_use]
pub fn cut(name: &str, good: &[u8]) -> Vec<Malformed> {
    (1..16)
        .map(|part| {
            let end = good.len() * part / 16;
            Malformed::new(
                format!("{name}, cut at {part}/16"),
                Outcome::Refused,
                &good[..end],
            )
        })
        .collect()
}

/// The file with one bit flipped, at up to `places` places.
#[must_use]
pub fn flipped(name: &str, good: &[u8], places: usize) -> Vec<Malformed> {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let step = (good.len() / places.max(1)).max(1);
    (0..good.len())
        .step_by(step)
        .take(places)
        .map(|start| {
            let place = (start + noise.next() as usize % step).min(good.len() - 1);
            let bit = noise.next() % 8;
            let mut bytes = good.to_vec();
            bytes[place] ^= 1 << bit;
            Malformed::new(
                format!("{name}, bit {bit} of byte {place} flipped"),
                Outcome::RefusedOrRead,
                bytes,
            )
        })
        .collect()
}
