//! Sizes as people read them, without losing a byte.

use std::fmt;

/// Bytes, shown in the largest binary unit that divides them: `100 GiB`, `1537 MiB`, `12345 bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        let divides = |(shift, _): &&(u32, &str)| self.0 > 0 && self.0.trailing_zeros() >= *shift;
        match UNITS.iter().find(divides) {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn no_byte_is_lost() {
        let shown = |bytes| Bytes(bytes).to_string();
        assert_eq!(shown(100 << 30), "100 GiB");
        assert_eq!(shown(1537 << 20), "1537 MiB");
        assert_eq!(shown((1 << 30) + 1), "1073741825 bytes");
        assert_eq!(shown(0), "0 bytes");
        assert_eq!(shown(3 << 40), "3 TiB");
    }
}
