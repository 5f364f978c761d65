//! From any state to running: the transitions before I/O.

use sluice_device::Nanos;
use sluice_nvme::pcie::{ACQ, AQA, ASQ, AdminQueueAttributes};
use sluice_nvme::property::{ControllerConfiguration, ControllerStatus, Property};

use super::admin::{Admin, Purpose};
use super::startup::{Page, Startup};
use super::{Change, Controller, Event, LOOK, State, patience};
use crate::error::StartError;
use crate::hardware::Hardware;
use crate::layout::{ADMIN_ENTRIES, Layout};
use crate::queue::Entry;

/// Sizes of the I/O queues' entries, as powers of two: 64 and 16 bytes.
const IOSQES: u8 = 6;
const IOCQES: u8 = 4;

/// CC.AMS: weighted round robin with urgent priority class.
const WEIGHTED: u8 = 1;

/// CC.CSS: all command sets that the controller has.
const ALL_COMMAND_SETS: u8 = 0b110;

impl<H: Hardware> Controller<H> {
    /// Clears CC.EN: the first step of every reset.
    pub(super) fn disable(&mut self, now: Nanos) {
        let Some(hardware) = &self.hardware else { return };
        let configuration = ControllerConfiguration::from_bits(hardware.read32(Property::Cc.wire()));
        hardware.write32(Property::Cc.wire(), configuration.with_en(false).with_shn(0).bits());
        self.state = State::Disabling { until: now + patience(self.cap) };
        self.next_look = now;
    }

    /// One transition of the start, if it is due.
    pub(super) fn advance(&mut self, status: ControllerStatus, now: Nanos) -> Change {
        match self.state {
            State::Disabling { .. } if !status.rdy() => self.enable(now),
            State::Enabling { .. } if status.cfs() => return self.lost(StartError::Fatal),
            State::Enabling { .. } if status.rdy() => self.begin(now),
            State::Disabling { until } if now >= until => return self.late("become idle"),
            State::Enabling { until } if now >= until => return self.late("become ready"),
            State::Starting(_) | State::Resting { .. } if status.cfs() => {
                return self.lost(StartError::Fatal);
            }
            State::Starting(_) => return self.go_on(now),
            State::Resting { until, .. } if now >= until => return self.resume(now),
            _ => {}
        }
        self.next_look = now + Nanos(LOOK.0 / 10);
        Change::None
    }

    fn late(&mut self, doing: &'static str) -> Change {
        let waited_ms = patience(self.cap).0 / 1_000_000;
        self.lost(StartError::Timeout { doing, waited_ms })
    }

    /// Tells the admin queues and sets CC.EN. The controller touches no memory before.
    fn enable(&mut self, now: Nanos) {
        let Some(hardware) = &self.hardware else { return };
        let layout = &self.plan.layout;
        // Everything but the zeroes and the lists starts anew: stale completions would look like fresh ones.
        self.memory.clear(0, Layout::ZEROES);
        let (completions, length_bytes) = layout.completions();
        self.memory.clear(completions, length_bytes);
        self.admin = Admin::new(self.cap.dstrd());
        let entries = ADMIN_ENTRIES - 1;
        let attributes = AdminQueueAttributes::default().with_asqs(entries).with_acqs(entries);
        hardware.write32(AQA, attributes.bits());
        hardware.write64(ASQ, layout.iova(Layout::ADMIN_SUBMISSION.offset));
        hardware.write64(ACQ, layout.iova(Layout::ADMIN_COMPLETION.offset));
        let configuration = ControllerConfiguration::default()
            .with_en(true)
            .with_css(if self.cap.css_iocss() { ALL_COMMAND_SETS } else { 0 })
            .with_ams(if self.plan.weighted { WEIGHTED } else { 0 })
            .with_iosqes(IOSQES)
            .with_iocqes(IOCQES);
        hardware.write32(Property::Cc.wire(), configuration.bits());
        self.state = State::Enabling { until: now + patience(self.cap) };
    }

    fn begin(&mut self, now: Nanos) {
        let startup = Startup::new(self.erase.take());
        self.submit_next(startup, now);
    }

    /// Takes the completion of the start's command, if it is there, and submits the next.
    fn go_on(&mut self, now: Nanos) -> Change {
        let Some(hardware) = &self.hardware else { return Change::None };
        let Some(completion) = self.admin.next(hardware, &self.memory) else {
            if self.admin.is_overdue(now) {
                let State::Starting(startup) = &self.state else { return Change::None };
                let waited_ms = startup.patience().0 / 1_000_000;
                return self.lost(StartError::Timeout { doing: "answer", waited_ms });
            }
            self.next_look = now + Nanos(LOOK.0 / 100);
            return Change::None;
        };
        match completion {
            Ok((Purpose::Startup, entry)) => self.step(entry, now),
            Ok(_) | Err(_) => self.lost(StartError::Fatal),
        }
    }

    fn step(&mut self, entry: Entry, now: Nanos) -> Change {
        let State::Starting(mut startup) = std::mem::replace(&mut self.state, State::Running) else {
            return Change::None;
        };
        if let Err(cause) = startup.completed(&entry, &self.data(), &self.plan) {
            return self.lost(cause);
        }
        if let Some(percent) = startup.progress_percent() {
            self.tell(Event::Erasing { percent });
        }
        let until = now + startup.rest();
        if until > now {
            self.next_look = until;
            self.state = State::Resting { startup, until };
            return Change::None;
        }
        self.submit_next(startup, now)
    }

    fn resume(&mut self, now: Nanos) -> Change {
        let State::Resting { startup, .. } = std::mem::replace(&mut self.state, State::Running) else {
            return Change::None;
        };
        self.submit_next(startup, now)
    }

    /// Submits the next command of the start; without one, the controller runs.
    fn submit_next(&mut self, startup: Startup, now: Nanos) -> Change {
        let Some(hardware) = &self.hardware else { return Change::None };
        self.next_look = now;
        let Some(entry) = startup.command(&self.plan) else { return self.run(startup, now) };
        let deadline = now + startup.patience();
        self.admin.submit(hardware, &self.memory, entry, Purpose::Startup, Some(deadline));
        self.state = State::Starting(startup);
        Change::None
    }

    fn run(&mut self, startup: Startup, now: Nanos) -> Change {
        self.pairs = startup.created_pairs();
        let Some(facts) = startup.into_facts() else { return self.lost(StartError::NoNamespace) };
        if self.facts.as_ref().is_some_and(|before| !before.is_same_device(&facts)) {
            return self.lost(StartError::Changed);
        }
        let again = self.facts.replace(facts).is_some();
        self.state = State::Running;
        self.begin_watch(now);
        if again {
            self.tell(Event::Recovered);
        }
        Change::Started
    }

    /// What the last admin command returned.
    pub(super) fn data(&self) -> Box<Page> {
        let mut page = Box::new([0; 4096]);
        self.memory.read(Layout::DATA, page.as_mut_slice());
        page
    }
}
