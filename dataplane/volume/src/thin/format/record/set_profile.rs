//! The device has this quality of service to give, as it was measured.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 12 |
//! | 1..8 | reserved | zero |
//! | 8..264 | profile | 32 words of 8 bytes, whose meaning is the scheduler's |

use std::mem::offset_of;

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: [u8; 7],
    profile: [U64; 32],
}

const _: () = assert!(size_of::<Raw>() == SetProfile::BYTES);
const _: () = assert!(offset_of!(Raw, profile) == 8);

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetProfile {
    pub(crate) profile: [u64; 32],
}

impl SetProfile {
    pub(super) const KIND: u8 = 12;
    pub(super) const BYTES: usize = 264;

    pub(super) fn encode(&self, out: &mut [u8]) {
        let profile = self.profile.map(U64::new);
        out.copy_from_slice(Raw { kind: Self::KIND, reserved: [0; 7], profile }.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != [0; 7] {
            return Err(RESERVED);
        }
        Ok(Self { profile: raw.profile.map(U64::get) })
    }
}
