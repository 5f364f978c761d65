//! The admin queue pair: few commands at a time, each with a purpose and a deadline.

use sluice_device::Nanos;
use sluice_hugepages::DmaMemory;
use sluice_nvme::sqe::Sqe;
use zerocopy::little_endian::U16;

use crate::hardware::Hardware;
use crate::layout::{ADMIN_ENTRIES, Layout};
use crate::queue::{CompletionQueue, Doorbell, Entry, SubmissionQueue};

/// Commands outstanding at once; the ring has an entry more.
const COMMANDS: usize = ADMIN_ENTRIES as usize - 1;

/// What an admin command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A step of the start.
    Startup,
    /// Asynchronous Event Request: answered when there is something to tell.
    Event,
    /// Abort of the I/O command with this identifier.
    Abort,
    /// SMART log.
    Health,
    /// Error Information log.
    Errors,
    /// Changed Namespace List log.
    Changes,
}

impl Purpose {
    /// Whether its data go to [`Layout::DATA`], which holds those of one command at a time.
    fn has_data(self) -> bool {
        matches!(self, Self::Startup | Self::Health | Self::Errors | Self::Changes)
    }
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    purpose: Purpose,
    /// `None`: it may take for ever.
    deadline: Option<Nanos>,
}

/// Our end of the admin queues.
#[derive(Debug)]
pub(crate) struct Admin {
    submission: SubmissionQueue,
    completion: CompletionQueue,
    tail: Doorbell,
    head: Doorbell,
    /// By command identifier.
    outstanding: [Option<Outstanding>; COMMANDS],
}

impl Admin {
    /// The queues of a controller that is disabled, over memory whose completion ring is zero.
    pub(crate) fn new(dstrd: u8) -> Self {
        Self {
            submission: SubmissionQueue::new(Layout::ADMIN_SUBMISSION),
            completion: CompletionQueue::new(Layout::ADMIN_COMPLETION),
            tail: Doorbell::new(0, dstrd, None),
            head: Doorbell::new(1, dstrd, None),
            outstanding: [None; COMMANDS],
        }
    }

    /// Whether a command of this purpose can be submitted now.
    pub(crate) fn has_room(&self, purpose: Purpose) -> bool {
        let mut others = self.outstanding.iter().flatten();
        let free = self.outstanding.iter().any(Option::is_none);
        free && !(purpose.has_data() && others.any(|other| other.purpose.has_data()))
    }

    /// Whether a command of this purpose is outstanding.
    pub(crate) fn is_busy_with(&self, purpose: Purpose) -> bool {
        self.outstanding.iter().flatten().any(|other| other.purpose == purpose)
    }

    /// Whether something but event requests is outstanding.
    pub(crate) fn is_busy(&self) -> bool {
        self.outstanding.iter().flatten().any(|other| other.purpose != Purpose::Event)
    }

    /// Whether a command has outlived its deadline.
    pub(crate) fn is_overdue(&self, now: Nanos) -> bool {
        let mut deadlines = self.outstanding.iter().flatten().filter_map(|command| command.deadline);
        deadlines.any(|deadline| deadline <= now)
    }

    /// Submits a command whose data, if any, go to the shared memory.
    ///
    /// # Panics
    /// Without [room](Self::has_room).
    pub(crate) fn submit(
        &mut self,
        hardware: &impl Hardware,
        memory: &DmaMemory,
        mut entry: Sqe,
        purpose: Purpose,
        deadline: Option<Nanos>,
    ) {
        assert!(self.has_room(purpose), "room for an admin command");
        let free = self.outstanding.iter().position(Option::is_none).expect("a free identifier");
        self.outstanding[free] = Some(Outstanding { purpose, deadline });
        entry.cid = U16::new(u16::try_from(free).expect("few identifiers"));
        // SAFETY: admin commands point at nothing but `memory`, which is never borrowed and outlives the hardware; the
        // identifiers are one less than the ring's entries.
        unsafe { self.submission.push(memory, &entry) };
        self.tail.ring(hardware, memory, self.submission.tail());
    }

    /// Takes the next completion. `Err`: the controller answered a command that there is not.
    pub(crate) fn next(
        &mut self,
        hardware: &impl Hardware,
        memory: &DmaMemory,
    ) -> Option<Result<(Purpose, Entry), Entry>> {
        let entry = self.completion.next(memory)?;
        self.head.ring(hardware, memory, self.completion.head());
        let command = self.outstanding.get_mut(usize::from(entry.cid)).and_then(Option::take);
        Some(command.map(|command| (command.purpose, entry)).ok_or(entry))
    }
}
