//! NVMe Qualified Names, NVMe Base 2.0 section 4.5: at most 223 bytes of UTF-8, NUL-terminated in fields
//! of 256 bytes.
//!
//! Two forms: `nqn.yyyy-mm.reverse.domain:string`, the month being one in which the authority owned the
//! domain, and `nqn.2014-08.org.nvmexpress:uuid:` followed by a UUID. The discovery subsystem's well-known
//! name is a third on its own.
//!
//! [`Nqn`] is a name known to be well-formed (configuration, our own subsystems); [`NqnField::name`] only
//! demands what the wire needs, because a Connect is decided by comparing names, not by judging them.

use core::fmt;
use core::str::FromStr;
use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Longest NQN, in bytes without the terminating NUL.
pub const NQN_BYTES_MAX: usize = 223;

/// Size of a field that holds an NQN.
pub const NQN_FIELD_BYTES: usize = 256;

/// Name of every discovery subsystem.
pub const DISCOVERY_NQN: &str = "nqn.2014-08.org.nvmexpress.discovery";

const UUID_PREFIX: &str = "nqn.2014-08.org.nvmexpress:uuid:";
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Why a name is not an NQN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NqnError {
    /// No bytes before the NUL.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`NQN_BYTES_MAX`], or no NUL in the field.
    #[error("the name is longer than {NQN_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8, or a control character in it.
    #[error("the name is not printable UTF-8")]
    Encoding,
    /// Does not begin with `nqn.yyyy-mm.`.
    #[error("the name does not begin with \"nqn.yyyy-mm.\"")]
    Date,
    /// No reverse domain name follows the date, or no colon and string follow it.
    #[error("the date is not followed by a reverse domain name, a colon and a string")]
    Domain,
    /// The UUID form without a UUID.
    #[error("\"uuid:\" is not followed by a UUID")]
    Uuid,
}

/// A well-formed NQN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nqn(String);

impl Nqn {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the discovery subsystem.
    #[must_use]
    pub fn is_discovery(&self) -> bool {
        self.0 == DISCOVERY_NQN
    }
}

impl FromStr for Nqn {
    type Err = NqnError;

    fn from_str(name: &str) -> Result<Self, NqnError> {
        check_name(name)?;
        check_form(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Nqn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Nqn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A 256-byte field with an NQN: SUBNQN, HOSTNQN.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct NqnField([u8; NQN_FIELD_BYTES]);

impl NqnField {
    /// No name: all zero.
    pub const EMPTY: Self = Self([0; NQN_FIELD_BYTES]);

    /// The field that holds `name`, whatever its form.
    ///
    /// # Errors
    /// `Empty`, `TooLong` or `Encoding`.
    pub fn new(name: &str) -> Result<Self, NqnError> {
        check_name(name)?;
        let mut field = Self::EMPTY;
        field.0[..name.len()].copy_from_slice(name.as_bytes());
        Ok(field)
    }

    /// The name, of any form. Bytes after the NUL are ignored.
    ///
    /// # Errors
    /// `Empty`, `TooLong` (also when no NUL ends it) or `Encoding`.
    pub fn name(&self) -> Result<&str, NqnError> {
        let length = self.0.iter().position(|&byte| byte == 0).ok_or(NqnError::TooLong)?;
        let name = core::str::from_utf8(&self.0[..length]).map_err(|_| NqnError::Encoding)?;
        check_name(name)?;
        Ok(name)
    }
}

impl fmt::Debug for NqnField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NqnField({:?})", self.name())
    }
}

impl From<&Nqn> for NqnField {
    fn from(nqn: &Nqn) -> Self {
        Self::new(nqn.as_str()).expect("an Nqn is short enough for its field")
    }
}

/// What any name must satisfy to be put into a field.
fn check_name(name: &str) -> Result<(), NqnError> {
    match name.len() {
        0 => Err(NqnError::Empty),
        1..=NQN_BYTES_MAX if name.chars().any(char::is_control) => Err(NqnError::Encoding),
        1..=NQN_BYTES_MAX => Ok(()),
        _ => Err(NqnError::TooLong),
    }
}

/// Which of the forms the name has.
fn check_form(name: &str) -> Result<(), NqnError> {
    if name == DISCOVERY_NQN {
        return Ok(());
    }
    if let Some(uuid) = name.strip_prefix(UUID_PREFIX) {
        return if is_uuid(uuid) { Ok(()) } else { Err(NqnError::Uuid) };
    }
    let rest = strip_date(name).ok_or(NqnError::Date)?;
    let (domain, string) = rest.split_once(':').ok_or(NqnError::Domain)?;
    if is_reverse_domain(domain) && !string.is_empty() { Ok(()) } else { Err(NqnError::Domain) }
}

/// What follows `nqn.yyyy-mm.`.
fn strip_date(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("nqn.")?;
    let (date, rest) = rest.split_once('.')?;
    let (year, month) = date.split_once('-')?;
    let month_valid = month.len() == 2 && matches!(month.parse(), Ok(1_u8..=12));
    (year.len() == 4 && is_digits(year) && is_digits(month) && month_valid).then_some(rest)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Labels of letters, digits and inner hyphens (RFC 1034 section 3.5), the top-level one first.
fn is_reverse_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    })
}

fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    let hex = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let matched = UUID_GROUPS
        .iter()
        .all(|&length| groups.next().is_some_and(|group| group.len() == length && hex(group)));
    matched && groups.next().is_none()
}

#[cfg(test)]
mod test {
    use super::*;

    const UUID_NQN: &str = "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

    #[test]
    fn well_formed_names() {
        for name in [
            DISCOVERY_NQN,
            UUID_NQN,
            "nqn.2026-11.io.sluice:volume-1",
            "nqn.2014-08.com.example:nvme:a:b \u{e4}",
        ] {
            assert_eq!(name.parse::<Nqn>().map(|nqn| nqn.to_string()), Ok(name.to_owned()));
        }
        assert!(DISCOVERY_NQN.parse::<Nqn>().is_ok_and(|nqn| nqn.is_discovery()));
    }

    #[test]
    fn each_fault_has_its_error() {
        let cases = [
            ("", NqnError::Empty),
            ("nqn.2014-08.com.example:a\n", NqnError::Encoding),
            ("iqn.2014-08.com.example:a", NqnError::Date),
            ("nqn.2014-13.com.example:a", NqnError::Date),
            ("nqn.2014-00.com.example:a", NqnError::Date),
            ("nqn.2014-8.com.example:a", NqnError::Date),
            ("nqn.2014-+8.com.example:a", NqnError::Date),
            ("nqn.14-08.com.example:a", NqnError::Date),
            ("nqn.2014-08", NqnError::Date),
            ("nqn.2014-08.com.example", NqnError::Domain),
            ("nqn.2014-08.com.example:", NqnError::Domain),
            ("nqn.2014-08.:a", NqnError::Domain),
            ("nqn.2014-08.com..example:a", NqnError::Domain),
            ("nqn.2014-08.com.-example:a", NqnError::Domain),
            ("nqn.2014-08.com.exa_mple:a", NqnError::Domain),
            ("nqn.2014-08.org.nvmexpress:uuid:f81d4fae", NqnError::Uuid),
            ("nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bg6", NqnError::Uuid),
            ("nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6-1", NqnError::Uuid),
        ];
        for (name, error) in cases {
            assert_eq!(name.parse::<Nqn>(), Err(error), "{name:?}");
        }
    }

    #[test]
    fn the_longest_name_is_223_bytes() {
        let longest = format!("nqn.2014-08.com.example:{}", "x".repeat(NQN_BYTES_MAX - 24));
        let nqn = longest.parse::<Nqn>().expect("it is just short enough");
        assert_eq!(NqnField::from(&nqn).name(), Ok(longest.as_str()));
        assert_eq!(format!("{longest}x").parse::<Nqn>(), Err(NqnError::TooLong));
        assert_eq!(NqnField::new(&format!("{longest}x")), Err(NqnError::TooLong));
    }

    #[test]
    fn a_field_is_nul_terminated_and_padded() {
        let field = NqnField::new("nqn.x").expect("the form does not matter here");
        assert_eq!(&field.as_bytes()[..8], b"nqn.x\0\0\0");
        assert_eq!(field.as_bytes().len(), NQN_FIELD_BYTES);
        assert!(format!("{field:?}").contains("nqn.x"));
    }

    #[test]
    fn a_field_without_end_or_text_is_refused() {
        assert_eq!(NqnField::EMPTY.name(), Err(NqnError::Empty));
        assert_eq!(NqnField([b'n'; 256]).name(), Err(NqnError::TooLong));
        let mut field = NqnField([b'n'; 256]);
        field.0[224] = 0;
        assert_eq!(field.name(), Err(NqnError::TooLong));
        let mut field = NqnField::EMPTY;
        field.0[0] = 0xff;
        assert_eq!(field.name(), Err(NqnError::Encoding));
    }
}
