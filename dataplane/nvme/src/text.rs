//! ASCII fields of fixed length, NVMe Base 2.0 section 1.4.2: left-justified, padded with spaces.
//!
//! NQNs are the exception (NUL-terminated UTF-8); they live in [`crate::nqn`].

/// Fills `field` with `text`, padded with spaces.
///
/// Bytes outside the printable ASCII range 20h to 7Eh become `?`, and what does not fit is cut off: these
/// fields are labels for people, so a long one is better shortened than refused.
pub fn set_ascii(field: &mut [u8], text: &str) {
    field.fill(b' ');
    for (slot, byte) in field.iter_mut().zip(text.bytes()) {
        *slot = if (0x20..0x7f).contains(&byte) { byte } else { b'?' };
    }
}

/// The text of `field` without its padding; `None` if it is not ASCII.
///
/// Trailing NULs count as padding too: Linux' own target pads with them.
#[must_use]
pub fn ascii(field: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(field).ok().filter(|text| text.is_ascii())?;
    Some(text.trim_end_matches([' ', '\0']))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn short_text_is_padded_with_spaces() {
        let mut field = [0; 6];
        set_ascii(&mut field, "4420");
        assert_eq!(&field, b"4420  ");
        assert_eq!(ascii(&field), Some("4420"));
    }

    #[test]
    fn long_text_is_cut_and_foreign_bytes_replaced() {
        let mut field = [0; 4];
        set_ascii(&mut field, "a\n\u{e4}xyz");
        assert_eq!(&field, b"a???");
    }

    #[test]
    fn nul_padding_is_read_and_non_ascii_refused() {
        assert_eq!(ascii(b"abc\0\0"), Some("abc"));
        assert_eq!(ascii(b"\xff"), None);
        assert_eq!(ascii(b""), Some(""));
    }
}
