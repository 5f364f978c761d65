//! The device: requests in, completions out.
//!
//! | request | kernel |
//! |---|---|
//! | Read, Write | read, write; into and from registered memory where it is |
//! | FUA | RWF_DSYNC on the write; a sync after zeroing |
//! | Flush | fdatasync, shared by all that flush at once |
//! | Write Zeroes | a hole, a zero range, or written zeroes, whichever the file system knows first |
//! | Deallocate | a hole |
//!
//! Reads and writes without FUA of a device with polled queues go through a ring of their own, whose completions the
//! kernel looks for when it is entered; all else cannot be polled for.
//!
//! After a failed sync the kernel no longer knows which data were lost, and the next sync would succeed. So the
//! device refuses everything but reads from then on, until it is opened anew.

use std::fmt;
use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::path::Path;

use sluice_device::{BlockDevice, Buffer, Completion, DeviceInfo, IoError, Nanos, Op, Ready, Request, check};
use sluice_hugepages::{ALIGNMENT, Pool};

use crate::backing::Backing;
use crate::entries::FileRing;
use crate::job::{Abilities, Job, Step};
use crate::ring::{Answer, Ring, SYNC};
use crate::syncs::Syncs;
use crate::sysfs::Disk;
use crate::table::Table;
use crate::{Modes, UringError, UringOptions};

/// Longest Read or Write: more would only delay others' I/O.
const TRANSFER_BYTES: u32 = 1 << 20;

/// Longest Write Zeroes: a file system without holes writes this in well under a second.
const WRITE_ZEROES_BYTES: u32 = 16 << 20;

/// Longest Deallocate: frees many extents at worst, while the file's writers wait.
const DEALLOCATE_BYTES: u32 = 64 << 20;

/// The kernel's limit on entries.
const DEEPEST: u32 = 32_768;

/// Answers taken from the ring at a time.
const ANSWERS: usize = 32;

/// A request in the kernel.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The submitter's name for the request.
    pub(crate) tag: u32,
    pub(crate) job: Job,
    /// Lent to the kernel: nothing else may touch it until the kernel has answered.
    pub(crate) buffer: Option<Buffer>,
}

/// A file or block device through io_uring, for the thread that opened it.
pub struct UringDevice {
    info: DeviceInfo,
    modes: Modes,
    ring: FileRing,
    /// For transfers, if the device has queues that are polled.
    polled: Option<FileRing>,
    /// Dropped by `drop` once the kernel is done with the buffers; else never.
    table: ManuallyDrop<Table<Slot>>,
    syncs: Syncs,
    /// Done, not yet polled.
    ready: Ready,
    abilities: Abilities,
    /// A sync failed: what was written may be lost.
    lost_writes: bool,
}

impl UringDevice {
    /// Opens or creates the file or block device at `path`, for this process alone.
    ///
    /// Buffers of `pool` are the fastest to use; others work as well.
    ///
    /// # Errors
    /// [`UringError`]; nothing is left open. Wishes that cannot be granted are no errors: see [`modes`](Self::modes).
    pub fn open(path: impl AsRef<Path>, options: &UringOptions, pool: &Pool) -> Result<Self, UringError> {
        let path = path.as_ref();
        let queue_depth = options.queue_depth.clamp(1, DEEPEST);
        let backing = Backing::open(path, options)?;
        let info = info(path, &backing, queue_depth);
        let abilities = Abilities { punch: backing.punches, zero_range: true };
        let direct = backing.direct;
        let polled = polled(&backing, pool, options, queue_depth);
        let ring = Ring::new(backing.file, pool, options, queue_depth)?;
        Ok(Self {
            info,
            modes: Modes { polled: polled.is_some(), ..ring.modes(direct) },
            ring,
            polled,
            table: ManuallyDrop::new(Table::new(queue_depth)),
            syncs: Syncs::new(queue_depth),
            ready: Ready::new(queue_depth),
            abilities,
            lost_writes: false,
        })
    }

