//! PDUs of NVMe/TCP (NVMe/TCP Transport Specification section 3.6): one structure per file, as on the wire.
//!
//! ```text
//!   +---------------+---------+-------+-------------------+---------+
//!   | PDU header    | [HDGST] | [PAD] | DATA              | [DDGST] |
//!   +---------------+---------+-------+-------------------+---------+
//!   0               HLEN              PDO                           PLEN
//! ```
//!
//! The qpair machines assemble and check these; nothing here knows a connection's state. Structures are
//! unaligned and without padding, so a received header is viewed where it lies.

pub mod c2h_data;
pub mod capsule_cmd;
pub mod capsule_resp;
pub mod common_header;
pub mod digest;
pub mod h2c_data;
pub mod ic_req;
pub mod ic_resp;
pub mod pdu_error;
pub mod r2t;
pub mod term_req;

pub use c2h_data::C2hData;
pub use capsule_cmd::CapsuleCmd;
pub use capsule_resp::CapsuleResp;
pub use common_header::{CommonHeader, PduFlags, PduType};
pub use digest::{Crc32c, DigestError};
pub use h2c_data::H2cData;
pub use ic_req::{DigestFlags, IcReq};
pub use ic_resp::IcResp;
pub use pdu_error::{Fes, PduError};
pub use r2t::R2t;
pub use term_req::TermReq;

/// Bytes of a header or data digest.
pub const DIGEST_BYTES: usize = 4;
/// The one PDU format version (PFV) there is.
pub const PFV: u16 = 0;
/// Largest value of HPDA and CPDA, in dwords, zero-based: data aligned to 128 bytes.
pub const PDA_MAX: u8 = 31;
/// Least MAXH2CDATA a controller may announce, in bytes (section 3.6.2.3).
pub const MAXH2CDATA_MIN: u32 = 4096;
/// In-capsule data that every controller takes with Fabrics and Admin commands, in bytes (section 3.3.1).
pub const ADMIN_IN_CAPSULE_BYTES: u32 = 8192;
