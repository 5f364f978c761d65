//! PDUs as a host frames them: digests and padding as the connection has them.

use crate::tcp::{PduFlags, digest};
use zerocopy::{Immutable, IntoBytes};

/// Digests and alignment in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) header_digest: bool,
    pub(super) data_digest: bool,
    /// Of data, in bytes.
    pub(super) align: usize,
}

impl Frame {
    pub(super) fn flags(&self, data: bool) -> PduFlags {
        PduFlags::NONE.with_header_digest(self.header_digest).with_data_digest(self.data_digest && data)
    }

    /// PDO and PLEN.
    pub(super) fn extent(&self, header: usize, data: usize) -> (u8, u32) {
        let head = header + if self.header_digest { 4 } else { 0 };
        if data == 0 {
            return (0, u32::try_from(head).expect("it is small"));
        }
        let pdo = head.next_multiple_of(self.align);
        let plen = pdo + data + if self.data_digest { 4 } else { 0 };
        (u8::try_from(pdo).expect("at most 128"), u32::try_from(plen).expect("it is small"))
    }

    pub(super) fn pdu<T: IntoBytes + Immutable>(&self, header: &T, data: &[u8]) -> Vec<u8> {
        let mut pdu = header.as_bytes().to_vec();
        if self.header_digest {
            pdu.extend(digest::crc32c(header.as_bytes()).to_le_bytes());
        }
        if !data.is_empty() {
            pdu.resize(pdu.len().next_multiple_of(self.align), 0);
            pdu.extend_from_slice(data);
            if self.data_digest {
                pdu.extend(digest::crc32c(data).to_le_bytes());
            }
        }
        pdu
    }
}

/// Makes the digest fit the header that HLEN names.
pub(super) fn restore_header_digest(pdu: &mut [u8]) {
    let hlen = pdu.get(2).copied().map_or(0, usize::from);
    if hlen >= 8 && pdu.len() >= hlen + 4 {
        let digest = digest::crc32c(&pdu[..hlen]).to_le_bytes();
        pdu[hlen..hlen + 4].copy_from_slice(&digest);
    }
}
