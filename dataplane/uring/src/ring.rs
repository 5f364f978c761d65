//! The rings shared with the kernel, what is registered with it, and everything unsafe.
//!
//! # Waking up
//! Answers are announced on an eventfd, but only between [`Ring::arm`] and [`Ring::disarm`]: while the reactor
//! polls they would cost for nothing. With deferred task work a finished request waits in a list of the kernel
//! until this thread enters it, and the kernel signals only when that list stops being empty. So `arm` first turns
//! signals on and then enters the kernel, which looks at the list itself: what finishes before that is in the
//! completion ring or in the task-run flag afterwards, what finishes later signals.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use io_uring::types::Fd;
use io_uring::{IoUring, cqueue, squeue};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use sluice_device::Buffer;
use sluice_hugepages::{Arena, Pool, Region};

use crate::backing;
use crate::error::UringError;
use crate::job::ZEROES_BYTES;
use crate::options::{Modes, TaskRun, UringOptions};

/// The kernel registers no longer piece of memory at once.
const PIECE_BITS: u32 = 30;

/// Tells `io_uring_enter` to run what is finished: IORING_ENTER_GETEVENTS.
const GET_EVENTS: u32 = 1;

/// Names the kernel's answer to a sync.
pub(crate) const SYNC: u64 = u64::MAX;

/// The kernel's answer to one entry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    /// What the entry was named: a slot's index, or [`SYNC`].
    pub(crate) name: u64,
    /// Bytes moved, or a negated errno.
    pub(crate) result: i32,
}

