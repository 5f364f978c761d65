//! The controller as a machine: reset, enable, start, watch, and reset again when it fails.
//!
//! ```text
//!                CC.EN = 0            CSTS.RDY = 0             CSTS.RDY = 1              last step
//!   (new) ──► Disabling ────────────────► Enabling ────────────────► Starting ──────────► Running
//!                ▲                                                                          │
//!                └──── CSTS.CFS, stuck command, unknown completion: the caller's or our own ┘
//!   Running ── shut down ──► Closed, for good
//!   any ── no answer, removal requested, not ready in time, too many resets ──► Gone
//! ```
//! It never waits: [`Controller::poll`] is called again at [`Controller::next_look`]. Once it is disabled, or cut off,
//! the controller touches no memory; requests in flight may then be sent again or given back.

mod admin;
mod start;
mod startup;
mod watch;

use std::collections::VecDeque;
use std::rc::Rc;

use sluice_device::Nanos;
use sluice_hugepages::DmaMemory;
use sluice_nvme::property::{
    Cap, ControllerConfiguration, ControllerStatus, Property, ShutdownNotification, ShutdownStatus,
};

use crate::error::StartError;
use crate::hardware::{Hardware, NO_ANSWER};
use crate::health::{Event, ResetCause, Watch};
use crate::layout::Layout;
use crate::options::{Options, SECOND};
use admin::Admin;
use sluice_nvme_block::{Erase, Facts};
pub(crate) use startup::qid;
use startup::{Plan, Startup};
use watch::Due;

/// Between two looks at the admin queue, and at CSTS while it is waited for.
const LOOK: Nanos = Nanos(10_000_000);

/// Resets in a row, without an I/O that completed in between, after which a controller is given up.
const RESETS: u32 = 4;

/// An orderly shutdown may take so long: as the Linux kernel's driver has it, for drives that do not tell.
const SHUTDOWN: Nanos = Nanos(5 * SECOND.0);

/// Events kept for the caller; the oldest go first.
const EVENTS: usize = 64;

#[derive(Debug)]
enum State {
    Disabling {
        until: Nanos,
    },
    Enabling {
        until: Nanos,
    },
    Starting(Startup),
    /// Between two commands of the start.
    Resting {
        startup: Startup,
        until: Nanos,
    },
    Running,
    /// Told to shut down. It is not spoken to any more, but for its status.
    Closed,
    Gone(StartError),
}

/// What a poll brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// It serves, with empty I/O queues: what was in flight is to be sent again.
    Started,
    /// It is given up and reaches no memory.
    Gone,
}

/// One controller.
pub(crate) struct Controller<H: Hardware> {
    /// Let go of once it is given up.
    hardware: Option<H>,
    memory: Rc<DmaMemory>,
    plan: Plan,
    /// What the first start is to do to the namespace.
    erase: Option<Erase>,
    cap: Cap,
    /// I/O queue pairs that were created by the last start.
    pairs: u16,
    state: State,
    admin: Admin,
    facts: Option<Facts>,
    watch: Watch,
    due: Due,
    events: VecDeque<Event>,
    /// In a row.
    resets: u32,
    next_look: Nanos,
}

impl<H: Hardware> Controller<H> {
    /// Takes over a controller in whatever state and begins to reset it.
    pub(crate) fn new(
        hardware: H,
        memory: Rc<DmaMemory>,
        layout: Layout,
        options: Options,
        now: Nanos,
    ) -> Self {
        let cap = Cap::from_bits(hardware.read64(Property::Cap.wire()));
        let interrupts = hardware.interrupt().is_some();
        // Bit 0 of AMS: weighted round robin with urgent priority class.
        let weighted = cap.ams() & 1 == 1;
        let mut controller = Self {
            hardware: Some(hardware),
            memory,
            plan: Plan { options, layout, weighted, interrupts },
            erase: None,
            cap,
            pairs: 0,
            state: State::Running,
            admin: Admin::new(cap.dstrd()),
            facts: None,
            watch: Watch::default(),
            due: Due::default(),
            events: VecDeque::with_capacity(EVENTS),
            resets: 0,
            next_look: now,
        };
        match lacks(cap) {
            Some(lacks) => controller.give_up(StartError::Unsupported { lacks }),
            None => controller.disable(now),
        }
        controller
    }

    /// Has the namespace erased by the start that is under way; a reset later on does not do it again.
    pub(crate) fn erase_first(&mut self, erase: Erase) {
        self.erase = Some(erase);
    }

    /// Whether I/O queues exist and may be used.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// Why it was given up.
    pub(crate) fn gone(&self) -> Option<&StartError> {
        if let State::Gone(cause) = &self.state { Some(cause) } else { None }
    }

