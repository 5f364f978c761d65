//! A namespace of a drive that stays with the kernel's driver: NVMe commands through io_uring.
//!
//! ```text
//!  Request --> slot (owns the buffer) --> NVMe command in an SQE of 128 bytes ==enter==> kernel --> drive
//!                 ^    |                                                                   |
//!                 |    +-- sent again if the status permits <---- CQE: NVMe status <-------+
//!                 +----> Completion
//! ```
//! The block layer is left out, and with it its page cache, merging and scheduler; what the kernel's driver does for
//! the controller stays: timeouts, resets, hotplug.

mod command;
mod namespace;
mod smart;

use std::fmt;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::path::Path;

use io_uring::squeue::{Entry128, Flags};
use io_uring::{cqueue, opcode};
use rustix::io::Errno;
use sluice_device::{BlockDevice, Buffer, Completion, DeviceInfo, IoError, Nanos, Op, Ready, Request, check};
use sluice_hugepages::{Arena, Pool};
use sluice_nvme::dsm::{DSM_RANGE_BYTES, DsmRange};
use sluice_nvme::status::Status;
use sluice_nvme_block::{Command, Facts, RETRIES, Verdict, judge};
use zerocopy::IntoBytes;

use crate::error::{Direction, io_error};
use crate::ring::{Answer, Ring};
use crate::table::Table;
use crate::{Modes, UringError, UringOptions};
use command::{Data, IO, KernelCommand};
use namespace::Namespace;
pub use smart::smart_log;

/// Most requests at once; more would only wait in the kernel for a place in the drive's queues.
const DEEPEST: u32 = 4096;

/// Answers taken from the ring at a time.
const ANSWERS: usize = 32;

/// A request in the kernel.
#[derive(Debug)]
struct Slot {
    tag: u32,
    command: Command,
    retries: u8,
    /// Lent to the kernel: nothing else may touch it until the kernel has answered.
    buffer: Option<Buffer>,
}

/// A namespace as a character device, `/dev/ng0n1`, for the thread that opened it.
pub struct NgDevice {
    info: DeviceInfo,
    modes: Modes,
    facts: Facts,
    ring: Ring<Entry128, cqueue::Entry32>,
    /// Dropped by `drop` once the kernel is done with the buffers; else never.
    table: ManuallyDrop<Table<Slot>>,
    /// The range of each slot's Deallocate.
    ranges: ManuallyDrop<Arena>,
    ready: Ready,
    /// Keeps mounts and other openers out.
    _block_device: Option<File>,
}

impl NgDevice {
    /// Opens the namespace at `path`, for this process alone; of `options`, only what concerns rings is used.
    ///
    /// # Errors
    /// [`UringError`]; nothing is left open. Wishes that cannot be granted are no errors: see [`modes`](Self::modes).
    pub fn open(path: impl AsRef<Path>, options: &UringOptions, pool: &Pool) -> Result<Self, UringError> {
        let path = path.as_ref();
        let depth = options.queue_depth.clamp(1, DEEPEST);
        let Namespace { file, block_device, facts } = Namespace::open(path)?;
        let ring = Ring::new(file, pool, options, depth)?;
        let ranges = Arena::new(u64::from(depth * DSM_RANGE_BYTES));
        let ranges = ranges.map_err(|cause| UringError::Ring(io::Error::other(cause)))?;
        let mut device = Self {
            info: facts.info("nvme-uring", &path.display().to_string(), depth),
            modes: ring.modes(true),
            facts,
            ring,
            table: ManuallyDrop::new(Table::new(depth)),
            ranges: ManuallyDrop::new(ranges),
            ready: Ready::new(depth),
            _block_device: block_device,
        };
        device.try_out(path, pool)?;
        device.modes = device.ring.modes(true);
        Ok(device)
    }

