//! The journal in memory: records in, blocks out, and how far they have come.
//!
//! ```text
//!   append ──► queue ──► block (one round's records) ──► device ──► acknowledged, in order ──► durable
//! ```
//!
//! Records are numbered from 1 as they are appended, blocks by sequence. A record is *acknowledged* once its block
//! and all blocks before it are on the device: then a crash of the daemon cannot lose it. It is *durable* once a
//! flush that began after that is over. Several blocks are in flight at a time, so that a round need not wait for
//! the round before.
//!
//! The ring always has room for what a checkpoint must append to make room: [`Journal::stretch`] lends it.

use std::collections::VecDeque;

use uuid::Uuid;

use super::format::journal::{JournalHead, RECORD_BYTES, RECORDS};
use super::format::record::Record;
use super::geometry::Geometry;

/// Blocks in flight: enough to have one under way while the next rounds fill theirs.
pub(crate) const FLIGHTS: usize = 8;

/// Blocks kept for what a checkpoint has to append: every first write in flight once more, and a group of snapshots
/// with all of its own.
const STRETCH_BLOCKS: u64 = 40;

/// A block on the device's queue.
#[derive(Debug)]
struct Flight {
    sequence: u64,
    last_record: u64,
    done: bool,
}

/// A place between records where a block must end.
#[derive(Debug)]
struct Cut {
    /// The last record before.
    record: u64,
    /// The last block before, once that is formed.
    sequence: Option<u64>,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Journal {
    pool: Uuid,
    era: u64,
    geometry: Geometry,
    /// The oldest block that recovery would read.
    replay_from: u64,
    next_sequence: u64,
    queue: VecDeque<Record>,
    /// The last record appended, formed into a block, acknowledged.
    appended: u64,
    formed: u64,
    acknowledged: u64,
    acknowledged_sequence: u64,
    durable_sequence: u64,
    flights: VecDeque<Flight>,
    cuts: VecDeque<Cut>,
    /// Blocks with records up to this one may use the whole ring.
    stretched_to: u64,
}

impl Journal {
    /// A journal of `era` whose next block is `sequence`; nothing before it is needed any more. `capacity` records fit
    /// without allocating.
    pub(crate) fn new(pool: Uuid, era: u64, geometry: Geometry, sequence: u64, capacity: usize) -> Self {
        Self {
            pool,
            era,
            geometry,
            replay_from: sequence,
            next_sequence: sequence,
            queue: VecDeque::with_capacity(capacity),
            appended: 0,
            formed: 0,
            acknowledged: 0,
            acknowledged_sequence: sequence - 1,
            durable_sequence: sequence - 1,
            flights: VecDeque::with_capacity(FLIGHTS),
            cuts: VecDeque::with_capacity(4),
            stretched_to: 0,
        }
    }

    /// Appends a record; returns its number.
    pub(crate) fn append(&mut self, record: Record) -> u64 {
        self.queue.push_back(record);
        self.appended += 1;
        self.appended
    }

    /// The last record appended.
    pub(crate) fn appended(&self) -> u64 {
        self.appended
    }

    /// Whether a record can no longer be lost by a crash of the daemon.
    pub(crate) fn is_acknowledged(&self, record: u64) -> bool {
        record <= self.acknowledged
    }

    /// Ends a block after the last record appended; returns that record, for [`sequence_of`](Self::sequence_of).
    pub(crate) fn cut(&mut self) -> u64 {
        let formed = self.formed == self.appended;
        let sequence = formed.then_some(self.next_sequence - 1);
        self.cuts.push_back(Cut { record: self.appended, sequence });
        self.appended
    }

    /// The last block before the oldest cut, which must be after `record`, once it is formed. Forgets the cut then.
    pub(crate) fn sequence_of(&mut self, record: u64) -> Option<u64> {
        let at =
            self.cuts.iter().position(|cut| cut.record == record).expect("a cut is asked for until told");
        let sequence = self.cuts[at].sequence?;
        self.cuts.remove(at);
        Some(sequence)
    }