    /// What the kernel granted of the options.
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes
    }

    /// Starts one request, or refuses it.
    fn accept(&mut self, request: &mut Request) {
        let refusal = check(&self.info, request).err().or_else(|| self.refusal(request.op));
        let (tag, buffer) = (request.tag, request.buffer.take());
        if let Some(error) = refusal {
            return self.ready.push(Completion { tag, result: Err(error), zeroes: false, buffer });
        }
        let block_size = self.info.block_size;
        let (offset, length) = match request.op {
            Op::Flush => (0, 0),
            _ => (request.lba * u64::from(block_size), u64::from(request.blocks) * u64::from(block_size)),
        };
        let job = Job::new(request.op, offset, length, block_size, self.abilities);
        let index = self.table.insert(Slot { tag, job, buffer });
        self.ask(index);
    }

    fn refusal(&self, op: Op) -> Option<IoError> {
        (self.lost_writes && op != Op::Read).then_some(IoError::WriteFault)
    }

    /// Queues the next step of a slot's job.
    fn ask(&mut self, index: u32) {
        let slot = self.table.slot(index);
        if slot.job.step() == Step::Sync {
            if self.syncs.join(index) {
                self.ring.push_sync();
            }
            return;
        }
        let ring = match &mut self.polled {
            Some(polled) if self.modes.polled && slot.job.can_be_polled() => polled,
            _ => &mut self.ring,
        };
        // SAFETY: the buffer stays in its slot, where nothing touches it, until `complete` takes it out, which follows
        // the answer; `drop` waits for all answers (test: `dropping_waits_for_what_is_in_flight`).
        unsafe { ring.push(index, slot) };
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

    /// Looks for the completions of polled transfers and takes them.
    fn reap_polled(&mut self) {
        let mut answers = [Answer::default(); ANSWERS];
        loop {
            let Some(polled) = self.polled.as_mut().filter(|ring| ring.unanswered() > 0) else { return };
            enter(polled);
            let count = polled.reap(&mut answers);
            for answer in &answers[..count] {
                if answer.result == -libc::EOPNOTSUPP {
                    // The device's queues are polled no longer: from now on its interrupts tell.
                    self.modes.polled = false;
                    self.ask(u32::try_from(answer.name).expect("a slot's index"));
                } else {
                    self.answered(*answer);
                }
            }
            if count < ANSWERS {
                return;
            }
        }
    }

    /// Takes one answer of the kernel. Only that of a sync, which lends no memory, may be made up.
    pub(crate) fn answered(&mut self, answer: Answer) {
        if answer.name != SYNC {
            let index = u32::try_from(answer.name).expect("a slot's index");
            return self.advance(index, answer.result);
        }
        while let Some(index) = self.syncs.next_ended() {
            self.advance(index, answer.result);
        }
        if self.syncs.start() {
            self.ring.push_sync();
        }
    }

    /// Goes on with a slot's job after the kernel's answer to its step.
    fn advance(&mut self, index: u32, result: i32) {
        match self.table.slot(index).job.advance(result, &mut self.abilities) {
            Some(result) => self.complete(index, result),
            None => self.ask(index),
        }
    }

    fn complete(&mut self, index: u32, result: Result<(), IoError>) {
        let Slot { tag, job, buffer } = self.table.remove(index);
        // In the page cache a FUA write's sync may be the one to be told of another write's loss.
        let synced = job.step() == Step::Sync || (job.fua() && !self.modes.direct);
        self.lost_writes |= synced && result.is_err();
        self.ready.push(Completion { tag, result, zeroes: false, buffer });
    }

    /// Hands the kernel what is queued.
    fn enter(&mut self) {
        if self.ring.needs_enter() {
            enter(&mut self.ring);
        }
        if let Some(polled) = &mut self.polled
            && polled.has_entries()
        {
            enter(polled);
        }
    }
}

/// Enters the kernel without waiting.
fn enter(ring: &mut FileRing) {
    if let Err(cause) = ring.enter(0) {
        panic!("io_uring_enter on a ring of our own: {cause}");
    }
}

/// The ring for transfers that are polled for, if the device has queues for that and all of it is granted.
fn polled(backing: &Backing, pool: &Pool, options: &UringOptions, queue_depth: u32) -> Option<FileRing> {
    let polls = backing.disk.as_ref().is_some_and(Disk::polls);
    if !(options.polled && backing.direct && polls) {
        return None;
    }
    let file = backing.file.try_clone().ok()?;
    Ring::polled(file, pool, options, queue_depth).ok()
}

/// What the backing makes of the device.
fn info(path: &Path, backing: &Backing, queue_depth: u32) -> DeviceInfo {
    let block_size = backing.block_size;
    let disk = backing.disk.as_ref();
    DeviceInfo {
        name: path.display().to_string(),
        kind: if disk.is_some() { "block" } else { "file" },
        model: disk.map(|disk| disk.model()).unwrap_or_default(),
        serial: disk.map(|disk| disk.serial()).unwrap_or_default(),
        block_size,
        blocks: backing.blocks,
        buffer_align: if backing.direct { ALIGNMENT } else { 1 },
        max_transfer_blocks: TRANSFER_BYTES / block_size,
        max_write_zeroes_blocks: WRITE_ZEROES_BYTES / block_size,
        max_deallocate_blocks: if backing.punches { DEALLOCATE_BYTES / block_size } else { 0 },
        queue_depth,
        volatile_write_cache: backing.volatile_write_cache(),
        fua: true,
        deallocate_reads_zeroes: true,
    }
}

impl BlockDevice for UringDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.info.queue_depth as usize - self.in_flight());
        for request in &mut requests[..accepted] {
            self.accept(request);
        }
        if accepted > 0 {
            self.enter();
        }
        accepted
    }

    fn poll(&mut self, _now: Nanos, completions: &mut [Completion]) -> usize {
        if self.ring.unanswered() > 0 {
            self.enter();
            self.reap();
        }
        self.reap_polled();
        // Steps that follow on a first one.
        if self.table.used() > 0 {
            self.enter();
        }
        self.ready.drain_into(completions)
    }

    fn in_flight(&self) -> usize {
        self.table.used() + self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        let polled_is_short = self.polled.as_ref().is_some_and(Ring::is_short);
        (!self.ready.is_empty() || self.ring.is_short() || polled_is_short).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.wake_fd())
    }

    fn arm(&mut self) -> bool {
        let polled = self.polled.as_ref().is_some_and(|ring| ring.unanswered() > 0);
        self.ready.is_empty() && !polled && (self.ring.unanswered() == 0 || self.ring.arm())
    }

    fn disarm(&mut self) {
        self.ring.disarm();
    }
}

impl fmt::Debug for UringDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_flight = self.in_flight();
        f.debug_struct("UringDevice")
            .field("info", &self.info)
            .field("in_flight", &in_flight)
            .finish_non_exhaustive()
    }
}

impl Drop for UringDevice {
    /// Waits for the kernel to be done with every buffer; what was in flight is lost to the caller.
    fn drop(&mut self) {
        // Memory that the kernel may still write to must never be used again: then it is lost.
        if self.polled.as_mut().is_none_or(Ring::settle) && self.ring.settle() {
            // SAFETY: nothing uses the table after this, and nothing else drops it.
            unsafe { ManuallyDrop::drop(&mut self.table) };
        }
    }
}
