//! Supported Log Pages (LID 00h), NVMe Base 2.0 section 5.16.1.1: one dword per log page identifier.

use super::LogId;
use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// LID Supported and Effects; zero: not supported.
    pub struct LogSupport(u32) {
        /// LSUPP: the page is supported.
        lsupp, with_lsupp: bool = 0..1;
        /// IOS: Get Log Page may give an index as offset.
        ios, with_ios: bool = 1..2;
        /// Specific to the page.
        specific, with_specific: u16 = 16..32;
    }
}

/// The page as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SupportedLogs {
    /// By log page identifier.
    pub pages: [LogSupport; 256],
}

wire_layout!(SupportedLogs: 1024 { pages @ 0 });

impl SupportedLogs {
    /// The page that declares `pages` supported.
    #[must_use]
    pub fn new(pages: &[LogId]) -> Self {
        let mut log = Self::default();
        for page in pages {
            log.pages[usize::from(page.wire())] = LogSupport::default().with_lsupp(true);
        }
        log
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let log = SupportedLogs::new(&[LogId::SupportedLogPages, LogId::Discovery]);
        let bytes = log.as_bytes();
        assert_eq!((bytes[0], bytes[0x70 * 4]), (1, 1));
        assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 2);
        assert!(SupportedLogs::read_from_bytes(bytes).is_ok_and(|read| read == log));
    }
}
