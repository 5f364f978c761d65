//! PDUs as bytes, with the digests in force.

use sluice_nvme::sqe::Sqe;
use sluice_nvme::tcp::digest::crc32c;
use sluice_nvme::tcp::{CapsuleCmd, CommonHeader, DIGEST_BYTES, H2cData, PduFlags};
use zerocopy::{FromBytes, IntoBytes};

/// What a connection has agreed on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digests {
    pub(crate) header: bool,
    pub(crate) data: bool,
}

/// Which part of a command's data an H2CData carries, and for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) cid: u16,
    pub(crate) ttag: u16,
    pub(crate) offset: u32,
    pub(crate) last: bool,
}

impl Digests {
    /// A command capsule; no data if `data` is empty.
    pub(crate) fn capsule(self, sqe: &Sqe, data: &[u8]) -> Vec<u8> {
        let (flags, pdo, plen) = self.frame(72, data.len());
        self.join(CapsuleCmd::new(flags, pdo, plen, *sqe).as_bytes(), data)
    }

    /// An H2CData.
    pub(crate) fn h2c_data(self, transfer: Transfer, data: &[u8]) -> Vec<u8> {
        let (flags, pdo, plen) = self.frame(24, data.len());
        let length = u32::try_from(data.len()).expect("a short transfer");
        let Transfer { cid, ttag, offset, last } = transfer;
        let header = H2cData::new(flags.with_last_pdu(last), pdo, plen, cid, ttag, (offset, length));
        self.join(header.as_bytes(), data)
    }

    fn frame(self, header: usize, data: usize) -> (PduFlags, u8, u32) {
        let carries = data > 0;
        let digest = |on: bool| if on { DIGEST_BYTES } else { 0 };
        let start = header + digest(self.header);
        let whole = start + data + digest(self.data && carries);
        let flags = PduFlags::NONE.with_header_digest(self.header).with_data_digest(self.data && carries);
        let pdo = if carries { u8::try_from(start).expect("a header") } else { 0 };
        (flags, pdo, u32::try_from(whole).expect("a short PDU"))
    }

    fn join(self, header: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = header.to_vec();
        if self.header {
            bytes.extend(crc32c(header).to_le_bytes());
        }
        bytes.extend(data);
        if self.data && !data.is_empty() {
            bytes.extend(crc32c(data).to_le_bytes());
        }
        bytes
    }
}

/// Type and length of the PDU that begins here; `None` if less than a common header is left.
pub(crate) fn common(bytes: &[u8]) -> Option<CommonHeader> {
    CommonHeader::read_from_prefix(bytes).ok().map(|(header, _)| header)
}

/// `pdu` with the bytes at `at` overwritten.
pub(crate) fn patched(mut pdu: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    pdu[at..at + with.len()].copy_from_slice(with);
    pdu
}
