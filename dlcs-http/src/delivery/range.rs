//! The part of a body that a client asks for (RFC 9110 §14): pure.

use std::ops::Range;

/// What a header `Range` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything: nothing else was asked for, or nothing that is understood, or several parts, which need not be served.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Bytes that are not there.
    Beyond,
}

impl Part {
    /// What is asked for of so many bytes.
    pub(super) fn of(header: Option<&str>, length: u64) -> Self {
        let spec = header.and_then(|header| {
            let (unit, spec) = header.split_once('=')?;
            unit.trim().eq_ignore_ascii_case("bytes").then_some(spec)
        });
        let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else {
            return Self::Whole;
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if last < first => Self::Whole,
            (Some(first), _) if first >= length && (last.is_empty() || number(last).is_some()) => {
                Self::Beyond
            }
            (Some(first), Some(last)) => Self::Bytes(first..length.min(last.saturating_add(1))),
            (Some(first), None) if last.is_empty() => Self::Bytes(first..length),
            (None, Some(0)) if first.is_empty() => Self::Beyond,
            (None, Some(_)) if first.is_empty() && length == 0 => Self::Beyond,
            (None, Some(count)) if first.is_empty() => {
                Self::Bytes(length.saturating_sub(count)..length)
            }
            _ => Self::Whole,
        }
    }
}

/// A number; one that is too large for any body is the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_standard() {
        use Part::{Beyond, Bytes, Whole};
        for (header, expected) in [
            ("bytes=0-499", Bytes(0..500)),
            ("bytes=500-999", Bytes(500..1000)),
            ("BYTES=500-", Bytes(500..1000)),
            ("bytes=-500", Bytes(500..1000)),
            ("bytes=-5000", Bytes(0..1000)),
            ("bytes=999-999999999999999999999999", Bytes(999..1000)),
            ("bytes=0-0", Bytes(0..1)),
            ("bytes=1000-", Beyond),
            ("bytes=99999999999999999999999-", Beyond),
            ("bytes=-0", Beyond),
            ("bytes=5-4", Whole),
            ("bytes=0-1,5-6", Whole),
            ("bytes=1000-x", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("lines=1-2", Whole),
            ("1-2", Whole),
        ] {
            assert_eq!(Part::of(Some(header), 1000), expected, "{header}");
        }
        assert_eq!(Part::of(None, 1000), Whole);
        assert_eq!(Part::of(Some("bytes=0-"), 0), Beyond);
        assert_eq!(Part::of(Some("bytes=-1"), 0), Beyond);
    }
}
