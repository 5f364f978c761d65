//! I/O: what is sent, and what must come back.

use sluice_device::error::{Fault, Faults};
use sluice_device::random::Random;
use sluice_device::torn::TornDevice;
use sluice_device::{BlockDevice, Buffer, Completion, IoError, Nanos, Op};
use sluice_volume::thin::Role;
use sluice_volume::{BlockSize, VolumeIndex, VolumeIo};
use uuid::Uuid;

use crate::cell::Stamp;
use crate::disk::{self, SECTOR};
use crate::model::{Entry, SECTOR_BYTES};
use crate::world::World;

/// The longest Write Zeroes and Deallocate, in sectors: 1 GiB.
const LONGEST_ZERO: u64 = 1 << 21;

/// What an I/O does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write {
        fua: bool,
    },
    /// Exact, or whole blocks of 4096 bytes only.
    Zero {
        fua: bool,
        exact: bool,
    },
    Flush,
}

/// An I/O in flight.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) uuid: Uuid,
    pub(crate) kind: Kind,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) id: u64,
    pub(crate) begun: u64,
}

impl Flight {
    /// The sectors that it changes.
    fn changes(&self) -> std::ops::Range<u64> {
        let end = self.first + self.count;
        match self.kind {
            Kind::Write { .. } | Kind::Zero { exact: true, .. } => self.first..end,
            Kind::Zero { exact: false, .. } => {
                let start = self.first.next_multiple_of(8);
                start..(end / 8 * 8).max(start)
            }
            Kind::Read | Kind::Flush => 0..0,
        }
    }
}

impl World {
    /// Sends an I/O to some volume.
    pub(crate) fn begin_io(&mut self) {
        let busy = |uuid: &Uuid| self.control.as_ref().is_some_and(|control| control.forbids_io(*uuid));
        let all: Vec<Uuid> = self.model.entries.keys().filter(|uuid| !busy(uuid)).copied().collect();
        if all.is_empty() {
            return;
        }
        let uuid = all[self.random.index(all.len())];
        let kind = self.choose_kind(self.model.entries[&uuid].role);
        let (first, count) = self.choose_sectors(uuid, kind);
        let flight = Flight { uuid, kind, first, count, id: self.next_stamp, begun: 0 };
        if count == 0 || self.overlaps(&flight) {
            return;
        }
        self.send(flight);
    }

    fn choose_kind(&mut self, role: Role) -> Kind {
        let fua = self.random.chance(100);
        match self.random.below(100) {
            _ if role == Role::Snapshot => Kind::Read,
            0..60 => Kind::Write { fua },
            60..82 => Kind::Read,
            82..90 => Kind::Zero { fua, exact: true },
            90..95 => Kind::Zero { fua: false, exact: false },
            _ => Kind::Flush,
        }
    }

    /// A run of whole blocks, often at places that were written before.
    fn choose_sectors(&mut self, uuid: Uuid, kind: Kind) -> (u64, u64) {
        let entry = &self.model.entries[&uuid];
        let (unit, sectors) = (u64::from(entry.block_size.bytes()) / SECTOR_BYTES, entry.sectors());
        let longest = match kind {
            Kind::Flush => return (0, 1),
            Kind::Zero { .. } => sectors.min(LONGEST_ZERO),
            _ => disk::largest(&self.buffers) / SECTOR_BYTES,
        };
        let length = match self.random.below(10) {
            0..3 => 1 + self.random.below(3) * unit,
            3..7 => 8,
            7..9 => 8 * (1 + self.random.below(40)),
            _ => 1 + self.random.below(longest),
        };
        let hot = sectors.min(4 * 256);
        let place = if self.random.chance(600) { self.random.below(hot) } else { self.random.below(sectors) };
        let aligned = if self.random.chance(700) { 8 } else { unit };
        let first = place / aligned * aligned;
        let count = length.next_multiple_of(unit).min(longest / unit * unit).min(sectors - first);
        (first, count / unit * unit)
    }

