//! Registers and queues: fetching entries, posting completions.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};
use sluice_nvme::async_event::AsyncEvent;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::log::smart::SmartLog;
use sluice_nvme::pcie::{ACQ, AQA, ASQ, AdminQueueAttributes, DOORBELLS};
use sluice_nvme::property::{
    Cap, ControllerConfiguration, ControllerStatus, Property, ShutdownNotification, ShutdownStatus,
};
use sluice_nvme::sqe::{SQE_BYTES, Sqe};
use sluice_nvme::status::Status;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, IntoBytes};

use super::erase::Sanitizing;
use super::memory::HostMemory;
use super::{Config, Counts, Faults};

/// Doorbells that can be rung while it is asleep without an allocation.
const UNHEARD: usize = 64;

/// A submission queue as the controller sees it.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) address: u64,
    pub(super) entries: u16,
    pub(super) head: u16,
    pub(super) tail: u16,
    pub(super) cqid: u16,
}

/// A completion queue as the controller sees it.
#[derive(Debug)]
pub(super) struct CompletionRing {
    pub(super) address: u64,
    pub(super) entries: u16,
    pub(super) head: u16,
    pub(super) tail: u16,
    pub(super) phase: bool,
    pub(super) interrupts: bool,
}

/// A command that was fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetched {
    pub(super) sqid: u16,
    pub(super) entry: Sqe,
}

/// Addresses of shadow doorbells and event indices.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShadowPages {
    pub(super) values: u64,
    pub(super) event_indices: u64,
}

/// All of the controller.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) config: Config,
    pub(super) faults: Faults,
    pub(super) counts: Counts,
    pub(super) memory: HostMemory,
    pub(super) disk: Vec<u8>,
    pub(super) smart: SmartLog,
    /// Survives resets.
    pub(super) sanitizing: Sanitizing,
    pub(super) removed: bool,
    pub(super) removal_requested: bool,
    configuration: ControllerConfiguration,
    status: ControllerStatus,
    admin: [u64; 3],
    pub(super) submissions: BTreeMap<u16, Submission>,
    pub(super) completions: BTreeMap<u16, CompletionRing>,
    pub(super) shadow: Option<ShadowPages>,
    /// Doorbells rung while it was asleep: register and value.
    unheard: Vec<(u32, u32)>,
    /// Fetched, not yet executed.
    waiting: VecDeque<Fetched>,
    /// Fetched, never to be executed.
    pub(super) swallowed: Vec<Fetched>,
    /// Event requests that wait for an event.
    pub(super) event_requests: VecDeque<u16>,
    events: VecDeque<AsyncEvent>,
    interrupt: Option<OwnedFd>,
    masked: bool,
    pending_interrupt: bool,
}

impl Machine {
    pub(super) fn new(config: Config) -> Self {
        let bytes = config.blocks * u64::from(config.block_size);
        let new_fd = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd");
        Self {
            disk: vec![0; usize::try_from(bytes).expect("a small disk")],
            interrupt: config.interrupt.then(new_fd),
            config,
            faults: Faults::default(),
            counts: Counts::default(),
            memory: HostMemory::default(),
            smart: SmartLog::default(),
            sanitizing: Sanitizing::default(),
            removed: false,
            removal_requested: false,
            configuration: ControllerConfiguration::default(),
            status: ControllerStatus::default(),
            admin: [0; 3],
            submissions: BTreeMap::new(),
            completions: BTreeMap::new(),
            shadow: None,
            unheard: Vec::with_capacity(UNHEARD),
            waiting: VecDeque::new(),
            swallowed: Vec::new(),
            event_requests: VecDeque::new(),
            events: VecDeque::new(),
            masked: false,
            pending_interrupt: false,
        }
    }

    /// CAP; `None` off the bus.
    pub(super) fn cap(&self) -> Option<Cap> {
        let cap = Cap::default().with_mqes(self.config.queue_entries - 1).with_cqr(true).with_to(2);
        let cap = cap.with_dstrd(self.config.doorbell_stride).with_css_nvm(true).with_mpsmax(4);
        (!self.removed).then(|| cap.with_ams(u8::from(self.config.weighted)))
    }

    pub(super) fn read32(&self, offset: u32) -> u32 {
        match Property::from_wire(offset) {
            _ if self.removed => u32::MAX,
            Some(Property::Cc) => self.configuration.bits(),
            Some(Property::Csts) => self.status.bits(),
            _ => 0,
        }
    }

