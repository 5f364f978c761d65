//! A controller in software: registers, rings and a disk in memory, and every fault a real one has.
//!
//! It acts when its doorbells are written, like a controller that is infinitely fast, unless told to be slow; so tests
//! are single-threaded and replayable. What it does not do like a real one: it executes a command at once or not at
//! all, and completions come in the order of execution unless [`Faults::shuffle`] says otherwise.
//!
//! | module | what |
//! |---|---|
//! | `machine` | registers, queues, fetching and posting |
//! | `admin`, `io`, `erase` | the commands |
//! | `memory` | the host's memory as mapped for it |

mod admin;
mod erase;
mod io;
mod machine;
mod memory;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use sluice_device::random::Random;
use sluice_hugepages::{Iova, Region};
use sluice_nvme::async_event::AsyncEvent;
use sluice_nvme::log::smart::SmartLog;
use sluice_nvme::property::Cap;
use sluice_nvme::status::Status;

use crate::hardware::Hardware;
use machine::Machine;

/// What the controller is and offers.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of a block.
    pub block_size: u32,
    /// Bytes of metadata beside each block: a format that is of no use to us.
    pub metadata: u16,
    /// Blocks of each namespace.
    pub blocks: u64,
    /// Active namespaces, from 1 on. All show the same disk.
    pub namespaces: u32,
    /// Entries of its longest queue.
    pub queue_entries: u16,
    /// I/O queue pairs that it grants.
    pub queue_pairs: u16,
    /// CAP.DSTRD.
    pub doorbell_stride: u8,
    /// MDTS: 2^n pages; 0: no limit.
    pub mdts: u8,
    /// It takes SGLs.
    pub sgl: bool,
    /// It offers shadow doorbells.
    pub shadow_doorbells: bool,
    /// It has a volatile write cache.
    pub volatile_write_cache: bool,
    /// It knows Write Zeroes and Dataset Management, and tells their limits.
    pub clears: bool,
    /// It can be formatted and sanitized.
    pub erases: bool,
    /// It arbitrates by weights.
    pub weighted: bool,
    /// It has an interrupt.
    pub interrupt: bool,
}

impl Default for Config {
    /// 8 MiB of 512-byte blocks, everything offered, transfers up to 512 KiB.
    fn default() -> Self {
        Self {
            block_size: 512,
            metadata: 0,
            blocks: 16_384,
            namespaces: 1,
            queue_entries: 1024,
            queue_pairs: 8,
            doorbell_stride: 0,
            mdts: 7,
            sgl: true,
            shadow_doorbells: true,
            volatile_write_cache: true,
            clears: true,
            erases: true,
            weighted: true,
            interrupt: false,
        }
    }
}

/// What goes wrong. Counts are of I/O commands to come.
#[derive(Debug, Default)]
pub struct Faults {
    /// So many are fetched and never answered, unless they are aborted.
    pub swallow: u32,
    /// Aborts have no effect.
    pub ignore_aborts: bool,
    /// They complete with these, and are not executed.
    pub fail: VecDeque<Status>,
    /// Commands are fetched and wait until this is false again.
    pub hold: bool,
    /// Doorbells are not heard until this is false again: ringing one costs what a store to memory does, and neither
    /// executes nor allocates anything.
    pub asleep: bool,
    /// What was fetched together is executed in random order.
    pub shuffle: Option<Random>,
    /// Dataset Management is taken for the hint that it is, and ignored.
    pub keep: bool,
    /// Format NVM is answered with this, and not executed.
    pub refuse_erase: Option<Status>,
    /// A Sanitize fails.
    pub spoil: bool,
    /// CSTS.RDY does not follow CC.EN any more.
    pub stuck: bool,
    /// Admin commands are not answered.
    pub deaf: bool,
}

/// What the controller saw and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Times it was enabled.
    pub enabled: u32,
    /// I/O commands executed.
    pub executed: u64,
    /// The queues they came from, by identifier: one bit each.
    pub queues: u64,
    /// Writes to doorbell registers.
    pub doorbells: u64,
    /// Flushes executed.
    pub flushes: u64,
    /// Accesses to memory that is not mapped for it. A real one's would end in the IOMMU.
    pub stray: u64,
    /// Formats executed.
    pub formats: u32,
    /// Sanitizes begun.
    pub sanitizes: u32,
    /// Times it was told to shut down orderly.
    pub shut_down: u32,
    /// Times it was cut off from memory.
    pub cut_off: u32,
}

/// One end of a controller in software: clones are the same controller. One is given to the driver as [`Hardware`].
#[derive(Debug, Clone)]
pub struct Model {
    machine: Rc<RefCell<Machine>>,
}

impl Model {
    /// A controller that has just been powered on, its disk all zeroes.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { machine: Rc::new(RefCell::new(Machine::new(config))) }
    }

    /// Maps memory for it.
    ///
    /// # Safety
    /// The region stays mapped for as long as the model is used, and nothing in it is borrowed while a command that
    /// names it is outstanding.
    pub unsafe fn map(&self, region: Region, iova: Iova) {
        self.machine.borrow_mut().memory.map(region, iova);
    }

    /// Changes what goes wrong, and then lets the controller go on.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        let mut machine = self.machine.borrow_mut();
        change(&mut machine.faults);
        machine.run();
    }

    /// What it saw and did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.machine.borrow().counts
    }

    /// Changes its SMART log.
    pub fn smart(&self, change: impl FnOnce(&mut SmartLog)) {
        change(&mut self.machine.borrow_mut().smart);
    }

    /// Tells the host of an event, if it asked for events.
    pub fn tell(&self, event: AsyncEvent) {
        self.machine.borrow_mut().tell(event);
    }

    /// Fails for good, until it is reset: CSTS.CFS.
    pub fn break_down(&self) {
        self.machine.borrow_mut().break_down();
    }

    /// Completes an I/O command of queue `sqid` with this identifier, whether or not there is one.
    pub fn complete_unasked(&self, sqid: u16, cid: u16) {
        self.machine.borrow_mut().complete_unasked(sqid, cid);
    }

    /// Takes it off the bus.
    pub fn remove(&self) {
        self.machine.borrow_mut().removed = true;
    }

    /// The host wants it back.
    pub fn request_removal(&self) {
        self.machine.borrow_mut().removal_requested = true;
    }

    /// Changes what it is; takes effect with the next Identify.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.machine.borrow_mut().config);
    }
}

impl Hardware for Model {
    fn read32(&self, offset: u32) -> u32 {
        self.machine.borrow().read32(offset)
    }

    fn read64(&self, _offset: u32) -> u64 {
        self.machine.borrow().cap().map_or(u64::MAX, Cap::bits)
    }

    fn write32(&self, offset: u32, value: u32) {
        self.machine.borrow_mut().write32(offset, value);
    }

    fn write64(&self, offset: u32, value: u64) {
        self.machine.borrow_mut().write64(offset, value);
    }

    fn cut_off(&self) {
        self.machine.borrow_mut().cut_off();
    }

    fn interrupt(&self) -> Option<OwnedFd> {
        self.machine.borrow().interrupt()
    }

    fn unmask(&self) {
        self.machine.borrow_mut().set_masked(false);
    }

    fn mask(&self) {
        self.machine.borrow_mut().set_masked(true);
    }

    fn removal_requested(&self) -> bool {
        self.machine.borrow().removal_requested
    }
}
