//! Numbers as the API writes them: digits and at most one point, read exactly.

/// Why a text is no number of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    Syntax,
    TooLarge,
}

/// Reads a whole number: ASCII digits only.
pub(super) fn whole(text: &str) -> Result<u32, NumberError> {
    if !is_digits(text) {
        return Err(NumberError::Syntax);
    }
    // Only digits are left, so that the one way to fail is to be too large.
    text.parse().map_err(|_| NumberError::TooLarge)
}

/// A decimal number of any length, kept as its digits so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    whole: u32,
    /// Values 0 to 9, without zeros at the end.
    fraction: Vec<u8>,
}

impl Decimal {
    pub(super) fn parse(text: &str) -> Result<Self, NumberError> {
        let (integer, fraction) = match text.split_once('.') {
            None => (text, ""),
            Some((_, "")) => return Err(NumberError::Syntax),
            Some((integer, fraction)) => (integer, fraction),
        };
        let whole = match (integer, fraction) {
            ("", "") => return Err(NumberError::Syntax),
            ("", _) => 0,
            (digits, _) => whole(digits)?,
        };
        if !fraction.is_empty() && !is_digits(fraction) {
            return Err(NumberError::Syntax);
        }
        let fraction = fraction
            .trim_end_matches('0')
            .bytes()
            .map(|digit| digit - b'0')
            .collect();
        Ok(Self { whole, fraction })
    }

    /// The number in thousand-millionths, halves rounded up.
    pub(super) fn billionths(&self) -> u64 {
        let digit = |index| u64::from(self.fraction.get(index).copied().unwrap_or(0));
        let kept = (0..9).fold(u64::from(self.whole), |sum, index| sum * 10 + digit(index));
        kept + u64::from(digit(9) >= 5)
    }

    /// Whether it is more than a whole number.
    pub(super) fn exceeds(&self, limit: u32) -> bool {
        self.whole > limit || (self.whole == limit && !self.fraction.is_empty())
    }

    /// This many hundredths of a length, halves rounded up.
    pub(super) fn percent_of(&self, length: u32) -> u64 {
        // Long multiplication from the last digit; a carry is at most ten times a length.
        let length = u64::from(length);
        let mut carry = 0;
        for digit in self.fraction.iter().rev() {
            carry = (u64::from(*digit) * length + carry) / 10;
        }
        let above = u64::from(self.whole) * length + carry;
        // What was dropped is less than one hundredth and cannot lift anything to the next half.
        (above + 50) / 100
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_however_long() {
        for (text, length, expected) in [
            ("50", 1001, 501),
            ("50", 1000, 500),
            ("33.33333333333333333333333333333333333333", 3, 1),
            ("49.99999999999999999999999999999999999999", 1, 0),
            ("50.00000000000000000000000000000000000000", 1, 1),
            ("0.4999999999", 100, 0),
            ("0.5", 100, 1),
            (".5", 100, 1),
            ("000100.000", 4_294_967_295, 4_294_967_295),
            ("4294967295", 4_294_967_295, 184_467_440_651_196_170),
            ("0", 10, 0),
        ] {
            assert_eq!(
                Decimal::parse(text).unwrap().percent_of(length),
                expected,
                "{text} % of {length}"
            );
        }
        let long = format!("12.{}", "9".repeat(8_000));
        assert_eq!(Decimal::parse(&long).unwrap().percent_of(100), 13);
    }

    #[test]
    fn what_is_not_a_plain_number_is_refused() {
        for text in [
            "", ".", "5.", "-1", "+1", "1e3", "NaN", "inf", " 1", "1 ", "1.2.3", "0x1", "٣",
            "1.-2", "1_0",
        ] {
            assert_eq!(Decimal::parse(text), Err(NumberError::Syntax), "{text}");
        }
        for text in ["", "1.0", "-1", "1e9", "NaN", "٣"] {
            assert_eq!(whole(text), Err(NumberError::Syntax), "{text}");
        }
        assert_eq!(whole("4294967296"), Err(NumberError::TooLarge));
        assert_eq!(whole("0004294967295"), Ok(u32::MAX));
        assert_eq!(Decimal::parse(&"9".repeat(40)), Err(NumberError::TooLarge));
    }
}
