//! SGL descriptor, the data pointer of every command over Fabrics (NVMe Base section 4.3.2).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | address, or offset into the capsule's data |
//! | 8..12 | length in bytes |
//! | 12..15 | reserved |
//! | 15 | identifier: type in the high nibble, sub type in the low one |
//!
//! NVMe/TCP knows two of them: data that follow the command in its capsule, and data that the transport
//! moves by R2T and H2CData or by C2HData. Every other identifier is the owner's to refuse.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// SGL Data Block descriptor (type 0h) whose address is an offset (sub type 1h): data in the capsule.
pub const IDENTIFIER_IN_CAPSULE: u8 = 0x01;
/// Transport SGL Data Block descriptor (type 5h), transport specific sub type Ah: data moved by the transport.
pub const IDENTIFIER_TRANSPORT: u8 = 0x5a;

/// The descriptor as it stands in SQE bytes 24..40.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SglDescriptor {
    /// Address, or offset from the start of the capsule's data, in bytes.
    pub address: U64,
    /// Length in bytes.
    pub length: U32,
    /// Reserved, zero.
    pub reserved: [u8; 3],
    /// Type (high nibble) and sub type (low nibble).
    pub identifier: u8,
}

const _: () = {
    assert!(size_of::<SglDescriptor>() == 16);
    assert!(core::mem::offset_of!(SglDescriptor, length) == 8);
    assert!(core::mem::offset_of!(SglDescriptor, identifier) == 15);
};

/// A command's data pointer, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sgl {
    /// Data travel in the command capsule.
    InCapsule {
        /// Offset from the start of the in-capsule data, in bytes.
        offset: u64,
        /// Length in bytes.
        length: u32,
    },
    /// The transport moves the data in PDUs of their own. A command without data carries this with length 0.
    Transport {
        /// Length in bytes.
        length: u32,
    },
    /// Any other identifier byte; NVMe/TCP has no use for it.
    Other(u8),
}

impl Sgl {
    /// Reads SQE bytes 24..40.
    #[must_use]
    pub fn decode(dptr: &[u8; 16]) -> Self {
        let descriptor: SglDescriptor = zerocopy::transmute!(*dptr);
        let length = descriptor.length.get();
        match descriptor.identifier {
            IDENTIFIER_TRANSPORT => Self::Transport { length },
            IDENTIFIER_IN_CAPSULE => Self::InCapsule { offset: descriptor.address.get(), length },
            other => Self::Other(other),
        }
    }

    /// The bytes for SQE 24..40. Only the identifier of an `Other` is kept.
    #[must_use]
    pub fn encode(self) -> [u8; 16] {
        let (address, length, identifier) = match self {
            Self::InCapsule { offset, length } => (offset, length, IDENTIFIER_IN_CAPSULE),
            Self::Transport { length } => (0, length, IDENTIFIER_TRANSPORT),
            Self::Other(identifier) => (0, 0, identifier),
        };
        zerocopy::transmute!(SglDescriptor {
            address: U64::new(address),
            length: U32::new(length),
            reserved: [0; 3],
            identifier,
        })
    }

    /// The transfer length in bytes; 0 for an identifier that NVMe/TCP does not know.
    #[must_use]
    pub const fn length(self) -> u32 {
        match self {
            Self::InCapsule { length, .. } | Self::Transport { length } => length,
            Self::Other(_) => 0,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let in_capsule = Sgl::InCapsule { offset: 0x0102, length: 0x1000 };
        assert_eq!(in_capsule.encode(), [2, 1, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0x01]);
        let transport = Sgl::Transport { length: 0x0002_0000 };
        assert_eq!(transport.encode(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x5a]);
    }

    #[test]
    fn round_trips() {
        for sgl in [
            Sgl::InCapsule { offset: 7, length: 512 },
            Sgl::Transport { length: 0 },
            Sgl::Transport { length: u32::MAX },
            Sgl::Other(0x40),
        ] {
            assert_eq!(Sgl::decode(&sgl.encode()), sgl);
        }
    }
}