    pub(super) fn write32(&mut self, offset: u32, value: u32) {
        if self.removed {
            return;
        }
        if self.faults.asleep && offset >= DOORBELLS {
            return self.unheard.push((offset, value));
        }
        match offset {
            AQA => self.admin[0] = u64::from(value),
            DOORBELLS.. => self.ring(offset, value),
            _ if offset == Property::Cc.wire() => self.configure(ControllerConfiguration::from_bits(value)),
            _ => {}
        }
        self.run();
    }

    pub(super) fn write64(&mut self, offset: u32, value: u64) {
        match offset {
            ASQ => self.admin[1] = value,
            ACQ => self.admin[2] = value,
            _ => {}
        }
    }

    fn configure(&mut self, configuration: ControllerConfiguration) {
        let before = std::mem::replace(&mut self.configuration, configuration);
        if self.faults.stuck {
            return;
        }
        if before.en() == configuration.en() {
            return self.shut_down(configuration);
        }
        self.forget();
        self.status = ControllerStatus::default().with_rdy(configuration.en());
        if configuration.en() {
            self.enable();
        }
    }

    /// CC.SHN: it fetches nothing more.
    fn shut_down(&mut self, configuration: ControllerConfiguration) {
        if configuration.shn() == ShutdownNotification::Normal.wire() {
            self.counts.shut_down += 1;
            self.status = self.status.with_shst(ShutdownStatus::Complete.wire());
        }
    }

    /// A reset ends everything.
    fn forget(&mut self) {
        self.submissions.clear();
        self.completions.clear();
        self.waiting.clear();
        self.swallowed.clear();
        self.event_requests.clear();
        self.events.clear();
        self.shadow = None;
    }

    fn enable(&mut self) {
        self.counts.enabled += 1;
        let [attributes, asq, acq] = self.admin;
        let attributes =
            AdminQueueAttributes::from_bits(u32::try_from(attributes).expect("written as 32 bits"));
        let (sizes, start) = ((attributes.asqs() + 1, attributes.acqs() + 1), (0, 0));
        let (head, tail) = start;
        self.submissions.insert(0, Submission { address: asq, entries: sizes.0, head, tail, cqid: 0 });
        let ring =
            CompletionRing { address: acq, entries: sizes.1, head, tail, phase: true, interrupts: true };
        self.completions.insert(0, ring);
    }

    pub(super) fn cut_off(&mut self) {
        self.counts.cut_off += 1;
        self.memory.unmap_all();
        self.forget();
    }

    pub(super) fn break_down(&mut self) {
        self.status = self.status.with_cfs(true);
        self.forget();
    }

    fn ring(&mut self, offset: u32, value: u32) {
        self.counts.doorbells += 1;
        let index = (offset - DOORBELLS) >> (2 + self.config.doorbell_stride);
        let queue = u16::try_from(index / 2).expect("few queues");
        let value = u16::try_from(value).expect("a place in a ring");
        if index.is_multiple_of(2) {
            self.set_tail(queue, value);
        } else if let Some(ring) = self.completions.get_mut(&queue) {
            assert!(value < ring.entries, "a head inside the ring");
            ring.head = value;
        }
    }

    fn set_tail(&mut self, queue: u16, value: u16) {
        if let Some(submission) = self.submissions.get_mut(&queue) {
            assert!(value < submission.entries, "a tail inside the ring");
            submission.tail = value;
        }
    }

    /// Reads shadow doorbells, and asks to be woken at the next value.
    fn read_shadows(&mut self) {
        let Some(ShadowPages { values, event_indices }) = self.shadow else { return };
        let queues: Vec<u16> = self.submissions.keys().copied().filter(|queue| *queue > 0).collect();
        for queue in queues {
            let place = |doorbell: u16| u64::from(doorbell) << (2 + self.config.doorbell_stride);
            let (tail, head) = (place(2 * queue), place(2 * queue + 1));
            let (mut value, mut head_value) = ([0; 4], [0; 4]);
            self.memory.read(values + tail, &mut value).expect("shadow doorbells are mapped");
            self.memory.read(values + head, &mut head_value).expect("shadow doorbells are mapped");
            self.memory.write(event_indices + tail, &value).expect("event indices are mapped");
            self.set_tail(queue, U16::from_bytes([value[0], value[1]]).get());
            if let Some(ring) = self.completions.get_mut(&queue) {
                ring.head = U16::from_bytes([head_value[0], head_value[1]]).get();
            }
        }
    }

