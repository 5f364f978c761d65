//! An application has these labels and this quality of service, whether or not it was there before.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 9 |
//! | 1 | reserved_0 | zero |
//! | 2..4 | length_bytes | of this record |
//! | 4..8 | reserved_1 | zero |
//! | 8.. | app | the [application](crate::thin::format::app) |

use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::app::AppRecord;
use crate::thin::format::{Damage, app};

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved_0: u8,
    length_bytes: U16,
    reserved_1: [u8; 4],
}

const _: () = assert!(size_of::<Raw>() == 8);

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetApp {
    pub(crate) app: AppRecord,
}

impl SetApp {
    pub(super) const KIND: u8 = 9;

    pub(super) fn bytes(&self) -> usize {
        size_of::<Raw>() + app::bytes(&self.app)
    }

    /// Its length, told by its first bytes.
    pub(super) fn length(bytes: &[u8; 4]) -> usize {
        usize::from(u16::from_le_bytes([bytes[2], bytes[3]]))
    }

    pub(super) fn encode(&self, out: &mut [u8]) {
        let length_bytes = u16::try_from(out.len()).expect("shorter than a block").into();
        let raw = Raw { kind: Self::KIND, reserved_0: 0, length_bytes, reserved_1: [0; 4] };
        let (head, place) = out.split_at_mut(size_of::<Raw>());
        head.copy_from_slice(raw.as_bytes());
        app::encode(&self.app, place);
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let (raw, place) = Raw::ref_from_prefix(bytes).map_err(|_| LENGTH)?;
        if raw.reserved_0 != 0 || raw.reserved_1 != [0; 4] {
            return Err(RESERVED);
        }
        match app::decode(place)? {
            (app, []) => Ok(Self { app }),
            _ => Err(LENGTH),
        }
    }
}