    /// What the kernel granted of the options.
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes
    }

    /// Reads a block, to learn whether the kernel passes commands through at all, and into registered memory.
    ///
    /// It does from 5.19 on, and from 6.2 on into registered memory. An unreadable block is an answer of the drive.
    fn try_out(&mut self, path: &Path, pool: &Pool) -> Result<(), UringError> {
        let refused = |cause| UringError::Passthrough { path: path.to_owned(), cause };
        let buffer = pool.take(self.info.block_size);
        let buffer = buffer.ok_or_else(|| refused(io::ErrorKind::OutOfMemory.into()))?;
        let command = Command { op: Op::Read, lba: 0, blocks: 1 };
        let index = self.table.insert(Slot { tag: 0, command, retries: 0, buffer: Some(buffer) });
        loop {
            self.send(index);
            let mut answer = [Answer::default()];
            while self.ring.reap(&mut answer) == 0 {
                self.ring.enter(1).map_err(UringError::Ring)?;
            }
            let result = answer[0].result;
            if result == -libc::EINVAL && self.ring.registered_buffers {
                self.ring.registered_buffers = false;
                continue;
            }
            self.table.remove(index);
            return if result < 0 { Err(refused(io::Error::from_raw_os_error(-result))) } else { Ok(()) };
        }
    }

    /// Starts one request, or refuses it.
    fn accept(&mut self, request: &mut Request) {
        let refusal = check(&self.info, request).err();
        let (tag, buffer) = (request.tag, request.buffer.take());
        // A controller without a volatile cache has nothing to flush: what completed is on the media.
        let nothing = request.op == Op::Flush && !self.info.volatile_write_cache;
        if refusal.is_some() || nothing {
            let result = refusal.map_or(Ok(()), Err);
            return self.ready.push(Completion { tag, result, zeroes: false, buffer });
        }
        let command = Command { op: request.op, lba: request.lba, blocks: request.blocks };
        let index = self.table.insert(Slot { tag, command, retries: 0, buffer });
        self.send(index);
    }

    /// Queues a slot's command.
    fn send(&mut self, index: u32) {
        let (data, piece) = self.data(index);
        let command = self.table.slot(index).command.encode(self.facts.nsid, self.facts.abilities);
        let command = KernelCommand::new(&command, data).entry();
        let mut entry = opcode::UringCmd80::new(self.ring.target(), IO).cmd(command).buf_index(piece).build();
        if self.ring.registered_file {
            entry = entry.flags(Flags::FIXED_FILE);
        }
        let entry = entry.user_data(u64::from(index));
        // SAFETY: the command's data are in the slot's buffer, where nothing touches them until `answered` takes it
        // out, which follows the answer; or in `ranges` or the ring's zeroes, which only the drive reads until then.
        // All live until `drop`, which waits for all answers, or for ever.
        unsafe { self.ring.push_entry(&entry) };
    }

    /// Where the data of a slot's command are, and the registered piece of memory that they are in.
    fn data(&mut self, index: u32) -> (Data, Option<u16>) {
        let slot = self.table.slot(index);
        let Command { op, lba, blocks } = slot.command;
        let of = |address: usize, length_bytes| Data { address: address as u64, length_bytes };
        let length_bytes = blocks * self.info.block_size;
        match (op, &mut slot.buffer) {
            (Op::Read, Some(buffer)) => {
                let piece = self.ring.piece(buffer);
                (of(buffer.as_mut_ptr().expose_provenance(), length_bytes), piece)
            }
            (Op::Write { .. }, Some(buffer)) => {
                (of(buffer.as_ptr().expose_provenance(), length_bytes), self.ring.piece(buffer))
            }
            (Op::WriteZeroes { .. }, _) if !self.facts.abilities.write_zeroes => {
                (of(self.ring.zeroes.as_ptr().expose_provenance(), length_bytes), None)
            }
            (Op::Deallocate, _) => {
                let place = index as usize * DSM_RANGE_BYTES as usize;
                let range = &mut self.ranges[place..place + DSM_RANGE_BYTES as usize];
                range.copy_from_slice(DsmRange::new(lba, blocks).as_bytes());
                (of(range.as_ptr().expose_provenance(), DSM_RANGE_BYTES), None)
            }
            _ => (Data::default(), None),
        }
    }

    /// Takes what the kernel has answered.
    fn reap(&mut self) {
        let mut answers = [Answer::default(); ANSWERS];
        loop {
            let count = self.ring.reap(&mut answers);
            for answer in &answers[..count] {
                self.answered(*answer);
            }
            if count < ANSWERS {
                return;
            }
        }
    }

    fn answered(&mut self, answer: Answer) {
        let index = u32::try_from(answer.name).expect("a slot's index");
        let slot = self.table.slot(index);
        let direction = if slot.command.op == Op::Read { Direction::Read } else { Direction::Write };
        let result = match verdict(answer.result, slot.retries, direction) {
            Verdict::Done => Ok(()),
            Verdict::Failed(error) => Err(error),
            Verdict::Again => {
                slot.retries += 1;
                return self.send(index);
            }
        };
        let Slot { tag, buffer, .. } = self.table.remove(index);
        self.ready.push(Completion { tag, result, zeroes: false, buffer });
    }

    /// Enters the kernel without waiting.
    fn enter(&mut self) {
        if let Err(cause) = self.ring.enter(0) {
            panic!("io_uring_enter on a ring of our own: {cause}");
        }
    }
}

