//! How far a check is.

use std::fmt;

/// What a check does, and how much it has read of what it knows it must: that grows as it goes from page to page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProgress {
    /// What it looks at.
    pub doing: &'static str,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes to be read, as far as is known.
    pub wanted_bytes: u64,
}

impl fmt::Display for CheckProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, read_bytes, wanted_bytes } = self;
        write!(f, "{doing}: {} of {} MiB read", read_bytes >> 20, wanted_bytes >> 20)
    }
}