    /// Whether a change would meet another in flight; now and then it may.
    fn overlaps(&mut self, flight: &Flight) -> bool {
        let changes = flight.changes();
        let meets = |other: &Flight| {
            let others = other.changes();
            other.uuid == flight.uuid && others.start < changes.end && changes.start < others.end
        };
        self.flights.iter().flatten().any(meets) && !self.random.chance(100)
    }

    fn send(&mut self, mut flight: Flight) {
        let entry = &self.model.entries[&flight.uuid];
        let unit = u64::from(entry.block_size.bytes()) / SECTOR_BYTES;
        let op = match flight.kind {
            Kind::Read => Op::Read,
            Kind::Write { fua } => Op::Write { fua },
            Kind::Zero { fua, exact: true } => Op::WriteZeroes { fua, deallocate: self.random.chance(500) },
            Kind::Zero { exact: false, .. } => Op::Deallocate,
            Kind::Flush => Op::Flush,
        };
        let Some(buffer) = self.buffer_for(&flight) else { return };
        let tag = self.flights.iter().position(Option::is_none).unwrap_or(self.flights.len());
        let (lba, blocks) = if op == Op::Flush { (0, 0) } else { (flight.first / unit, flight.count / unit) };
        let volume = self.index(flight.uuid);
        let (narrow_tag, blocks) = (u32::try_from(tag).unwrap(), u32::try_from(blocks).unwrap());
        let mut io = [VolumeIo { tag: narrow_tag, volume, op, lba, blocks, buffer }];
        flight.begun = self.tick();
        if self.pool.submit(self.now, &mut io) == 0 {
            return;
        }
        self.next_stamp += 1;
        self.tell(|| format!("{flight:?}"));
        self.note_begun(&flight);
        if tag == self.flights.len() {
            self.flights.push(None);
        }
        self.flights[tag] = Some(flight);
    }

    /// Memory for an I/O, filled with what it writes. `None`: there is none at the moment.
    fn buffer_for(&self, flight: &Flight) -> Option<Option<Buffer>> {
        let length = u32::try_from(flight.count * SECTOR_BYTES).unwrap_or(u32::MAX);
        match flight.kind {
            Kind::Read => self.buffers.take(length).map(Some),
            Kind::Write { .. } => {
                let mut buffer = self.buffers.take(length)?;
                disk::fill(&mut buffer, flight.first, flight.id);
                Some(Some(buffer))
            }
            Kind::Zero { .. } | Kind::Flush => Some(None),
        }
    }

    fn note_begun(&mut self, flight: &Flight) {
        let stamp = if matches!(flight.kind, Kind::Write { .. }) { flight.id } else { 0 };
        let zeroing = self.flights.iter().flatten().filter(|other| other.uuid == flight.uuid);
        let zeroing: Vec<Flight> =
            zeroing.filter(|other| matches!(other.kind, Kind::Zero { .. })).cloned().collect();
        let entry = self.model.entries.get_mut(&flight.uuid).unwrap();
        if stamp == 0 {
            // Zeroes over what was never written change nothing.
            let cells = entry.cells.range_mut(flight.changes());
            cells.for_each(|(_, cell)| cell.begin(flight.id, 0, flight.begun));
        } else {
            for sector in flight.changes() {
                if !entry.cells.contains_key(&sector) {
                    // Zeroes on their way over what was not written then.
                    let over = zeroing.iter().filter(|zero| zero.changes().contains(&sector));
                    over.for_each(|zero| entry.cell(sector).begin(zero.id, 0, zero.begun));
                }
                entry.cell(sector).begin(flight.id, stamp, flight.begun);
            }
        }
        match flight.kind {
            Kind::Read => self.seen.reads += 1,
            Kind::Write { .. } => self.seen.writes += 1,
            Kind::Zero { .. } => self.seen.zeroes += 1,
            Kind::Flush => self.seen.flushes += 1,
        }
    }