    /// Fetches and executes whatever there is.
    pub(super) fn run(&mut self) {
        if self.removed || !self.status.rdy() || self.status.cfs() || self.status.shst() > 0 {
            return;
        }
        if self.faults.asleep {
            return;
        }
        let mut unheard = std::mem::take(&mut self.unheard);
        unheard.drain(..).for_each(|(offset, value)| self.ring(offset, value));
        self.unheard = unheard;
        self.read_shadows();
        while let Some(fetched) = self.fetch() {
            self.waiting.push_back(fetched);
        }
        self.sort_out();
        if let Some(random) = &mut self.faults.shuffle {
            for end in (1..self.waiting.len()).rev() {
                self.waiting.swap(end, random.index(end + 1));
            }
        }
        let held = |fetched: &Fetched, faults: &Faults| fetched.sqid > 0 && faults.hold;
        let mut later = VecDeque::new();
        while let Some(fetched) = self.waiting.pop_front() {
            if held(&fetched, &self.faults) { later.push_back(fetched) } else { self.execute(fetched) }
        }
        self.waiting.extend(later);
    }

    /// Takes out of the waiting what is never to be answered.
    fn sort_out(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for fetched in waiting {
            let is_io = fetched.sqid > 0;
            if is_io && self.faults.swallow > 0 {
                self.faults.swallow -= 1;
                self.swallowed.push(fetched);
            } else if is_io || !self.faults.deaf {
                self.waiting.push_back(fetched);
            }
        }
    }

    fn fetch(&mut self) -> Option<Fetched> {
        let (sqid, queue) = self.submissions.iter_mut().find(|(_, queue)| queue.head != queue.tail)?;
        let mut bytes = [0; SQE_BYTES];
        let place = queue.address + u64::from(queue.head) * SQE_BYTES as u64;
        self.memory.read(place, &mut bytes).expect("queues are mapped");
        queue.head = (queue.head + 1) % queue.entries;
        let entry = Sqe::read_from_bytes(&bytes).expect("an entry's bytes");
        Some(Fetched { sqid: *sqid, entry })
    }

    fn execute(&mut self, fetched: Fetched) {
        if fetched.sqid == 0 {
            return self.execute_admin(&fetched);
        }
        let status = self.faults.fail.pop_front().unwrap_or_else(|| self.execute_io(&fetched.entry));
        self.counts.executed += 1;
        self.counts.queues |= 1 << fetched.sqid;
        self.post(&fetched, status, 0);
    }

    /// Writes a completion into its ring.
    pub(super) fn post(&mut self, fetched: &Fetched, status: Status, result: u32) {
        let Some(queue) = self.submissions.get(&fetched.sqid) else { return };
        let (sqhd, cqid) = (queue.head, queue.cqid);
        let mut cqe = Cqe::new(fetched.entry.cid.get(), status).with_dw0(result);
        (cqe.sqhd, cqe.sqid) = (U16::new(sqhd), U16::new(fetched.sqid));
        let ring = self.completions.get_mut(&cqid).expect("a submission queue has a completion queue");
        let next = (ring.tail + 1) % ring.entries;
        // The driver may batch its head doorbell, but must never let the ring overflow.
        assert!(self.shadow.is_some() || next != ring.head, "an entry is free for each completion");
        cqe.status = U16::new(cqe.status.get() | u16::from(ring.phase));
        self.memory
            .write(ring.address + u64::from(ring.tail) * 16, cqe.as_bytes())
            .expect("queues are mapped");
        ring.tail = next;
        ring.phase ^= next == 0;
        self.pending_interrupt |= ring.interrupts;
        self.signal();
    }

    pub(super) fn complete_unasked(&mut self, sqid: u16, cid: u16) {
        let entry = Sqe { cid: U16::new(cid), ..Sqe::default() };
        self.post(&Fetched { sqid, entry }, Status::SUCCESS, 0);
    }

    /// Answers an event request, or keeps the event for the next one.
    pub(super) fn tell(&mut self, event: AsyncEvent) {
        self.events.push_back(event);
        self.tell_waiting();
    }

    pub(super) fn tell_waiting(&mut self) {
        while !self.events.is_empty()
            && let Some(cid) = self.event_requests.pop_front()
        {
            let event = self.events.pop_front().expect("not empty");
            let entry = Sqe { cid: U16::new(cid), ..Sqe::default() };
            self.post(&Fetched { sqid: 0, entry }, Status::SUCCESS, event.bits());
        }
    }

    pub(super) fn interrupt(&self) -> Option<OwnedFd> {
        self.interrupt.as_ref().map(|fd| fd.try_clone().expect("a descriptor"))
    }

    pub(super) fn set_masked(&mut self, masked: bool) {
        self.masked = masked;
        self.signal();
    }

    fn signal(&mut self) {
        if let (false, true, Some(fd)) = (self.masked, self.pending_interrupt, &self.interrupt) {
            rustix::io::write(fd, &1u64.to_le_bytes()).expect("an eventfd takes counts");
            self.pending_interrupt = false;
        }
    }
}
