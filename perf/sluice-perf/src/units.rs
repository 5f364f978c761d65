//! Sizes, durations and counts as people write them, and as tables print them.
//!
//! Sizes: `4096`, `4k`, `4KiB`, `1g`; every suffix is binary, as in fio. Durations: `30s`, `500ms`, `2m`, `1h`; a bare
//! number is seconds. Counts: `1000`, `50k`, `2M`, decimal.

use std::time::Duration;

/// A quantity that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {expected}")]
pub struct UnitError {
    text: String,
    expected: &'static str,
}

const SIZE: &str = "a size: write a number with an optional suffix k, M, G or T (binary), such as 4k or 1GiB";
const TIME: &str = "a duration: write a number with a suffix ms, s, m or h, such as 30s";
const COUNT: &str = "a count: write a number with an optional suffix k, M or G (decimal), such as 50k";

/// Splits leading digits from the suffix.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

fn error(text: &str, expected: &'static str) -> UnitError {
    UnitError { text: text.to_owned(), expected }
}

/// Bytes.
///
/// # Errors
/// If the text is not a size or exceeds 64 bits.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let parsed = split(text).and_then(|(number, suffix)| {
        let shift = match suffix.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return None,
        };
        number.checked_mul(1 << shift)
    });
    parsed.ok_or_else(|| error(text, SIZE))
}

/// A duration.
///
/// # Errors
/// If the text is not one.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let parsed = split(text).and_then(|(number, suffix)| {
        let unit_ms = match suffix {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.checked_mul(unit_ms).map(Duration::from_millis)
    });
    parsed.ok_or_else(|| error(text, TIME))
}

/// A count.
///
/// # Errors
/// If the text is not one.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let parsed = split(text).and_then(|(number, suffix)| {
        let unit = match suffix {
            "" => 1,
            "k" | "K" => 1_000,
            "m" | "M" => 1_000_000,
            "g" | "G" => 1_000_000_000,
            _ => return None,
        };
        number.checked_mul(unit)
    });
    parsed.ok_or_else(|| error(text, COUNT))
}

/// `4 KiB`, `1.5 GiB`: three significant digits at most.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A rate of bytes, `1.2 GiB/s`.
#[must_use]
pub fn show_bandwidth(bytes_per_second: f64) -> String {
    scaled(bytes_per_second, 1024.0, &["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"])
}

/// `630 k`, `1.15 M`.
#[must_use]
pub fn show_count(count: f64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "G", "T"]).trim_end().to_owned()
}

/// A latency: `842 ns`, `12.3 us`, `1.2 ms`.
#[must_use]
pub fn show_latency(nanoseconds: u64) -> String {
    scaled(nanoseconds as f64, 1000.0, &["ns", "us", "ms", "s"])
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value >= base * 0.9995 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let digits = if value.fract() == 0.0 || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("512", 512), ("4k", 4096), ("4KiB", 4096), ("1 GiB", 1 << 30), ("2T", 2 << 40)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "4x", "-1", "99999999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_and_counts() {
        assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert!(parse_duration("2 weeks").is_err());
        assert_eq!(parse_count("50k"), Ok(50_000));
        assert!(parse_count("x").is_err());
    }

    #[test]
    fn shown_with_three_digits() {
        assert_eq!(show_size(4096), "4 KiB");
        assert_eq!(show_count(1_150_000.0), "1.15 M");
        assert_eq!(show_count(42.0), "42");
        assert_eq!(show_latency(12_345), "12.3 us");
        assert_eq!(show_latency(999_900), "1.00 ms");
    }
}
