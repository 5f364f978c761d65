//! The steps of a job on a file as entries of the submission queue.

use io_uring::squeue::{Entry, Flags};
use io_uring::types::FsyncFlags;
use io_uring::{cqueue, opcode};

use crate::device::Slot;
use crate::job::Step;
use crate::ring::{Ring, SYNC};

/// The ring of a file or block device.
pub(crate) type FileRing = Ring<Entry, cqueue::Entry>;

impl FileRing {
    /// Queues the step that `slot`'s job is at, under the name `index`.
    ///
    /// # Safety
    /// Until the answer of that name has been reaped, the slot's buffer is neither dropped nor accessed.
    pub(crate) unsafe fn push(&mut self, index: u32, slot: &mut Slot) {
        let entry = self.entry(slot).user_data(u64::from(index));
        // SAFETY: the entry's memory is the slot's buffer, which the caller keeps; or `self.zeroes`, which is read
        // only and lives until drop; or there is none.
        unsafe { self.push_entry(&entry) };
    }

    /// Queues one sync for many requests, under the name [`SYNC`].
    pub(crate) fn push_sync(&mut self) {
        let sync = opcode::Fsync::new(self.target()).flags(FsyncFlags::DATASYNC).build();
        let entry = self.with_file(sync).user_data(SYNC);
        // SAFETY: the entry has no memory.
        unsafe { self.push_entry(&entry) };
    }

    /// The kernel's entry for a step.
    fn entry(&self, slot: &mut Slot) -> Entry {
        let (target, job) = (self.target(), &slot.job);
        let (offset, length) = (job.position(), job.transfer_bytes());
        let flags = if job.fua() { libc::RWF_DSYNC } else { 0 };
        let hole = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let range = libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE;
        let allocate =
            |mode| opcode::Fallocate::new(target, job.remaining_bytes()).offset(offset).mode(mode).build();
        let entry = match job.step() {
            Step::Read => self.read(slot),
            Step::Write => self.write(slot, flags),
            Step::WriteZeroes => {
                let write = opcode::Write::new(target, self.zeroes.as_ptr(), length);
                write.offset(offset).rw_flags(flags).build()
            }
            Step::Punch => allocate(hole),
            Step::ZeroRange => allocate(range),
            Step::Sync => opcode::Fsync::new(target).flags(FsyncFlags::DATASYNC).build(),
        };
        self.with_file(entry)
    }

    fn read(&self, slot: &mut Slot) -> Entry {
        let (target, job) = (self.target(), slot.job);
        let buffer = slot.buffer.as_mut().expect("a checked read has a buffer");
        let piece = self.piece(buffer);
        let address = buffer.as_mut_ptr().wrapping_add(job.done_bytes() as usize);
        match piece {
            Some(piece) => opcode::ReadFixed::new(target, address, job.transfer_bytes(), piece)
                .offset(job.position())
                .build(),
            None => opcode::Read::new(target, address, job.transfer_bytes()).offset(job.position()).build(),
        }
    }

    fn write(&self, slot: &Slot, flags: i32) -> Entry {
        let (target, job) = (self.target(), slot.job);
        let buffer = slot.buffer.as_ref().expect("a checked write has a buffer");
        let address = buffer.as_ptr().wrapping_add(job.done_bytes() as usize);
        let length = job.transfer_bytes();
        match self.piece(buffer) {
            Some(piece) => {
                let write = opcode::WriteFixed::new(target, address, length, piece);
                write.offset(job.position()).rw_flags(flags).build()
            }
            None => {
                let write = opcode::Write::new(target, address, length);
                write.offset(job.position()).rw_flags(flags).build()
            }
        }
    }

    fn with_file(&self, entry: Entry) -> Entry {
        if self.registered_file { entry.flags(Flags::FIXED_FILE) } else { entry }
    }
}
