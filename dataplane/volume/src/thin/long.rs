//! I/O on the long way: what takes more than one request, or a record.
//!
//! ```text
//!   data ──► journal ──► [flush] ──► done
//!     parts at the device   records acknowledged, map changed   with FUA
//! ```
//!
//! All slots exist from the start and keep their lists' memory, so that in steady state nothing is allocated.

use sluice_device::{Buffer, IoError};

use super::format::record::{Run, Void, Write};
use super::format::{BLOCK_BYTES_32, CHUNK_BLOCKS};
use super::volume::Span;
use crate::map::{BlockMask, Chunk, ChunkIndex, Layer};

/// What an I/O on the long way does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Fills the host's buffer from several extents.
    Read,
    /// Stores the host's buffer, some of it for the first time.
    Write,
    /// Makes blocks read as zeroes.
    Zero,
    /// Brings blocks of one chunk of a volume together.
    Merge,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The slot is free.
    Free,
    /// Something is at the device, or to be sent there.
    Data,
    /// Its records are to be acknowledged.
    Journal,
    /// All is done but for the flush with this ticket.
    Flush(u64),
}

/// Blocks of one chunk that a write goes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) index: ChunkIndex,
    pub(crate) run: Run,
    pub(crate) chunk: Chunk,
    /// They are not there yet: it takes a record.
    pub(crate) first_write: bool,
    /// Of the data, once they are known.
    pub(crate) data_crc64: u64,
    /// Number of the record; 0: not appended yet.
    pub(crate) record: u64,
}

/// Which blocks of a first write's ends are still to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Head,
    Tail,
}

/// Where in its current segment a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It needs a buffer.
    Begin,
    /// An end's old contents, or all of a merge's, are being read.
    Fetch(Edge),
    /// It is being written.
    Store,
}

/// An I/O.
#[derive(Debug)]
pub(crate) struct Long {
    pub(crate) tag: u32,
    pub(crate) kind: Kind,
    pub(crate) stage: Stage,
    /// The volume's slot and id.
    pub(crate) slot: usize,
    pub(crate) map: u32,
    pub(crate) span: Span,
    pub(crate) buffer: Option<Buffer>,
    pub(crate) fua: bool,
    pub(crate) epoch: u32,
    pub(crate) segments: Vec<Segment>,
    pub(crate) current: usize,
    pub(crate) step: Step,
    /// What a segment is put together in.
    pub(crate) bounce: Option<Buffer>,
    /// Reads: the next block to look up.
    pub(crate) cursor: u64,
    /// Requests at the device.
    pub(crate) parts: u32,
    /// In line for a buffer.
    pub(crate) hungry: bool,
    /// Its last record; 0: none.
    pub(crate) record: u64,
    /// Zeroes: blocks that are to be unmapped once the ends are written.
    pub(crate) rest: std::ops::Range<u64>,
    pub(crate) error: Option<IoError>,
}

impl Segment {
    /// Its first block on the device.
    pub(crate) fn block(&self) -> u64 {
        u64::from(self.chunk.0) * u64::from(CHUNK_BLOCKS) + u64::from(self.run.first)
    }

    /// Its blocks of the volume.
    pub(crate) fn blocks(&self) -> std::ops::Range<u64> {
        let start = self.index.first_block() + u64::from(self.run.first);
        start..start + u64::from(self.run.count)
    }

    pub(crate) fn bytes(&self) -> u32 {
        u32::from(self.run.count) * BLOCK_BYTES_32
    }

    pub(crate) fn layer(&self) -> Layer {
        Layer { chunk: self.chunk, mask: BlockMask(self.run.mask()) }
    }

    /// What the journal says of it.
    pub(crate) fn write(&self, map: u32) -> Write {
        Write { map, index: self.index.0, chunk: self.chunk.0, run: self.run, data_crc64: self.data_crc64 }
    }

    pub(crate) fn void(&self, map: u32) -> Void {
        Void::of(&self.write(map))
    }
}

impl Long {
    fn blank() -> Self {
        Self {
            tag: 0,
            kind: Kind::Read,
            stage: Stage::Free,
            slot: 0,
            map: 0,
            span: Span::default(),
            buffer: None,
            fua: false,
            epoch: 0,
            segments: Vec::new(),
            current: 0,
            step: Step::Begin,
            bounce: None,
            cursor: 0,
            parts: 0,
            hungry: false,
            record: 0,
            rest: 0..0,
            error: None,
        }
    }

    /// Whether it has records that may still come to nothing, or to something.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(self.stage, Stage::Data | Stage::Journal) && self.record > 0 && self.error.is_none()
    }
}

/// A request at the device for an I/O on the long way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) long: u32,
    pub(crate) what: PartKind,
}

/// What comes back with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// The host's own buffer, written.
    Direct,
    /// Bytes for the host's buffer, from this offset on.
    Read { offset: u32, bytes: u32, small: bool },
    /// Old contents for the bounce buffer.
    Fetch,
    /// The bounce buffer, written.
    Store,
}

/// A fixed number of places, each free or in use.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) fn new(count: u32, blank: impl Fn() -> T) -> Self {
        Self { items: (0..count).map(|_| blank()).collect(), free: (0..count).rev().collect() }
    }

    /// Takes a place, which still holds what its last user left.
    pub(crate) fn take(&mut self) -> Option<u32> {
        self.free.pop()
    }

    pub(crate) fn give(&mut self, at: u32) {
        self.free.push(at);
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many places there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.items.len()).expect("made from a u32")
    }

    pub(crate) fn get(&self, at: u32) -> &T {
        &self.items[at as usize]
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.items[at as usize]
    }
}

impl Slots<Long> {
    pub(crate) fn longs(count: u32) -> Self {
        Self::new(count, Long::blank)
    }
}

impl Slots<Part> {
    pub(crate) fn parts(count: u32) -> Self {
        Self::new(count, || Part { long: 0, what: PartKind::Direct })
    }
}
