//! Conversions between integer widths that cannot fail on the machines this crate runs on (64-bit Linux), kept in
//! one place so that the callers stay free of `as`.

/// A count or offset as an index.
///
/// # Panics
/// On a machine whose `usize` is narrower than 64 bits, if the value does not fit.
pub(crate) fn index(value: u64) -> usize {
    usize::try_from(value).expect("64-bit machine")
}

/// A `u32` as an index.
pub(crate) fn index32(value: u32) -> usize {
    usize::try_from(value).expect("at least 32-bit machine")
}

/// A length as `u32`.
///
/// # Panics
/// If it exceeds `u32::MAX`: callers bound their lengths by a transfer size long before.
pub(crate) fn len32(value: usize) -> u32 {
    u32::try_from(value).expect("a length bounded by the transfer size")
}

/// The integer part of a non-negative float, 0 for negative ones and NaN.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, which is what is wanted here"
)]
pub(crate) fn floor(value: f64) -> u64 {
    value as u64
}

/// Nanoseconds of a duration, saturating.
pub(crate) fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
