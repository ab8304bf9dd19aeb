//! Numbers with units: bytes and pixels as people write them.

/// Bytes: a whole number, with or without a unit.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let units = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
        ("B", 1),
    ];
    quantity(text, &units).ok_or_else(|| {
        "write a whole number of bytes, with a unit such as kB, MB, GB, KiB, MiB or GiB".to_owned()
    })
}

/// Pixels: a whole number above zero, in millions or thousands of millions where it says so.
pub(super) fn pixels(text: &str) -> Result<u64, String> {
    let units = [("GP", 1_000_000_000), ("MP", 1_000_000)];
    quantity(text, &units)
        .filter(|pixels| *pixels > 0)
        .ok_or_else(|| {
            "write a whole number of pixels above 0, with MP for millions or GP for thousands of millions"
                .to_owned()
        })
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let mut units = units.iter();
    let (_, factor) = units.find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_of_thousands_and_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("1024", 1024),
            ("1 B", 1),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("2GB", 2_000_000_000),
            ("3kB", 3000),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "B",
            "-1",
            "1.5GB",
            "1 G",
            "64 MiB x",
            "99999999TiB",
            "٣MB",
            "1e9",
        ] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pixels_may_be_counted_in_millions() {
        assert_eq!(pixels("50000000"), Ok(50_000_000));
        assert_eq!(pixels("50MP"), Ok(50_000_000));
        assert_eq!(pixels("2 GP"), Ok(2_000_000_000));
        for text in ["0", "0MP", "many", "1MB", ""] {
            assert!(pixels(text).is_err(), "{text}");
        }
    }
}
