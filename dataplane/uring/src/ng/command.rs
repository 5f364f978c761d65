//! An NVMe command in the kernel's form: `nvme_passthru_cmd` and `nvme_uring_cmd` of `linux/nvme_ioctl.h`.
//!
//! | bytes | field |
//! |---|---|
//! | 0, 1, 3:2 | opcode, flags, reserved |
//! | 7:4, 11:8, 15:12 | NSID, CDW2, CDW3 |
//! | 23:16, 31:24 | addresses of metadata and data |
//! | 35:32, 39:36 | their lengths in bytes |
//! | 63:40 | CDW10 to CDW15 |
//! | 67:64 | timeout in ms; 0: the driver's own |
//! | 71:68 | result of the ioctl; reserved in a ring |
//!
//! Numbers are the host's, in its byte order.

use sluice_nvme::sqe::Sqe;
use zerocopy::{Immutable, IntoBytes};

/// `NVME_URING_CMD_IO`, `_IOWR('N', 0x80, struct nvme_uring_cmd)`.
pub(super) const IO: u32 = 0xc048_4e80;

/// `NVME_IOCTL_ID`, `_IO('N', 0x40)`.
pub(super) const NAMESPACE_ID: libc::c_ulong = 0x4e40;

/// `NVME_IOCTL_ADMIN_CMD`, `_IOWR('N', 0x41, struct nvme_passthru_cmd)`.
pub(super) const ADMIN: libc::c_ulong = 0xc048_4e41;

/// Bytes of a ring's entry for a command.
const ENTRY_BYTES: usize = 80;

/// Memory that a command's data come from or go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) address: u64,
    pub(super) length_bytes: u32,
}

/// The structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct KernelCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    address: u64,
    metadata_bytes: u32,
    data_bytes: u32,
    cdw10: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

const _: () = {
    assert!(size_of::<KernelCommand>() == 72);
    assert!(std::mem::offset_of!(KernelCommand, address) == 24);
    assert!(std::mem::offset_of!(KernelCommand, cdw10) == 40);
    assert!(std::mem::offset_of!(KernelCommand, timeout_ms) == 64);
};

impl KernelCommand {
    /// The command of `entry`, whose identifier and data pointer the kernel chooses itself.
    pub(super) fn new(entry: &Sqe, data: Data) -> Self {
        let words = [entry.cdw10, entry.cdw11, entry.cdw12, entry.cdw13, entry.cdw14, entry.cdw15];
        Self {
            opcode: entry.opcode,
            nsid: entry.nsid.get(),
            address: data.address,
            data_bytes: data.length_bytes,
            cdw10: words.map(|word| word.get()),
            ..Self::default()
        }
    }

    /// As a ring's entry carries it.
    pub(super) fn entry(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        entry[..size_of::<Self>()].copy_from_slice(self.as_bytes());
        entry
    }
}

#[cfg(test)]
mod test {
    use sluice_device::Op;
    use sluice_nvme_block::{Abilities, Command};

    use super::*;

    #[test]
    fn golden_on_a_little_endian_host() {
        let abilities = Abilities { sgl: false, write_zeroes: true, write_zeroes_deallocates: true };
        let command = Command { op: Op::Write { fua: true }, lba: 0x1_0000_0002, blocks: 8 };
        let data = Data { address: 0x7f00_1122_3344_5000, length_bytes: 4096 };
        let entry = KernelCommand::new(&command.encode(3, abilities), data).entry();
        let mut expected = [0u8; 80];
        (expected[0], expected[4]) = (1, 3);
        expected[24..32].copy_from_slice(&0x7f00_1122_3344_5000u64.to_le_bytes());
        expected[36..40].copy_from_slice(&4096u32.to_le_bytes());
        expected[40..44].copy_from_slice(&2u32.to_le_bytes());
        expected[44..48].copy_from_slice(&1u32.to_le_bytes());
        expected[48..52].copy_from_slice(&0x4000_0007u32.to_le_bytes());
        assert_eq!(entry, expected);
    }
}