    /// What it told, once it has run.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    #[inline]
    pub(crate) fn hardware(&self) -> Option<&H> {
        self.hardware.as_ref()
    }

    pub(crate) fn cap(&self) -> Cap {
        self.cap
    }

    /// How many I/O queue pairs there are, a power of two; once it has run.
    pub(crate) fn pairs(&self) -> u16 {
        self.pairs
    }

    /// When [`poll`](Self::poll) is due.
    #[inline]
    pub(crate) fn next_look(&self) -> Nanos {
        self.next_look
    }

    /// Whether it goes on by itself and wants to be polled, whoever sleeps.
    pub(crate) fn is_restless(&self) -> bool {
        match self.state {
            State::Running => self.admin.is_busy(),
            State::Closed | State::Gone(_) => false,
            _ => true,
        }
    }

    /// The oldest event that was not taken yet.
    pub(crate) fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// An I/O completed: what was before a reset is forgiven.
    #[inline]
    pub(crate) fn worked(&mut self) {
        self.resets = 0;
    }

    /// Goes on as far as possible without waiting.
    #[must_use]
    pub(crate) fn poll(&mut self, now: Nanos) -> Change {
        self.next_look = now + LOOK;
        let Some(hardware) = &self.hardware else { return Change::None };
        if matches!(self.state, State::Closed) {
            return Change::None;
        }
        let status = match self.state {
            State::Running if now < self.due.status => ControllerStatus::default().with_rdy(true),
            _ if hardware.removal_requested() => return self.lost(StartError::RemovalRequested),
            _ => match hardware.read32(Property::Csts.wire()) {
                NO_ANSWER => return self.lost(StartError::Gone),
                status => ControllerStatus::from_bits(status),
            },
        };
        match self.state {
            State::Running => self.oversee(status, now),
            _ => self.advance(status, now),
        }
    }

    /// Begins a reset. The queues are dead from here on, and are new when [`Change::Started`] is told.
    pub(crate) fn reset(&mut self, cause: ResetCause, now: Nanos) -> Change {
        self.tell(Event::Reset(cause));
        self.resets += 1;
        if self.resets > RESETS {
            return self.lost(StartError::Resets { resets: RESETS });
        }
        self.disable(now);
        Change::None
    }

    /// Tells a running controller to shut down orderly, as before its power is taken; how long that may take. Nothing
    /// for one that does not run: it has nothing to put in order.
    pub(crate) fn shut_down(&mut self) -> Nanos {
        let Some(hardware) = self.hardware.as_ref().filter(|_| matches!(self.state, State::Running)) else {
            return Nanos::ZERO;
        };
        let configuration = ControllerConfiguration::from_bits(hardware.read32(Property::Cc.wire()));
        let configuration = configuration.with_shn(ShutdownNotification::Normal.wire());
        hardware.write32(Property::Cc.wire(), configuration.bits());
        self.state = State::Closed;
        SHUTDOWN
    }

    /// Whether there is nothing to wait for, after [`shut_down`](Self::shut_down).
    pub(crate) fn has_shut_down(&self) -> bool {
        let Some(hardware) = self.hardware.as_ref().filter(|_| matches!(self.state, State::Closed)) else {
            return true;
        };
        match hardware.read32(Property::Csts.wire()) {
            NO_ANSWER => true,
            status => ControllerStatus::from_bits(status).shst() == ShutdownStatus::Complete.wire(),
        }
    }

    fn lost(&mut self, cause: StartError) -> Change {
        self.give_up(cause);
        Change::Gone
    }

    /// Cuts the controller off from memory and lets go of it.
    fn give_up(&mut self, cause: StartError) {
        if let Some(hardware) = self.hardware.take() {
            hardware.cut_off();
        }
        self.tell(Event::Gone(cause.clone()));
        self.state = State::Gone(cause);
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl<H: Hardware> Drop for Controller<H> {
    /// Buffers in flight are freed after this: the controller must not reach them any more.
    fn drop(&mut self) {
        if let Some(hardware) = self.hardware.take() {
            hardware.cut_off();
        }
    }
}

/// What a controller lacks to be driven at all.
fn lacks(cap: Cap) -> Option<&'static str> {
    match cap {
        cap if cap.bits() == u64::MAX => Some("does not answer"),
        cap if !cap.css_nvm() && !cap.css_iocss() => Some("has no NVM Command Set"),
        cap if cap.mpsmin() > 0 => Some("has memory pages larger than 4 KiB only"),
        _ => None,
    }
}

/// How long the controller may take to become ready or idle: CAP.TO, at least a second.
fn patience(cap: Cap) -> Nanos {
    Nanos((u64::from(cap.to()) * 500_000_000).max(SECOND.0))
}
