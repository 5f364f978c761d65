//! The engine: the owner that routes between its parts. It does no I/O: requests go into an outbox, completions come
//! in, and [`ThinPool`](super::ThinPool) carries both to and from the device.
//!
//! | module | what |
//! |---|---|
//! | [`submit`] | the short way: I/O that is one request and no record; everything else is sent on |
//! | [`plan`] | what a write takes, and whether it has to wait |
//! | [`write`](mod@write), [`read`], [`zero`] | the long way, step by step |
//! | [`finish`] | from the last part to the completion |
//! | [`round`] | journal blocks, flushes and seals: what makes things certain |
//! | [`checkpoint`](mod@checkpoint) | the maps' way to the disk |
//! | [`merge`] | bringing blocks together, and other work for idle times |
//! | [`scrub`] | the check beside I/O |
//! | [`control`] | operations on volumes, snapshots and the pool |

mod audit;
pub(crate) mod checkpoint;
pub(crate) mod control;
mod finish;
mod merge;
mod plan;
mod read;
mod round;
mod scrub;
mod submit;
mod write;
mod zero;

pub use audit::Flaw;
pub(crate) use audit::{flaws, mapped};
pub use control::group::{MAX_GROUP, SnapshotSpec};
pub use control::volume::CloneSpec;
pub(crate) use zero::LONGEST_BYTES as LONGEST_ZERO_BYTES;

use std::collections::VecDeque;

use sluice_device::{Buffer, Completion, DeviceInfo, IoError, Nanos, Op, Pool, Ready, Request};
use uuid::Uuid;

use super::buffers::Buffers;
use super::drains::Drains;
use super::flusher::Flusher;
use super::format::superblock::Superblock;
use super::geometry::Geometry;
use super::journal::Journal;
use super::long::{Long, Part, Segment, Slots};
use super::pages::Pages;
use super::pending::Pending;
use super::seal::Seal;
use super::side::Side;
use super::table::Table;
use super::tag::{Own, Tag};
use super::window::Window;
use crate::map::Forest;
use crate::{PoolState, VolumeError, VolumeIo};
use checkpoint::Checkpoint;
use control::Control;
use merge::Background;
use scrub::Scrubbing;

/// First writes in flight, in segments: what a checkpoint or a snapshot has to record once more is bounded by this.
const MAX_SEGMENTS: usize = 512;

/// The longest read or write: a plan for more would take its time.
const LONGEST_TRANSFER_BYTES: u64 = 1 << 20;

/// Chunks that the window may hold before it is closed.
const WINDOW_CHUNKS: usize = 1024;

