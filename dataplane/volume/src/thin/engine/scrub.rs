//! The check beside I/O: everything that an opening would read is read, and held against what is in memory.
//!
//! ```text
//!   superblocks ──► index ──► catalog ──► allow-lists ──► applications ──► nodes ──► journal
//!               ──► nodes in memory ──► (repair: a checkpoint writes anew what was damaged) ──► done
//! ```
//!
//! The pool goes on meanwhile. A block is read only while no checkpoint runs, when all that is referred to is durable;
//! once it is here, it counts only if it is still referred to, for until then its place is not written. What memory
//! says of it is encoded once more and compared byte by byte, unless it has changed since it was written.
//!
//! With I/O going on one block is read at a time; without, a few. Nodes in memory are looked at a few per turn.

mod target;

use sluice_device::{Buffer, Completion, IoError, Nanos, Op};

use super::super::check::{Affects, CheckProgress, Fault, LiveFinding, LiveReport, Structure};
use super::super::tag::Own;
use super::{Engine, Flaw};
use crate::map::Finding;
use crate::{PoolState, VolumeError};
use target::{Place, Target};

/// Blocks at the device at a time, without and with I/O of hosts.
const FLIGHTS: usize = 4;
const FLIGHTS_BESIDE: usize = 1;

/// Nodes in memory that are looked at per turn, without and with I/O of hosts: up to some 20 us each.
const NODES: u32 = 16;
const NODES_BESIDE: u32 = 1;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What is to be read next.
    Reading(Target),
    /// The node in memory to go on with.
    Memory(u32),
    /// What was damaged is durable once a superblock of a later generation is.
    Rewriting { after: u64 },
}

/// A block at the device, and where it was when it was sent.
#[derive(Debug, Clone, Copy)]
struct Flight {
    target: Target,
    place: Place,
}

/// A check under way.
#[derive(Debug)]
pub(crate) struct Scrub {
    stage: Stage,
    repair: bool,
    flights: [Option<Flight>; FLIGHTS],
    damaged: Vec<Target>,
    report: LiveReport,
    /// Blocks there are, as far as was counted when it began.
    blocks: u64,
}

/// The check under way, and the result of the last.
#[derive(Debug, Default)]
pub(crate) struct Scrubbing {
    running: Option<Box<Scrub>>,
    result: Option<Result<LiveReport, VolumeError>>,
}

impl Scrubbing {
    pub(crate) fn take_result(&mut self) -> Option<Result<LiveReport, VolumeError>> {
        self.result.take()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Option<CheckProgress> {
        let scrub = self.running.as_ref()?;
        let doing = match scrub.stage {
            Stage::Reading(_) => "device",
            Stage::Memory(_) => "memory",
            Stage::Rewriting { .. } => "repair",
        };
        let bytes = |blocks: u64| blocks * u64::from(super::super::format::BLOCK_BYTES_32);
        let read_bytes = bytes(scrub.report.blocks);
        Some(CheckProgress { doing, read_bytes, wanted_bytes: bytes(scrub.blocks).max(read_bytes) })
    }
}

impl Scrub {
    fn is_quiet(&self) -> bool {
        self.flights.iter().all(Option::is_none)
    }

    fn note(&mut self, structure: Structure, block: Option<u64>, fault: Fault, affects: Affects) {
        self.report.findings.push(LiveFinding { structure, block, fault, affects });
    }
}

impl Engine {
    /// Begins to check the pool.
    pub(crate) fn begin_scrub(&mut self, repair: bool) -> Result<(), VolumeError> {
        match self.state {
            PoolState::Open if !self.serving => return Err(VolumeError::NotOpen),
            PoolState::Closed => return Err(VolumeError::NotOpen),
            PoolState::Suspended => return Err(VolumeError::Suspended),
            PoolState::Open => {}
        }
        if self.scrubbing.running.is_some() || self.scrubbing.result.is_some() {
            return Err(VolumeError::Busy);
        }
        self.scrubbing.running = Some(Box::new(Scrub {
            stage: Stage::Reading(Target::FIRST),
            repair,
            flights: [None; FLIGHTS],
            damaged: Vec::new(),
            report: LiveReport::default(),
            blocks: self.metadata_blocks(),
        }));
        Ok(())
    }

    /// Whether the check goes on without the device's help.
    pub(super) fn is_scrub_runnable(&self) -> bool {
        let Some(scrub) = &self.scrubbing.running else { return false };
        match scrub.stage {
            _ if self.state != PoolState::Open => scrub.is_quiet(),
            Stage::Reading(_) => scrub.is_quiet() && !self.checkpoint.is_running(),
            Stage::Memory(_) => true,
            Stage::Rewriting { after } => self.superblock.generation > after,
        }
    }

