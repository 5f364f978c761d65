//! Sizes as people write them: `512`, `64KiB`, `10GiB`.
//!
//! Binary units only, spelled in full: `10GB` means two things to two people, so it is refused with a hint.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(
    /// Bytes.
    pub u64,
);

/// Suffixes with their powers of two, largest first.
const UNITS: [(&str, u32); 5] = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl Size {
    /// `n` KiB. For constants.
    ///
    /// # Panics
    /// If it does not fit 64 bits.
    pub const fn kib(n: u64) -> Size {
        assert!(n <= u64::MAX >> 10);
        Size(n << 10)
    }

    /// `n` MiB. For constants.
    ///
    /// # Panics
    /// If it does not fit 64 bits.
    pub const fn mib(n: u64) -> Size {
        assert!(n <= u64::MAX >> 20);
        Size(n << 20)
    }

    /// For people: the largest unit that leaves at least 1, with one decimal unless it is exact.
    pub fn rounded(self) -> String {
        let Some((unit, shift)) = UNITS.iter().find(|(_, shift)| self.0 >> shift != 0) else {
            return format!("{} B", self.0);
        };
        let tenths = (u128::from(self.0) * 10) >> shift;
        match (tenths % 10, self.0 & ((1 << shift) - 1)) {
            (_, 0) => format!("{} {unit}", self.0 >> shift),
            (tenth, _) => format!("{}.{tenth} {unit}", tenths / 10),
        }
    }
}

/// Exact, and read back by [`Size::from_str`]: the largest unit that divides it.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, shift): &&(&str, u32)| self.0 != 0 && self.0.trailing_zeros() >= *shift;
        match UNITS.iter().find(exact) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not a whole number followed by a unit.
    #[error(
        "`{0}` is not a size: write bytes, or a whole number with KiB, MiB, GiB, TiB or PiB, such as 10GiB"
    )]
    Syntax(String),
    /// A unit that some read as a power of ten.
    #[error("`{0}`: say {1}iB (a power of two), as in 10GiB")]
    Ambiguous(String, char),
    /// More than 64 bits.
    #[error("`{0}` is more than 16 EiB")]
    TooLarge(String),
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Size, SizeError> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = shift_of(unit, text)?;
        if number.is_empty() {
            return Err(SizeError::Syntax(text.to_owned()));
        }
        let number: u64 = number.parse().map_err(|_| SizeError::TooLarge(text.to_owned()))?;
        let bytes = number.checked_mul(1 << shift);
        bytes.map(Size).ok_or_else(|| SizeError::TooLarge(text.to_owned()))
    }
}

/// The power of two a unit stands for; `text` is what an error quotes.
fn shift_of(unit: &str, text: &str) -> Result<u32, SizeError> {
    let unit = unit.trim_start();
    if unit.is_empty() || unit == "B" {
        return Ok(0);
    }
    if let Some((_, shift)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return Ok(*shift);
    }
    let short = unit.strip_suffix(['B', 'b']).unwrap_or(unit).to_ascii_uppercase();
    match short.as_bytes() {
        [letter @ (b'K' | b'M' | b'G' | b'T' | b'P')] => {
            Err(SizeError::Ambiguous(text.to_owned(), char::from(*letter)))
        }
        _ => Err(SizeError::Syntax(text.to_owned())),
    }
}

/// From a string as above, or from an integer of bytes.
impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"10GiB\", or bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                let negative = |_| E::invalid_value(de::Unexpected::Signed(bytes), &self);
                u64::try_from(bytes).map(Size).map_err(negative)
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod test {
    use super::{Size, SizeError};

    #[test]
    fn reads_every_unit() {
        let table = [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("4KiB", 4096),
            ("4 KiB", 4096),
            ("3MiB", 3 << 20),
            ("10GiB", 10 << 30),
            ("2TiB", 2 << 40),
            ("16383PiB", 16383 << 50),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in table {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_unclear() {
        for text in ["", "GiB", "-1", "1.5GiB", "10 gib", "1KiBB", "ten", "1i"] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::Syntax(text.to_owned())), "{text}");
        }
        for (text, letter) in [("10GB", 'G'), ("10g", 'G'), ("1Kb", 'K'), ("7T", 'T')] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::Ambiguous(text.to_owned(), letter)));
        }
        for text in ["16384PiB", "18446744073709551616"] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::TooLarge(text.to_owned())));
        }
    }

    #[test]
    fn display_reads_back() {
        for bytes in [0, 1, 511, 512, 1023, 1024, 1025, 1 << 20, (1 << 30) + 512, 3 << 40, u64::MAX] {
            let text = Size(bytes).to_string();
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        assert_eq!(Size(10 << 30).to_string(), "10GiB");
        assert_eq!(Size(1536).to_string(), "1536");
    }

    #[test]
    fn rounds_for_people() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1025, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (10 << 30, "10 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(Size(bytes).rounded(), text);
        }
    }
}