    /// Lets what was appended so far use the whole ring.
    pub(crate) fn stretch(&mut self) {
        self.stretched_to = self.appended;
    }

    /// Blocks that recovery would read.
    pub(crate) fn used_blocks(&self) -> u64 {
        self.next_sequence - self.replay_from
    }

    /// Whether a checkpoint should make room.
    pub(crate) fn is_half_full(&self) -> bool {
        self.used_blocks() >= (self.geometry.journal_blocks - STRETCH_BLOCKS) / 2
    }

    /// Whether records wait for a checkpoint to make room.
    pub(crate) fn is_full(&self) -> bool {
        self.used_blocks() >= self.geometry.journal_blocks - STRETCH_BLOCKS
    }

    /// Whether [`form`](Self::form) would yield a block.
    pub(crate) fn wants_block(&self) -> bool {
        let room = self.used_blocks() < self.geometry.journal_blocks;
        let allowed = room && (!self.is_full() || self.formed < self.stretched_to);
        !self.queue.is_empty() && self.flights.len() < FLIGHTS && allowed
    }

    /// Makes a block of the records that wait. Returns its sequence and where it goes, in blocks of 4096 bytes.
    pub(crate) fn form(&mut self, block: &mut [u8]) -> (u64, u64) {
        let used = self.fill(&mut block[RECORDS..]);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let address = self.geometry.journal_address(sequence);
        let used_bytes = u16::try_from(used).expect("less than a block");
        let head = JournalHead { era: self.era, sequence, durable: self.durable_sequence, used_bytes };
        head.seal(self.pool, address, block);
        self.flights.push_back(Flight { sequence, last_record: self.formed, done: false });
        for cut in self.cuts.iter_mut().filter(|cut| cut.record == self.formed) {
            cut.sequence = Some(sequence);
        }
        (sequence, address)
    }

    /// Moves records from the queue until the block is full or must end.
    fn fill(&mut self, place: &mut [u8]) -> usize {
        let mut used = 0;
        let end = self.cuts.iter().filter(|cut| cut.sequence.is_none()).map(|cut| cut.record).min();
        while let Some(record) = self.queue.front() {
            if used + record.bytes() > RECORD_BYTES || end == Some(self.formed) {
                break;
            }
            used += record.encode(&mut place[used..]);
            self.queue.pop_front();
            self.formed += 1;
        }
        assert!(used > 0, "a block has records");
        used
    }

    /// The block whose sequence has these low bits is on the device.
    pub(crate) fn complete(&mut self, sequence: u32) {
        let low_bits = |flight: &Flight| flight.sequence & 0xfff_ffff == u64::from(sequence);
        let flight = self.flights.iter_mut().find(|flight| low_bits(flight)).expect("it is in flight");
        flight.done = true;
        while self.flights.front().is_some_and(|flight| flight.done) {
            let flight = self.flights.pop_front().expect("it was looked at");
            self.acknowledged = flight.last_record;
            self.acknowledged_sequence = flight.sequence;
        }
    }

    /// What a flush that begins now will make durable.
    pub(crate) fn acknowledged_sequence(&self) -> u64 {
        self.acknowledged_sequence
    }

    /// A flush has made the blocks up to `sequence` durable.
    pub(crate) fn flushed(&mut self, sequence: u64) {
        self.durable_sequence = self.durable_sequence.max(sequence);
    }

    /// A checkpoint holds everything before block `sequence`.
    pub(crate) fn trim(&mut self, sequence: u64) {
        self.replay_from = sequence;
    }

    /// The oldest block that recovery would read.
    pub(crate) fn replay_from(&self) -> u64 {
        self.replay_from
    }

    /// The era, which marks repeat.
    pub(crate) fn era(&self) -> u64 {
        self.era
    }
}

#[cfg(test)]
mod test;
