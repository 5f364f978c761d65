//! Power State Descriptor, NVMe Base 2.0 section 5.17.2.1: 32 of them end Identify Controller.
//!
//! | bytes | field |
//! |---|---|
//! | 1:0 | MP, maximum power |
//! | 3 | MXPS, NOPS |
//! | 7:4 | ENLAT, entry latency in us |
//! | 11:8 | EXLAT, exit latency in us |
//! | 12..16 | RRT, RRL, RWT, RWL: relative throughput and latency |
//! | 17:16 | IDLP, idle power |
//! | 18 | IPS, idle power scale |
//! | 21:20 | ACTP, active power |
//! | 22 | APW, APS |
//!
//! A controller without power management has exactly one state, all zero: "not reported".

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// Byte 3: flags.
    pub struct PowerStateFlags(u8) {
        /// MXPS: MP is in units of 0.0001 W instead of 0.01 W.
        mxps, with_mxps: bool = 0..1;
        /// NOPS: the controller processes no I/O in this state.
        nops, with_nops: bool = 1..2;
    }
}

bit_fields! {
    /// Byte 22: scale and workload of ACTP.
    pub struct ActivePower(u8) {
        /// APW: workload.
        apw, with_apw: u8 = 0..3;
        /// APS: 0 not reported, 1 is 0.0001 W, 2 is 0.01 W.
        aps, with_aps: u8 = 6..8;
    }
}

bit_fields! {
    /// Byte 18: scale of IDLP.
    pub struct IdlePower(u8) {
        /// IPS: 0 not reported, 1 is 0.0001 W, 2 is 0.01 W.
        ips, with_ips: u8 = 6..8;
    }
}

/// One power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PowerState {
    /// MP: maximum power, in 0.01 W unless MXPS.
    pub mp: U16,
    /// Reserved.
    pub reserved2: u8,
    /// Flags.
    pub flags: PowerStateFlags,
    /// ENLAT: entry latency, microseconds; 0 not reported.
    pub enlat: U32,
    /// EXLAT: exit latency, microseconds; 0 not reported.
    pub exlat: U32,
    /// RRT: relative read throughput, 0 best.
    pub rrt: u8,
    /// RRL: relative read latency, 0 best.
    pub rrl: u8,
    /// RWT: relative write throughput, 0 best.
    pub rwt: u8,
    /// RWL: relative write latency, 0 best.
    pub rwl: u8,
    /// IDLP: idle power.
    pub idlp: U16,
    /// Scale of IDLP.
    pub ips: IdlePower,
    /// Reserved.
    pub reserved19: u8,
    /// ACTP: active power.
    pub actp: U16,
    /// Scale and workload of ACTP.
    pub active: ActivePower,
    /// Reserved.
    pub reserved23: [u8; 9],
}

wire_layout!(PowerState: 32 {
    mp @ 0, flags @ 3, enlat @ 4, exlat @ 8, rrt @ 12, rwl @ 15, idlp @ 16, ips @ 18, actp @ 20, active @ 22,
});

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let state = PowerState {
            mp: U16::new(2500),
            flags: PowerStateFlags::default().with_nops(true),
            enlat: U32::new(16),
            exlat: U32::new(4),
            rwl: 1,
            idlp: U16::new(0x0102),
            ips: IdlePower::default().with_ips(2),
            actp: U16::new(0x0304),
            active: ActivePower::default().with_apw(1).with_aps(2),
            ..PowerState::default()
        };
        let golden = [
            0xc4, 0x09, 0, 2, 16, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0x80, 0, 4, 3, 0x81, 0, 0, 0, 0, 0,
            0, 0, 0, 0,
        ];
        assert_eq!(state.as_bytes(), golden);
        assert_eq!(PowerState::read_from_bytes(&golden), Ok(state));
    }
}
