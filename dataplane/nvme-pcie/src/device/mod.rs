//! The device: requests in, completions out, over the I/O queue pairs of a controller.
//!
//! ```text
//!            accept            send                        reap
//!  Request ─────────► slot ──────────► Sent ─────────────────────────────► Completion
//!                      ▲ waiting         │ too long: abort │ status: again
//!                      └── reset ◄───────┴─────────────────┘
//! ```
//! The buffer belongs to the slot from `accept` to completion. The controller may touch it while the request is sent;
//! that ends with its completion, or with the controller being disabled or cut off.

mod complete;
mod opening;
mod overdue;
mod pairs;
mod submit;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Pool, Ready, Request};
use sluice_hugepages::{DmaMemory, Iova, Region};

pub use opening::{Memory, Opening, memory_bytes};

use crate::controller::{Change, Controller};
use crate::hardware::Hardware;
use crate::health::{Event, ResetCause};
use crate::layout::Layout;
use crate::table::{Stage, Table};
use pairs::Pairs;
use sluice_nvme_block::Facts;

/// Told of each event, off the way of any I/O.
pub type Observer = Box<dyn FnMut(Event)>;

/// The pool's memory as the controller sees it.
#[derive(Debug)]
struct Window {
    region: Region,
    iova: Iova,
    /// Keeps the region mapped.
    _pool: Pool,
}

/// An NVMe namespace behind a controller of its own, for the thread that opened it.
pub struct NvmeDevice<H: Hardware> {
    info: DeviceInfo,
    facts: Facts,
    controller: Controller<H>,
    pairs: Pairs,
    layout: Layout,
    /// Buffers must lie in here.
    window: Window,
    memory: Rc<DmaMemory>,
    table: Table,
    /// Done, not yet polled.
    ready: Ready,
    /// The interrupt's descriptor; ours, so that it outlives the hardware.
    wake: Option<OwnedFd>,
    armed: bool,
    command_timeout: Nanos,
    /// When requests are looked over for such as take too long.
    next_sweep: Nanos,
    /// Requests that wait to be sent again.
    again: bool,
    observer: Observer,
}

impl<H: Hardware> NvmeDevice<H> {
    /// What the controller and its namespace are.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How many I/O queue pairs the requests are spread over.
    #[must_use]
    pub fn queue_pairs(&self) -> u16 {
        self.controller.pairs()
    }

    /// Resets the controller. What is in flight is sent again when it is back; nothing is lost.
    pub fn reset(&mut self, now: Nanos) {
        if self.controller.is_running() {
            let change = self.controller.reset(ResetCause::Requested, now);
            self.changed(change, now);
        }
    }

    /// Tells the controller to shut down (CC.SHN), as before its power is taken: it writes back what it caches and
    /// marks its media as closed in good order. Returns how long that may take; see
    /// [`has_shut_down`](Self::has_shut_down). What is in flight, or submitted afterwards, never completes.
    pub fn shut_down(&mut self) -> Nanos {
        self.controller.shut_down()
    }

    /// Whether the shutdown is complete, or there is nothing left to wait for.
    #[must_use]
    pub fn has_shut_down(&self) -> bool {
        self.controller.has_shut_down()
    }

    /// What is due besides I/O: the controller's own affairs, requests that take too long.
    fn look(&mut self, now: Nanos) {
        let change = self.controller.poll(now);
        self.changed(change, now);
        if now >= self.next_sweep {
            self.sweep(now);
        }
        if self.again && self.controller.is_running() {
            self.send_waiting();
        }
        while let Some(event) = self.controller.take_event() {
            (self.observer)(event);
        }
    }

    /// Follows what became of the controller.
    fn changed(&mut self, change: Change, now: Nanos) {
        match change {
            Change::None => {}
            Change::Started => self.restart(now),
            Change::Gone => self.fail_all(),
        }
    }

    /// The controller is back with empty queues: everything is sent again.
    fn restart(&mut self, now: Nanos) {
        let shadow = self.controller.facts().is_some_and(|facts| facts.shadow_doorbells);
        let (pairs, dstrd) = (self.controller.pairs(), self.controller.cap().dstrd());
        self.pairs = Pairs::new(&self.layout, pairs, dstrd, shadow);
        for slot in self.table.iter_mut() {
            (slot.stage, slot.since) = (Stage::Waiting, now);
        }
        self.again = true;
        self.send_waiting();
    }
}

impl<H: Hardware> BlockDevice for NvmeDevice<H> {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.info.queue_depth as usize - self.in_flight());
        for request in &mut requests[..accepted] {
            self.accept(request, now);
        }
        self.ring_tails();
        accepted
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        if now >= self.controller.next_look() {
            self.look(now);
        }
        let mut count = self.ready.drain_into(completions);
        if self.controller.is_running() {
            count += self.reap(now, &mut completions[count..]);
        }
        count
    }

    fn in_flight(&self) -> usize {
        self.table.used() + self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        if !self.ready.is_empty() {
            return Some(Nanos::ZERO);
        }
        let waits = self.again || self.controller.is_restless() && self.table.used() > 0;
        waits.then(|| self.controller.next_look())
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().map(AsFd::as_fd)
    }

    fn arm(&mut self) -> bool {
        if !self.ready.is_empty() {
            return false;
        }
        let Some(hardware) = self.controller.hardware() else { return true };
        if self.wake.is_none() {
            return self.table.used() == 0;
        }
        self.armed = true;
        hardware.unmask();
        // An entry that came before the interrupt was let through.
        !self.controller.is_running() || !self.pairs.have_next(&self.memory)
    }

    fn disarm(&mut self) {
        if !std::mem::take(&mut self.armed) {
            return;
        }
        if let Some(hardware) = self.controller.hardware() {
            hardware.mask();
        }
        if let Some(wake) = &self.wake {
            // Nothing to read is as good; an interrupt on its way costs one needless wake-up later.
            let _ = rustix::io::read(wake, &mut [0; 8]);
        }
    }
}

impl<H: Hardware> fmt::Debug for NvmeDevice<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_flight = self.in_flight();
        f.debug_struct("NvmeDevice")
            .field("info", &self.info)
            .field("in_flight", &in_flight)
            .finish_non_exhaustive()
    }
}