    /// A volume is being rolled back: zeroes on their way over what was not written then may come after that.
    pub(crate) fn note_zeroes_before(&mut self, volume: Uuid, snapshot: Uuid) {
        let sectors: Vec<u64> = self.model.entries[&snapshot].cells.keys().copied().collect();
        let entry = self.model.entries.get_mut(&volume).unwrap();
        let flights = self.flights.iter().flatten().filter(|flight| flight.uuid == volume);
        let zeroing: Vec<&Flight> =
            flights.filter(|flight| matches!(flight.kind, Kind::Zero { .. })).collect();
        for sector in
            sectors.into_iter().filter(|sector| !entry.cells.contains_key(sector)).collect::<Vec<_>>()
        {
            for zero in zeroing.iter().filter(|zero| zero.changes().contains(&sector)) {
                entry.cell(sector).begin(zero.id, 0, zero.begun);
            }
        }
    }

    /// Takes a completion.
    pub(crate) fn complete(&mut self, completion: Completion) {
        let flight = self.flights[completion.tag as usize].take().expect("each tag comes back once");
        let now = self.tick();
        self.tell(|| format!("done: {} {:?}", flight.id, completion.result));
        let Some(entry) = self.model.entries.get_mut(&flight.uuid) else { return };
        if let Err(error) = completion.result {
            self.seen.io_errors += 1;
            self.seen.no_space += u64::from(error == IoError::NoSpace);
            return fail(entry, &flight, error, now, self.faulty);
        }
        match flight.kind {
            Kind::Read => check_read(entry, &flight, &completion, now),
            Kind::Flush => entry.cells.values_mut().for_each(|cell| cell.flushed(flight.begun)),
            Kind::Write { fua } | Kind::Zero { fua, .. } => {
                let cells = entry.cells.range_mut(flight.changes());
                cells.for_each(|(_, cell)| cell.end_if_begun(flight.id, now, fua));
            }
        }
    }

    /// Reads sectors and nothing else.
    pub(crate) fn read_sectors(&mut self, volume: VolumeIndex, first: u64, count: u64) -> Vec<Stamp> {
        let unit = u64::from(self.pool.volume(volume).unwrap().block_size.bytes()) / SECTOR_BYTES;
        let start = first / unit * unit;
        let blocks = (first + count - start).div_ceil(unit);
        let length = u32::try_from(blocks * unit * SECTOR_BYTES).unwrap();
        let buffer = self.buffers.take(length).expect("nothing else is in flight");
        let (tag, lba, blocks) = (VolumeIo::TAG_END - 1, start / unit, u32::try_from(blocks).unwrap());
        let mut io = [VolumeIo { tag, volume, op: Op::Read, lba, blocks, buffer: Some(buffer) }];
        let mut sent = self.pool.submit(self.now, &mut io) == 1;
        loop {
            sent = sent || self.pool.submit(self.now, &mut io) == 1;
            self.now = Nanos(self.now.0 + 1000);
            let mut completion = [Completion::default()];
            if self.pool.poll(self.now, &mut completion) == 0 {
                continue;
            }
            let [completion] = completion;
            if completion.tag != tag {
                self.complete(completion);
                continue;
            }
            if completion.result == Err(IoError::Media) {
                // An injected fault; it does not stay.
                return self.read_sectors(volume, first, count);
            }
            assert_eq!(completion.result, Ok(()));
            let stamps = stamps(&completion, start);
            let skip = usize::try_from(first - start).unwrap();
            return stamps[skip..skip + usize::try_from(count).unwrap()].to_vec();
        }
    }

