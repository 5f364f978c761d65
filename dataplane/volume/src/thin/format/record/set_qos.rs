//! A volume has this quality of service within its application.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 11 |
//! | 1..4 | reserved | zero |
//! | 4..8 | map | id of the volume |
//! | 8..40 | qos | 4 words of 8 bytes, whose meaning is the scheduler's |

use std::mem::offset_of;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: [u8; 3],
    map: U32,
    qos: [U64; 4],
}

const _: () = assert!(size_of::<Raw>() == SetQos::BYTES);
const _: () = assert!(offset_of!(Raw, qos) == 8);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetQos {
    pub(crate) map: u32,
    pub(crate) qos: [u64; 4],
}

impl SetQos {
    pub(super) const KIND: u8 = 11;
    pub(super) const BYTES: usize = 40;

    pub(super) fn encode(self, out: &mut [u8]) {
        let (map, qos) = (self.map.into(), self.qos.map(U64::new));
        out.copy_from_slice(Raw { kind: Self::KIND, reserved: [0; 3], map, qos }.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != [0; 3] {
            return Err(RESERVED);
        }
        Ok(Self { map: raw.map.get(), qos: raw.qos.map(U64::get) })
    }
}