/// One file's rings.
/// `S` are the entries of the submission queue, `C` those of the completion queue.
pub(crate) struct Ring<S: squeue::EntryMarker, C: cqueue::EntryMarker> {
    rings: IoUring<S, C>,
    wake: OwnedFd,
    armed: bool,
    file: File,
    region: Region,
    /// Keeps the region mapped.
    _pool: Pool,
    /// What zeroes are written from; never written to.
    pub(crate) zeroes: Arena,
    pub(crate) registered_buffers: bool,
    pub(crate) registered_file: bool,
    pub(crate) task_run: TaskRun,
    /// Entries pushed and not yet answered.
    unanswered: usize,
    /// The kernel was short of something: entries may be queued, or answers held back, without a signal.
    short: bool,
    /// The kernel looks for completions only when it is entered.
    polled: bool,
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker + Into<cqueue::Entry>> Ring<S, C> {
    /// Rings of at least `entries` entries for `file`, with as much registered as the kernel permits.
    pub(crate) fn new(
        file: File,
        pool: &Pool,
        options: &UringOptions,
        entries: u32,
    ) -> Result<Self, UringError> {
        Self::build(file, pool, options, entries, false)
    }

    /// Rings whose entries are polled for: reads and writes of a block device without the page cache.
    pub(crate) fn polled(
        file: File,
        pool: &Pool,
        options: &UringOptions,
        entries: u32,
    ) -> Result<Self, UringError> {
        Self::build(file, pool, options, entries, true)
    }

    fn build(
        file: File,
        pool: &Pool,
        options: &UringOptions,
        entries: u32,
        polled: bool,
    ) -> Result<Self, UringError> {
        let (rings, task_run) = build(entries, options.task_run, polled).map_err(UringError::Ring)?;
        let zeroes =
            Arena::new(u64::from(ZEROES_BYTES)).map_err(|cause| UringError::Ring(io::Error::other(cause)))?;
        let region = pool.region();
        let registered_buffers = options.registered_buffers && register(&rings, region).is_ok();
        let registered_file = rings.submitter().register_files(&[file.as_raw_fd()]).is_ok();
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(io::Error::from);
        let wake = wake.map_err(UringError::Ring)?;
        rings.submitter().register_eventfd(wake.as_raw_fd()).map_err(UringError::Ring)?;
        let (_pool, unanswered, short, armed) = (pool.clone(), 0, false, false);
        let mut ring = Self {
            rings,
            wake,
            armed,
            file,
            region,
            _pool,
            zeroes,
            registered_buffers,
            registered_file,
            task_run,
            unanswered,
            short,
            polled,
        };
        ring.rings.completion().disable_eventfd();
        Ok(ring)
    }

    /// What the kernel granted.
    pub(crate) fn modes(&self, direct: bool) -> Modes {
        let Self { registered_buffers, registered_file, task_run, .. } = *self;
        Modes { direct, registered_buffers, registered_file, polled: false, task_run }
    }

    /// Becomes readable when answers are there, or when the kernel wants to be entered to give them; while armed.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Turns announcements on. False: answers are there, or only the kernel can make progress; do not sleep.
    #[must_use]
    pub(crate) fn arm(&mut self) -> bool {
        self.armed = true;
        self.rings.completion().enable_eventfd();
        // The kernel must see announcements turned on before it looks for finished work.
        fence(Ordering::SeqCst);
        // SAFETY: nothing is submitted and no argument is passed, so the kernel reads no memory of ours.
        let entered = unsafe { self.rings.submitter().enter::<libc::sigset_t>(0, 0, GET_EVENTS, None) };
        entered.is_ok() && !self.needs_enter() && !self.has_answers()
    }

    /// Turns announcements off and takes back those that came.
    pub(crate) fn disarm(&mut self) {
        if !self.armed {
            return;
        }
        self.armed = false;
        self.rings.completion().disable_eventfd();
        // Nothing to read is as good; a signal on its way costs one needless wake-up later.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// # Safety
    /// The memory that `entry` names stays valid, and untouched by us if the kernel writes it, until its answer.
    pub(crate) unsafe fn push_entry(&mut self, entry: &S) {
        // SAFETY: forwarded to the caller.
        let pushed = unsafe { self.rings.submission().push(entry) };
        pushed.expect("the ring has an entry for each slot");
        self.unanswered += 1;
    }

    /// The registered piece that `buffer` lies in; none if it spans two or comes from another pool.
    pub(crate) fn piece(&self, buffer: &Buffer) -> Option<u16> {
        let start = (buffer.as_ptr().addr() as u64).checked_sub(self.region.base.addr().get() as u64)?;
        let last = start + u64::from(buffer.capacity()) - 1;
        let within = self.registered_buffers && last < self.region.length_bytes;
        let one = start >> PIECE_BITS == last >> PIECE_BITS;
        if within && one { u16::try_from(start >> PIECE_BITS).ok() } else { None }
    }

    /// The file as entries name it: by its place among the registered, or by its descriptor.
    pub(crate) fn target(&self) -> Fd {
        Fd(if self.registered_file { 0 } else { self.file.as_fd().as_raw_fd() })
    }

    /// Whether entries wait to be taken by the kernel.
    pub(crate) fn has_entries(&mut self) -> bool {
        !self.rings.submission().is_empty()
    }

    /// Whether only the kernel can make progress: entries wait to be taken, or answers to be given.
    pub(crate) fn needs_enter(&mut self) -> bool {
        if self.polled && self.unanswered > 0 {
            return true;
        }
        let queue = self.rings.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow()
    }

    /// Whether answers can be reaped now.
    pub(crate) fn has_answers(&mut self) -> bool {
        !self.rings.completion().is_empty()
    }

    /// Entries pushed and not yet reaped.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Hands the queued entries to the kernel, lets it give the answers it holds back, and waits for `answers` more.
    ///
    /// # Errors
    /// Those of a ring that cannot be used as it is. When the kernel is merely short of something, the entries stay
    /// queued and [`needs_enter`](Self::needs_enter) stays true.
    pub(crate) fn enter(&mut self, answers: usize) -> io::Result<()> {
        let entered = self.rings.submitter().submit_and_wait(answers);
        self.short = entered.is_err() || !self.rings.submission().is_empty();
        match entered {
            Err(cause) if !is_passing(&cause) => Err(cause),
            _ => Ok(()),
        }
    }

    /// Whether the last [`enter`](Self::enter) did not do all it should: try again soon.
    pub(crate) fn is_short(&self) -> bool {
        self.short
    }

    /// Overwrites the front of `answers`; returns how many.
    pub(crate) fn reap(&mut self, answers: &mut [Answer]) -> usize {
        let mut count = 0;
        for (place, entry) in answers.iter_mut().zip(self.rings.completion()) {
            let entry: cqueue::Entry = entry.into();
            *place = Answer { name: entry.user_data(), result: entry.result() };
            count += 1;
        }
        self.unanswered -= count;
        count
    }

    /// Waits for every answer and throws it away. False: the kernel cannot be entered, and may still use memory.
    #[must_use]
    pub(crate) fn settle(&mut self) -> bool {
        let mut answers = [Answer::default()];
        while self.unanswered > 0 {
            if self.reap(&mut answers) == 0 && self.enter(1).is_err() {
                return false;
            }
        }
        true
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Drop for Ring<S, C> {
    /// Gives the file back at once: the kernel takes rings down, with all that is registered, in the background.
    ///
    /// The owner has waited for every answer, or has given up on the ring.
    fn drop(&mut self) {
        let _ = self.rings.submitter().unregister_files();
        backing::unlock(&self.file);
    }
}

/// The kernel interrupted the call or lacks memory or room for the moment.
fn is_passing(cause: &io::Error) -> bool {
    cause.kind() == ErrorKind::Interrupted
        || matches!(Errno::from_io_error(cause), Some(Errno::AGAIN | Errno::BUSY | Errno::NOMEM))
}

/// Rings with the strongest way to run completions that the kernel knows, from `task_run` down.
fn build<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    entries: u32,
    task_run: TaskRun,
    polled: bool,
) -> io::Result<(IoUring<S, C>, TaskRun)> {
    let mut builder = IoUring::<S, C>::builder();
    match task_run {
        TaskRun::Deferred => builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag(),
        TaskRun::Cooperative => builder.setup_coop_taskrun().setup_taskrun_flag(),
        TaskRun::Plain => &mut builder,
    };
    if polled {
        builder.setup_iopoll();
    }
    match (builder.dontfork().build(entries), task_run.weaker()) {
        (Ok(rings), _) => Ok((rings, task_run)),
        (Err(cause), Some(weaker)) if cause.kind() == ErrorKind::InvalidInput => {
            build(entries, weaker, polled)
        }
        (Err(cause), _) => Err(cause),
    }
}

/// Registers the whole region, in pieces.
fn register<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    rings: &IoUring<S, C>,
    region: Region,
) -> io::Result<()> {
    let piece_bytes = 1u64 << PIECE_BITS;
    let pieces: Vec<libc::iovec> = (0..region.length_bytes.div_ceil(piece_bytes))
        .map(|piece| piece * piece_bytes)
        .map(|start| (start, piece_bytes.min(region.length_bytes - start)))
        .filter_map(|(start, length)| Some((usize::try_from(start).ok()?, usize::try_from(length).ok()?)))
        .map(|(start, iov_len)| libc::iovec {
            iov_base: region.base.as_ptr().wrapping_add(start).cast(),
            iov_len,
        })
        .collect();
    // SAFETY: the pieces cover the pool's region, which the ring's own clone of the pool keeps mapped; registering
    // pins the pages and accesses nothing.
    unsafe { rings.submitter().register_buffers(&pieces) }
}