/// What the kernel's answer means: an NVMe status, or a negated errno if the command did not come back from the drive.
fn verdict(result: i32, retries: u8, direction: Direction) -> Verdict {
    if let Ok(status) = u16::try_from(result) {
        return judge(Status::from_bits(status), retries);
    }
    match Errno::from_raw_os_error(result.saturating_neg()) {
        // Cancelled by a reset of the controller, or the kernel was short of something.
        Errno::INTR | Errno::AGAIN if retries < RETRIES => Verdict::Again,
        errno => Verdict::Failed(match io_error(errno, direction) {
            // The medium's errors come as statuses.
            IoError::Media | IoError::WriteFault => IoError::Internal,
            error => error,
        }),
    }
}

impl BlockDevice for NgDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.info.queue_depth as usize - self.in_flight());
        for request in &mut requests[..accepted] {
            self.accept(request);
        }
        if accepted > 0 && self.ring.needs_enter() {
            self.enter();
        }
        accepted
    }

    fn poll(&mut self, _now: Nanos, completions: &mut [Completion]) -> usize {
        if self.ring.unanswered() > 0 {
            if self.ring.needs_enter() {
                self.enter();
            }
            self.reap();
            // Commands that are sent again.
            if self.ring.needs_enter() {
                self.enter();
            }
        }
        self.ready.drain_into(completions)
    }

    fn in_flight(&self) -> usize {
        self.table.used() + self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (!self.ready.is_empty() || self.ring.is_short()).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.wake_fd())
    }

    fn arm(&mut self) -> bool {
        self.ready.is_empty() && (self.ring.unanswered() == 0 || self.ring.arm())
    }

    fn disarm(&mut self) {
        self.ring.disarm();
    }
}

impl fmt::Debug for NgDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_flight = self.in_flight();
        f.debug_struct("NgDevice")
            .field("info", &self.info)
            .field("in_flight", &in_flight)
            .finish_non_exhaustive()
    }
}

impl Drop for NgDevice {
    /// Waits for the kernel to be done with every buffer; what was in flight is lost to the caller.
    fn drop(&mut self) {
        // Memory that the kernel may still write to must never be used again: then it is lost.
        if self.ring.settle() {
            // SAFETY: nothing uses the table after this, and nothing else drops it.
            unsafe { ManuallyDrop::drop(&mut self.table) };
            // SAFETY: as for the table.
            unsafe { ManuallyDrop::drop(&mut self.ranges) };
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn answers_are_statuses_or_errors() {
        use Direction::{Read, Write};
        let status = |status: Status| i32::from(status.dnr().bits());
        let table = [
            (0, Read, Verdict::Done),
            (status(Status::LBA_OUT_OF_RANGE), Read, Verdict::Failed(IoError::OutOfRange)),
            (status(Status::UNRECOVERED_READ), Read, Verdict::Failed(IoError::Media)),
            (status(Status::WRITE_FAULT), Write, Verdict::Failed(IoError::WriteFault)),
            (i32::from(Status::ABORT_REQUESTED.bits()), Write, Verdict::Again),
            (-libc::EINTR, Write, Verdict::Again),
            (-libc::ENODEV, Read, Verdict::Failed(IoError::DeviceGone)),
            (-libc::EIO, Read, Verdict::Failed(IoError::Internal)),
        ];
        for (result, direction, expected) in table {
            assert_eq!(verdict(result, 0, direction), expected, "{result} of a {direction:?}");
        }
        assert_eq!(verdict(-libc::EINTR, RETRIES, Read), Verdict::Failed(IoError::Internal));
    }
}
