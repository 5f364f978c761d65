//! Texts in fixed places: a length beside, zeroes behind.

use super::Damage;

/// Puts `text` into `place` and zeroes behind it; returns its length.
///
/// # Panics
/// If the text is longer than its place: specifications are checked before they get here.
pub(super) fn put(place: &mut [u8], text: &str) -> u8 {
    place.fill(0);
    place[..text.len()].copy_from_slice(text.as_bytes());
    u8::try_from(text.len()).expect("places are shorter than 256 bytes")
}

/// The `length` bytes at the front of `place`; the rest must be zero.
pub(super) fn take(place: &[u8], length: u8) -> Result<String, Damage> {
    let wrong = Damage::Contents("a name's length or padding is wrong");
    let (text, padding) = place.split_at_checked(usize::from(length)).ok_or(wrong)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(wrong);
    }
    let text = std::str::from_utf8(text).map_err(|_| Damage::Contents("a name is not UTF-8"))?;
    Ok(text.to_owned())
}
