//! A host's controller with its queues, and the witness that others' misdeeds must not touch.

use super::host::{Connect, Host};
use super::{BLOCK, Target, VOLUME_BLOCKS};
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::property::Property;
use sluice_nvme::sqe::Sqe;

/// CC: enabled, entries of 64 and 16 bytes.
pub(crate) const ENABLE: u64 = 0x0046_0001;

/// The command that enables a controller.
pub(crate) fn enable() -> Sqe {
    let mut sqe = Sqe::default();
    PropertyCommand::set(Property::Cc, ENABLE).write_set_to(&mut sqe);
    sqe
}

/// An admin queue and its I/O queues.
pub(crate) struct Association {
    pub(crate) subsystem: String,
    pub(crate) cntlid: u16,
    pub(crate) admin: Host,
    pub(crate) io: Vec<Host>,
}

impl Association {
    /// A controller that is enabled, with I/O queues 1 to `queues`.
    pub(crate) fn open(target: &Target, subsystem: &str, queues: u16) -> Self {
        Self::connect(target, &Connect::admin(subsystem), queues, false)
    }

    /// As `connect` asks; with digests if told.
    pub(crate) fn connect(target: &Target, connect: &Connect, queues: u16, digests: bool) -> Self {
        let mut admin = Host::open(target, digests);
        let reply = admin.connect(connect, 8192);
        assert!(reply.status().is_success(), "{:?}", reply.status());
        let cntlid = u16::try_from(reply.cqe.dw0.get() & 0xffff).expect("masked");
        assert!(admin.configure(ENABLE).is_success());
        let in_capsule_bytes = target.config.limits.in_capsule_bytes;
        let entries = target.config.limits.queue_entries;
        let open = |qid| {
            let mut queue = Host::open(target, digests);
            let connect = Connect { cntlid, qid, sqsize: entries - 1, kato_ms: 0, ..connect.clone() };
            let reply = queue.connect(&connect, in_capsule_bytes);
            assert!(reply.status().is_success(), "queue {qid}: {:?}", reply.status());
            queue
        };
        let io = (1..=queues).map(open).collect();
        Self { subsystem: connect.subsystem.clone(), cntlid, admin, io }
    }

    /// What connects one more I/O queue.
    pub(crate) fn io_queue(&self, qid: u16) -> Connect {
        Connect::io(&self.subsystem, self.cntlid, qid)
    }
}

/// A host of its own that writes, reads and checks all the while, on queues of its own.
pub(crate) struct Witness {
    pub(crate) association: Association,
    round: u64,
}

impl Witness {
    pub(crate) fn open(target: &Target, subsystem: &str) -> Self {
        Self { association: Association::open(target, subsystem, 1), round: 0 }
    }

    /// A write of one and one of eight blocks, in the capsule and by R2T, read back and compared. No block is written
    /// twice soon: that waits for the pool's seal, and so for a Flush that a test may hold back.
    pub(crate) fn testify(&mut self) {
        self.round += 1;
        let stamp = self.round;
        let queue = &mut self.association.io[0];
        for (at, blocks) in [(0, 1), (4, 8)] {
            let lba = stamp * 16 % (VOLUME_BLOCKS - 16) + at;
            let data = pattern(stamp, blocks);
            assert!(queue.write(lba, data.clone(), blocks == 1).is_success());
            assert!(queue.read(lba, blocks) == Ok(data), "the witness reads what it wrote, round {stamp}");
        }
    }
}

/// Blocks that no other stamp makes.
pub(crate) fn pattern(stamp: u64, blocks: usize) -> Vec<u8> {
    let words = (0..blocks * BLOCK / 8).map(|at| (stamp << 20) ^ at as u64);
    words.flat_map(u64::to_le_bytes).collect()
}
