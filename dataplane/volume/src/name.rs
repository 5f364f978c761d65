//! Names of volumes and applications: DNS labels (RFC 1123).

/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 63;

/// Whether `name` is 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.
pub(crate) fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn labels_and_their_neighbours() {
        for good in ["a", "0", "pg-data-0", &"x".repeat(63)] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "a b", "\u{e9}", &"x".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
    }
}