    /// A turn of the check.
    pub(super) fn advance_scrub(&mut self) {
        let Some(mut scrub) = self.scrubbing.running.take() else { return };
        if self.state != PoolState::Open {
            if scrub.is_quiet() {
                self.scrubbing.result = Some(Err(VolumeError::Suspended));
            } else {
                self.scrubbing.running = Some(scrub);
            }
            return;
        }
        let is_over = match scrub.stage {
            Stage::Reading(target) => self.scrub_device(&mut scrub, target),
            Stage::Memory(from) => self.scrub_memory(&mut scrub, from),
            Stage::Rewriting { after } => {
                scrub.report.rewritten = self.superblock.generation > after;
                scrub.report.rewritten
            }
        };
        if is_over {
            self.scrubbing.result = Some(Ok(scrub.report));
            self.wake = true;
        } else {
            self.scrubbing.running = Some(scrub);
        }
    }

    /// Sends what may be sent. Never the end.
    fn scrub_device(&mut self, scrub: &mut Scrub, from: Target) -> bool {
        let mut next = from;
        while !self.checkpoint.is_running() {
            let Some(target) = self.target_from(next) else {
                if scrub.is_quiet() {
                    scrub.stage = Stage::Memory(0);
                }
                return false;
            };
            let most = if self.accepted > 0 { FLIGHTS_BESIDE } else { FLIGHTS };
            let Some(number) = scrub.flights[..most].iter().position(Option::is_none) else { break };
            let Some(buffer) = self.buffers.small.take() else { break };
            let place = self.place_of(target).expect("no checkpoint runs, and it is there");
            scrub.flights[number] = Some(Flight { target, place });
            self.send(Own::Check, number as u64, Op::Read, place.address, Some(buffer));
            next = target.after();
            scrub.stage = Stage::Reading(next);
        }
        false
    }

    /// Takes a block.
    pub(super) fn complete_scrub(&mut self, number: u32, completion: Completion) {
        let mut buffer = completion.buffer.expect("a device hands back what it was given");
        if completion.zeroes {
            buffer.fill(0);
        }
        if let Some(mut scrub) = self.scrubbing.running.take() {
            let flight = scrub.flights[number as usize].take().expect("it was in flight");
            scrub.report.blocks += 1;
            self.judge(&mut scrub, flight, completion.result, &buffer);
            self.scrubbing.running = Some(scrub);
        }
        self.give_small(buffer);
    }

    fn give_small(&mut self, buffer: Buffer) {
        self.buffers.small.give(buffer);
        self.feed();
    }

    /// Holds a block against what is in memory.
    fn judge(&mut self, scrub: &mut Scrub, flight: Flight, result: Result<(), IoError>, block: &[u8]) {
        let Flight { target, place } = flight;
        if self.place_of(target) != Some(place) {
            scrub.report.superseded += 1;
            return;
        }
        let address = place.address;
        let fault = match result {
            Ok(()) => self.fault_of(target, address, block),
            Err(_) => Some(Fault::Unreadable),
        };
        if let Some(fault) = fault {
            scrub.note(target.structure(), Some(address), fault, self.affected_by(target));
            scrub.damaged.push(target);
        }
    }

    /// Looks at some nodes in memory. True: that was the end.
    fn scrub_memory(&mut self, scrub: &mut Scrub, from: u32) -> bool {
        let limit = if self.accepted > 0 { NODES_BESIDE } else { NODES };
        match self.forest.verify(from, limit) {
            Ok(Some(next)) => scrub.stage = Stage::Memory(next),
            Ok(None) => {
                scrub.report.nodes = u64::from(self.forest.nodes());
                return self.rewrite(scrub);
            }
            Err(finding) => {
                scrub.note(Structure::Pool, None, Fault::Flaw(Flaw::Map(finding)), Affects::Pool);
                let next = node_of(finding).map_or(u32::MAX, |node| node + 1);
                scrub.stage = Stage::Memory(next.max(from + 1));
            }
        }
        false
    }

    /// Lets a checkpoint write anew what was damaged. True: nothing is to be written.
    fn rewrite(&mut self, scrub: &mut Scrub) -> bool {
        if !scrub.repair || scrub.damaged.is_empty() {
            return true;
        }
        for target in std::mem::take(&mut scrub.damaged) {
            self.rewrite_target(target);
        }
        // One that is running began too early.
        let after = self.superblock.generation + u64::from(self.checkpoint.is_running());
        self.checkpoint.wanted = true;
        scrub.stage = Stage::Rewriting { after };
        false
    }

    /// When the check's own work is due.
    pub(super) fn scrub_deadline(&self) -> Option<Nanos> {
        self.is_scrub_runnable().then_some(Nanos::ZERO)
    }
}

/// The node that a finding is about, if it is about one.
fn node_of(finding: Finding) -> Option<u32> {
    match finding {
        Finding::Entry { node, .. } | Finding::Sums { node } => Some(node.get()),
        _ => None,
    }
}
