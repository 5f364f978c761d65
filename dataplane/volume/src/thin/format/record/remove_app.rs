//! An application has no labels and no quality of service of its own any more.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 10 |
//! | 1 | name_bytes | length of the name, 1 to 63 |
//! | 2..8 | reserved | zero |
//! | 8..72 | name | ASCII, padded with zeroes |

use std::mem::offset_of;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;
use crate::thin::format::text::{put, take};

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    name_bytes: u8,
    reserved: [u8; 6],
    name: [u8; 64],
}

const _: () = assert!(size_of::<Raw>() == RemoveApp::BYTES);
const _: () = assert!(offset_of!(Raw, name) == 8);

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoveApp {
    pub(crate) name: String,
}

impl RemoveApp {
    pub(super) const KIND: u8 = 10;
    pub(super) const BYTES: usize = 72;

    pub(super) fn encode(&self, out: &mut [u8]) {
        let mut raw = Raw::new_zeroed();
        raw.kind = Self::KIND;
        raw.name_bytes = put(&mut raw.name, &self.name);
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != [0; 6] {
            return Err(RESERVED);
        }
        Ok(Self { name: take(&raw.name, raw.name_bytes)? })
    }
}
