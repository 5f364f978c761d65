//! I/O Command Set Independent Identify Namespace (CNS 08h), NVMe Base 2.0 section 5.17.2.8. The Linux host
//! asks every controller of version 2.0 for it.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | NSFEAT |
//! | 1 | NMIC |
//! | 2 | RESCAP |
//! | 3 | FPI |
//! | 7:4 | ANAGRPID |
//! | 8 | NSATTR |
//! | 11:10 | NVMSETID |
//! | 13:12 | ENDGID |
//! | 14 | NSTAT |

use super::namespace::Nmic;
use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// NSFEAT of this structure; not the bits of Identify Namespace.
    pub struct IndependentNsfeat(u8) {
        /// UIDREUSE: NGUID and EUI64 are never reused.
        uidreuse, with_uidreuse: bool = 3..4;
        /// RMEDIA: the media rotates.
        rmedia, with_rmedia: bool = 4..5;
        /// VWCNP: no volatile write cache for this namespace.
        vwcnp, with_vwcnp: bool = 5..6;
    }
}

bit_fields! {
    /// NSTAT: Namespace Status.
    pub struct Nstat(u8) {
        /// NRDY: ready for I/O.
        nrdy, with_nrdy: bool = 0..1;
    }
}

/// The structure as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IndependentNamespace {
    /// NSFEAT.
    pub nsfeat: IndependentNsfeat,
    /// NMIC, as in Identify Namespace.
    pub nmic: Nmic,
    /// RESCAP, as in Identify Namespace.
    pub rescap: u8,
    /// FPI, as in Identify Namespace.
    pub fpi: u8,
    /// ANAGRPID: ANA group.
    pub anagrpid: U32,
    /// NSATTR: bit 0: currently write protected.
    pub nsattr: u8,
    /// Reserved.
    pub reserved9: u8,
    /// NVMSETID: NVM Set.
    pub nvmsetid: U16,
    /// ENDGID: Endurance Group.
    pub endgid: U16,
    /// NSTAT.
    pub nstat: Nstat,
    /// Reserved.
    pub reserved15: [u8; 4081],
}

wire_layout!(IndependentNamespace: 4096 {
    nsfeat @ 0, nmic @ 1, rescap @ 2, fpi @ 3, anagrpid @ 4, nsattr @ 8, nvmsetid @ 10, endgid @ 12, nstat @ 14,
});

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let data = IndependentNamespace {
            nsfeat: IndependentNsfeat::default().with_uidreuse(true).with_vwcnp(true),
            nmic: Nmic::default().with_shared(true),
            anagrpid: U32::new(0x0102),
            nstat: Nstat::default().with_nrdy(true),
            ..IndependentNamespace::default()
        };
        let bytes = data.as_bytes();
        assert_eq!(bytes[..16], [0x28, 1, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!(IndependentNamespace::read_from_bytes(bytes).is_ok_and(|read| read == data));
    }
}
