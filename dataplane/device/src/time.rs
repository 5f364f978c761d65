//! The caller's clock.

use std::fmt;
use std::ops::Add;

/// A point on the caller's monotonic clock, or a span of it, in nanoseconds.
///
/// Devices never read a clock: `now` is a parameter, so tests and the simulator own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The clock's origin; as a deadline, always due.
    pub const ZERO: Self = Self(0);
}

impl Add for Nanos {
    type Output = Self;

    /// Saturates at the end of time, 584 years on.
    fn add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}