/// A flush that a host waits for.
#[derive(Debug)]
struct HostFlush {
    tag: u32,
    ticket: u64,
    buffer: Option<Buffer>,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Engine {
    // The pool.
    pub(crate) state: PoolState,
    /// The pool is open as far as its users are concerned.
    pub(crate) serving: bool,
    /// Why it is suspended.
    pub(crate) cause: Option<(&'static str, IoError)>,
    pub(crate) geometry: Geometry,
    pub(crate) superblock: Superblock,
    pub(crate) table: Table,
    pub(crate) forest: Forest,
    pub(crate) pages: Pages,

    // What makes changes certain.
    pub(crate) journal: Journal,
    pub(crate) flusher: Flusher,
    /// The journal block up to which the flush in flight reaches.
    flush_reach: u64,
    pub(crate) drains: Drains,
    pub(crate) window: Window,
    pub(crate) seal: Seal,
    pub(crate) checkpoint: Checkpoint,

    // I/O.
    /// The longest read or write.
    pub(crate) max_transfer_bytes: u64,
    fua: bool,
    pub(crate) depth: usize,
    pub(crate) outbox: Vec<Request>,
    pub(crate) ready: Ready,
    pub(crate) buffers: Buffers,
    pub(crate) longs: Slots<Long>,
    parts: Slots<Part>,
    /// Segments of first writes in flight.
    segments: usize,
    pub(crate) pending: Pending,
    /// Segments of the write being planned.
    scratch: Vec<Segment>,
    /// In line for a buffer.
    hungry: VecDeque<u32>,
    /// Their data are written and their records are not acknowledged.
    recorded: Vec<u32>,
    /// They wait for a flush.
    flushing: Vec<u32>,
    host_flushes: VecDeque<HostFlush>,
    /// They wait for something else; each is planned anew when something happened.
    parked: VecDeque<VolumeIo>,
    /// Something happened.
    wake: bool,
    /// Volume I/O taken and not yet handed back.
    accepted: usize,

    // Work on the side.
    pub(crate) side: Side,
    pub(crate) background: Background,
    pub(crate) scrubbing: Scrubbing,
    pub(crate) control: Control,
}

impl Engine {
    /// An engine for the device, still closed.
    pub(crate) fn new(info: &DeviceInfo, buffers: &Pool) -> Result<Self, VolumeError> {
        let geometry = Geometry::new(info)?;
        let depth = info.queue_depth;
        let max_transfer_bytes = info.max_transfer_blocks.saturating_mul(info.block_size);
        let superblock = Superblock::blank(&geometry);
        Ok(Self {
            state: PoolState::Closed,
            serving: false,
            max_transfer_bytes: u64::from(max_transfer_bytes).min(LONGEST_TRANSFER_BYTES),
            cause: None,
            journal: Journal::new(Uuid::nil(), 0, geometry, 1, 0),
            superblock,
            geometry,
            table: Table::default(),
            forest: Forest::new(0),
            pages: Pages::default(),
            flusher: Flusher::new(info.volatile_write_cache),
            flush_reach: 0,
            drains: Drains::default(),
            window: Window::new(WINDOW_CHUNKS),
            seal: Seal::new(),
            checkpoint: Checkpoint::default(),
            fua: info.fua || !info.volatile_write_cache,
            depth: depth as usize,
            outbox: Vec::with_capacity(2 * depth as usize + 64),
            ready: Ready::new(depth),
            buffers: Buffers::new(buffers, max_transfer_bytes)?,
            longs: Slots::longs(depth + 1),
            parts: Slots::parts(2 * depth + 64),
            segments: 0,
            pending: Pending::new(MAX_SEGMENTS),
            scratch: Vec::with_capacity(64),
            hungry: VecDeque::with_capacity(depth as usize),
            recorded: Vec::with_capacity(depth as usize + 1),
            flushing: Vec::with_capacity(depth as usize),
            host_flushes: VecDeque::with_capacity(depth as usize),
            parked: VecDeque::with_capacity(depth as usize),
            wake: false,
            accepted: 0,
            side: Side::default(),
            background: Background::default(),
            scrubbing: Scrubbing::default(),
            control: Control::default(),
        })
    }

    /// Volume I/O taken and not yet handed back.
    pub(crate) fn in_flight(&self) -> usize {
        self.accepted
    }

    /// Puts a request of the engine's own into the outbox; units are blocks of 4096 bytes.
    pub(crate) fn send(&mut self, own: Own, number: u64, op: Op, address: u64, buffer: Option<Buffer>) {
        let blocks = if op == Op::Flush { 0 } else { self.geometry.ratio() };
        let lba = self.geometry.lba(address);
        self.outbox.push(Request { tag: own.tag(number), op, lba, blocks, buffer });
    }

    /// Takes a completion off the device; hands back what a caller is to see at once.
    pub(crate) fn complete(&mut self, now: Nanos, mut completion: Completion) -> Option<Completion> {
        match Tag::decode(completion.tag) {
            Tag::Short { tag, epoch } => {
                self.drains.leave(epoch);
                self.accepted -= 1;
                completion.tag = tag;
                return Some(completion);
            }
            Tag::Own(Own::Part, part) => {
                self.side.complete(completion.tag);
                self.complete_part(now, part, completion);
            }
            Tag::Own(Own::Journal, sequence) => self.complete_journal(sequence, completion),
            Tag::Own(Own::Flush, _) => self.complete_flush(completion),
            Tag::Own(Own::Mark, _) => self.complete_mark(completion),
            Tag::Own(Own::Checkpoint, _) => {
                self.side.complete(completion.tag);
                self.complete_checkpoint(completion);
            }
            Tag::Own(Own::Load, piece) => self.complete_load(piece, completion),
            Tag::Own(Own::Check, number) => self.complete_scrub(number, completion),
        }
        None
    }

    /// Does everything that can be done without the device.
    pub(crate) fn advance(&mut self, now: Nanos) {
        self.advance_control(now);
        if self.state == PoolState::Open {
            self.advance_background(now);
            self.advance_checkpoint(now);
            self.advance_side();
            self.advance_seal(now);
        }
        self.advance_scrub();
        self.advance_ended(now);
        self.advance_flush();
        self.advance_journal();
        self.retry_parked(now);
        self.advance_journal();
    }

    /// A checkpoint or a merge that has ended just now may be all that an operation waits for.
    fn advance_ended(&mut self, now: Nanos) {
        if self.state == PoolState::Open && self.control.load().is_none() {
            self.advance_control(now);
        }
    }

    /// When [`advance`](Self::advance) has something to do although nothing completes.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        if !self.ready.is_empty() || self.wake || self.has_background() || self.is_control_runnable() {
            return Some(Nanos::ZERO);
        }
        let seal = if self.state == PoolState::Open { self.seal.due() } else { None };
        [seal, self.control_deadline(), self.merge_deadline(), self.scrub_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the device said becomes what there is to do, from the start.
    pub(crate) fn start(&mut self) {
        self.state = PoolState::Open;
        self.checkpoint.wanted = true;
        self.seal = Seal::new();
        self.background.note_change();
    }

    /// Forgets all of a pool that could not be opened.
    pub(crate) fn close(&mut self) {
        (self.state, self.serving) = (PoolState::Closed, false);
        (self.table, self.forest, self.pages) = (Table::default(), Forest::new(0), Pages::default());
        self.checkpoint = Checkpoint::default();
        self.seal = Seal::new();
    }

    /// Keeps a completion for which its caller had no room.
    pub(crate) fn keep(&mut self, completion: Completion) {
        self.ready.push(completion);
    }

    /// Hands a completion to its caller by way of the ready queue.
    fn push_ready(&mut self, tag: u32, result: Result<(), IoError>, zeroes: bool, buffer: Option<Buffer>) {
        self.ready.push(Completion { tag, result, zeroes, buffer });
    }

    /// Something that makes changes certain has failed: memory and disk may differ. Nothing is changed any more.
    pub(crate) fn suspend(&mut self, doing: &'static str, cause: IoError) {
        if self.state == PoolState::Suspended {
            return;
        }
        self.state = PoolState::Suspended;
        self.cause = Some((doing, cause));
        self.fail_waiting();
        self.fail_control(VolumeError::Io { doing, cause });
    }
}