    /// Looks at every sector that was ever written, and at some that were not.
    pub(crate) fn scan_entries(&mut self, mut each: impl FnMut(&mut Entry, u64, Stamp, u64)) {
        // What is being deleted or rolled back is either.
        let busy = |uuid: &Uuid| self.control.as_ref().is_some_and(|control| control.forbids_io(*uuid));
        let all: Vec<Uuid> = self.model.entries.keys().filter(|uuid| !busy(uuid)).copied().collect();
        for uuid in all {
            let index = self.index(uuid);
            let sectors = self.model.entries[&uuid].sectors();
            let longest = (disk::largest(&self.buffers) / SECTOR_BYTES).min(256);
            let mut pieces: Vec<u64> =
                self.model.entries[&uuid].cells.keys().map(|sector| sector / longest).collect();
            pieces.extend((0..2).map(|_| self.random.below(sectors) / longest));
            pieces.sort_unstable();
            pieces.dedup();
            for piece in pieces {
                let first = piece * longest;
                if first >= sectors {
                    continue;
                }
                let tick = self.tick();
                let stamps = self.read_sectors(index, first, longest.min(sectors - first));
                let entry = self.model.entries.get_mut(&uuid).unwrap();
                for (sector, stamp) in (first..).zip(stamps) {
                    each(entry, sector, stamp, tick);
                }
            }
        }
    }
}

/// The stamps of a read's sectors.
fn stamps(completion: &Completion, first: u64) -> Vec<Stamp> {
    let buffer = completion.buffer.as_ref().expect("a read hands its buffer back");
    if completion.zeroes {
        return vec![0; buffer.len() / SECTOR];
    }
    (first..).zip(buffer.chunks_exact(SECTOR)).map(|(sector, bytes)| disk::stamp(bytes, sector)).collect()
}

fn check_read(entry: &Entry, flight: &Flight, completion: &Completion, now: u64) {
    let found = stamps(completion, flight.first);
    for (sector, found) in (flight.first..flight.first + flight.count).zip(found) {
        let cell = entry.look(sector);
        assert!(
            cell.may_be_seen(found, flight.begun, now),
            "sector {sector} of {} reads as {found} between {} and {now}, which {cell:?} does not explain",
            entry.name,
            flight.begun
        );
    }
}

fn fail(entry: &mut Entry, flight: &Flight, error: IoError, now: u64, faulty: bool) {
    match (flight.kind, error) {
        (_, IoError::NoSpace) if !faulty && matches!(flight.kind, Kind::Read | Kind::Flush) => {
            panic!("{flight:?} needs no space")
        }
        (_, IoError::OutOfRange | IoError::Misaligned | IoError::Unsupported | IoError::Internal) => {
            panic!("{flight:?} was in order: {error}")
        }
        _ => {}
    }
    for cell in entry.cells.range_mut(flight.changes()).map(|(_, cell)| cell) {
        // Unless the disk itself is full, a write that finds no space leaves no trace.
        if error == IoError::NoSpace && !faulty {
            cell.forget(flight.id);
        } else {
            cell.fail_if_begun(flight.id, now);
        }
    }
}

/// Something goes wrong with one of the next requests.
pub(crate) fn add_fault(faults: &Faults, random: &mut Random) {
    let (op, error) = match random.below(4) {
        0 => (Op::Flush, IoError::WriteFault),
        1 => (Op::Write { fua: false }, IoError::WriteFault),
        2 => (Op::Write { fua: false }, IoError::NoSpace),
        _ => (Op::Read, IoError::Media),
    };
    let after = u32::try_from(random.below(30)).unwrap();
    faults.add(Fault { after, ..Fault::next(op, 1, error) });
}

/// A block of the disk that holds metadata.
pub(crate) fn find_metadata(device: &TornDevice, written: &[u64], random: &mut Random) -> Option<u64> {
    (0..50).find_map(|_| {
        let lba = *written.get(random.index(written.len()))?;
        device.peek(lba).starts_with(b"SLUICE").then_some(lba)
    })
}

/// Block sizes that fit a disk.
pub(crate) fn block_sizes(device: &impl BlockDevice) -> &'static [BlockSize] {
    match device.info().block_size {
        512 => &[BlockSize::B512, BlockSize::B4096],
        _ => &[BlockSize::B4096],
    }
}
