//! Writes on the long way.
//!
//! If all blocks lie one after the other and are written whole, the host's own buffer goes to the device in one
//! request, next to the records. Otherwise segment by segment through a buffer of ours: fetch what the host does not
//! write of the first and last block, add what it does write, append the record, store.

use sluice_device::{Buffer, IoError, Nanos, Op};

use super::super::format::record::Record;
use super::super::format::{BLOCK_BYTES, BLOCK_BYTES_32, data_checksum};
use super::super::long::{Edge, Kind, Part, PartKind, Segment, Stage, Step};
use super::super::tag::Own;
use super::super::volume::Span;
use super::Engine;
use super::submit::Begun;
use crate::VolumeIo;
use crate::map::{Extent, Place};

impl Engine {
    pub(super) fn begin_long_write(&mut self, now: Nanos, io: &mut VolumeIo, span: Span, fua: bool) -> Begun {
        if !self.longs.has_room() {
            return Begun::No;
        }
        if let Err(blocked) = self.plan_write(io.volume.slot(), span) {
            return blocked.into();
        }
        self.seal.note(now);
        let at = self.take_long(io, span, Kind::Write, fua);
        self.dispatch_write(at);
        Begun::Yes
    }

    /// Makes an I/O of the plan in `scratch`.
    pub(super) fn take_long(&mut self, io: &mut VolumeIo, span: Span, kind: Kind, fua: bool) -> u32 {
        let at = self.longs.take().expect("checked before it was planned");
        let map = self.table.volume(io.volume.slot()).id();
        let epoch = self.drains.enter();
        let long = self.longs.get_mut(at);
        long.segments.clear();
        std::mem::swap(&mut long.segments, &mut self.scratch);
        (long.tag, long.kind, long.slot, long.map) = (io.tag, kind, io.volume.slot(), map);
        (long.span, long.buffer, long.fua, long.epoch) = (span, io.buffer.take(), fua, epoch);
        (long.stage, long.step, long.current, long.cursor) =
            (Stage::Data, Step::Begin, 0, span.blocks().start);
        (long.parts, long.record, long.rest, long.error) = (0, 0, 0..0, None);
        at
    }

    /// Sends a planned write the direct way if it can go there.
    fn dispatch_write(&mut self, at: u32) {
        if !self.is_direct(at) {
            return self.step_write(at);
        }
        let count = self.longs.get(at).segments.len();
        for number in 0..count {
            self.record_direct(at, number);
        }
        let long = self.longs.get_mut(at);
        let (span, block, buffer) = (long.span, long.segments[0].block(), long.buffer.take());
        self.send_part(at, PartKind::Direct, Op::Write { fua: false }, block, span, buffer);
    }

    /// Whether the blocks lie one after the other and every first write is of whole blocks.
    fn is_direct(&self, at: u32) -> bool {
        let long = self.longs.get(at);
        let segments = &long.segments;
        let follows = |pair: &[Segment]| pair[0].block() + u64::from(pair[0].run.count) == pair[1].block();
        let whole = long.span.whole_blocks();
        let is_whole = |segment: &Segment| {
            let blocks = segment.blocks();
            !segment.first_write || whole.start <= blocks.start && blocks.end <= whole.end
        };
        segments.windows(2).all(follows) && segments.iter().all(is_whole)
    }

    /// Appends the record of a segment whose data are in the host's buffer.
    fn record_direct(&mut self, at: u32, number: usize) {
        let long = self.longs.get_mut(at);
        let segment = &mut long.segments[number];
        if !segment.first_write {
            return;
        }
        let from = segment.blocks().start * u64::from(BLOCK_BYTES_32) - long.span.start;
        let from = usize::try_from(from).expect("within the buffer");
        let buffer = long.buffer.as_ref().expect("checked when it was admitted");
        segment.data_crc64 = data_checksum(&buffer[from..from + segment.bytes() as usize]);
        self.record(at, number);
    }

    /// Appends the record of a segment whose checksum is known.
    fn record(&mut self, at: u32, number: usize) {
        let long = self.longs.get_mut(at);
        let segment = &mut long.segments[number];
        segment.record = self.journal.append(Record::Write(segment.write(long.map)));
        long.record = segment.record;
        // Whatever seal its plan came before, the record comes after it.
        self.window.add(segment.chunk.0, segment.run.mask());
    }

    /// Sends a request for an I/O.
    pub(super) fn send_part(
        &mut self,
        at: u32,
        what: PartKind,
        op: Op,
        block: u64,
        span: Span,
        buffer: Option<Buffer>,
    ) {
        let part = self.parts.take().expect("an I/O has few parts at a time");
        *self.parts.get_mut(part) = Part { long: at, what };
        self.longs.get_mut(at).parts += 1;
        let mut request = self.request(Own::Part.tag(u64::from(part)), op, block, span);
        request.buffer = buffer;
        match self.longs.get(at).kind {
            Kind::Merge => self.send_aside(request),
            _ => self.outbox.push(request),
        }
    }

    /// Goes on with a write that is not direct, until it waits for the device or for a buffer.
    pub(super) fn step_write(&mut self, at: u32) {
        let long = self.longs.get(at);
        let Some(segment) = long.segments.get(long.current).copied() else {
            return self.data_done(at);
        };
        debug_assert_eq!(long.step, Step::Begin);
        let part = long.span.within(&segment.blocks());
        let length = if segment.first_write { u64::from(segment.bytes()) } else { part.bytes() };
        let length = u32::try_from(length).expect("at most a chunk");
        if length > self.buffers.large.length() {
            self.split_segment(at);
            return self.step_write(at);
        }
        let Some(mut buffer) = self.buffers.large.take() else {
            return self.hunger(at);
        };
        buffer.set_len(length);
        let long = self.longs.get_mut(at);
        long.bounce = Some(buffer);
        if segment.first_write { self.fetch(at, Edge::Head) } else { self.store(at) }
    }

    /// Cuts the current segment so that its front fits a buffer.
    fn split_segment(&mut self, at: u32) {
        let fits = u8::try_from(self.buffers.large.length() / BLOCK_BYTES_32).expect("at most a chunk");
        let long = self.longs.get_mut(at);
        let front = &mut long.segments[long.current];
        let mut back = *front;
        front.run.count = fits;
        back.run.first += fits;
        back.run.count -= fits;
        long.segments.insert(long.current + 1, back);
        if back.first_write {
            self.segments += 1;
            self.pending.split((long.map, back.index.0));
        }
    }

    /// Fetches the old contents of an end's block if they are needed.
    fn fetch(&mut self, at: u32, edge: Edge) {
        let long = self.longs.get(at);
        let segment = long.segments[long.current];
        let blocks = segment.blocks();
        let wanted = match edge {
            _ if long.kind == Kind::Merge => blocks.clone(),
            Edge::Head => blocks.start..blocks.start + 1,
            Edge::Tail => blocks.end - 1..blocks.end,
        };
        let covered =
            long.span.within(&wanted).bytes() == u64::from(BLOCK_BYTES_32) && long.kind != Kind::Merge;
        let again = edge == Edge::Tail && (long.kind == Kind::Merge || blocks.end - blocks.start == 1);
        if covered || again { self.fetched(at, edge) } else { self.fetch_from(at, edge, wanted) }
    }

    fn fetch_from(&mut self, at: u32, edge: Edge, wanted: std::ops::Range<u64>) {
        let long = self.longs.get_mut(at);
        let mut extents = [Extent::default(); 1];
        let found = self.forest.lookup(&self.table.volume(long.slot).map, wanted.clone(), &mut extents);
        assert_eq!((found, extents[0].blocks), (1, wanted.end - wanted.start), "planned as one extent");
        let segment = long.segments[long.current];
        let offset =
            usize::try_from(wanted.start - segment.blocks().start).expect("in a chunk") * BLOCK_BYTES;
        let bounce = long.bounce.as_mut().expect("a segment under way has a buffer");
        match extents[0].place {
            Place::Hole => {
                let length = usize::try_from(wanted.end - wanted.start).expect("in a chunk") * BLOCK_BYTES;
                bounce[offset..offset + length].fill(0);
                self.fetched(at, edge);
            }
            Place::Mapped { block, .. } => {
                let buffer = match long.kind {
                    Kind::Merge => long.bounce.take(),
                    _ => self.buffers.small.take(),
                };
                if buffer.is_none() {
                    // From the start again: whoever waits holds nothing.
                    long.step = Step::Begin;
                    let bounce = long.bounce.take().expect("it was there");
                    self.buffers.large.give(bounce);
                    return self.hunger(at);
                }
                long.step = Step::Fetch(edge);
                let bytes = u64::from(BLOCK_BYTES_32);
                let span = Span { start: wanted.start * bytes, end: wanted.end * bytes };
                self.send_part(at, PartKind::Fetch, Op::Read, block, span, buffer);
            }
        }
    }

    /// An end's old contents are in the buffer, or are not needed.
    fn fetched(&mut self, at: u32, edge: Edge) {
        match edge {
            Edge::Head => self.fetch(at, Edge::Tail),
            Edge::Tail => self.store(at),
        }
    }

    /// Takes what a fetch read.
    pub(super) fn complete_fetch(
        &mut self,
        at: u32,
        result: Result<(), IoError>,
        zeroes: bool,
        mut buffer: Buffer,
    ) {
        if zeroes {
            buffer.fill(0);
        }
        let long = self.longs.get_mut(at);
        let Step::Fetch(edge) = long.step else { unreachable!("a fetch was under way") };
        if long.kind == Kind::Merge {
            long.bounce = Some(buffer);
        } else {
            let segment = long.segments[long.current];
            let last = usize::from(segment.run.count) - 1;
            let offset = if edge == Edge::Head { 0 } else { last * BLOCK_BYTES };
            let bounce = long.bounce.as_mut().expect("a segment under way has a buffer");
            bounce[offset..offset + BLOCK_BYTES].copy_from_slice(&buffer[..BLOCK_BYTES]);
            self.buffers.small.give(buffer);
        }
        match result {
            Ok(()) => self.fetched(at, edge),
            Err(error) => self.fail_write(at, error),
        }
    }

    /// Puts the segment together, appends its record and sends it.
    fn store(&mut self, at: u32) {
        self.longs.get_mut(at).step = Step::Store;
        let long = self.longs.get_mut(at);
        let segment = &mut long.segments[long.current];
        let mut bounce = long.bounce.take().expect("a segment under way has a buffer");
        let blocks = segment.blocks();
        let part = long.span.within(&blocks);
        let base = if segment.first_write { blocks.start * u64::from(BLOCK_BYTES_32) } else { part.start };
        let place = |byte: u64, base: u64| usize::try_from(byte - base).expect("within the buffer");
        let to = place(part.start, base)..place(part.end, base);
        match (long.kind, &long.buffer) {
            (Kind::Write, Some(buffer)) => {
                let from = place(part.start, long.span.start)..place(part.end, long.span.start);
                bounce[to].copy_from_slice(&buffer[from]);
            }
            (Kind::Zero, _) => bounce[to].fill(0),
            _ => {}
        }
        let (block, number) = (segment.block(), long.current);
        let span = if segment.first_write {
            let bytes = u64::from(BLOCK_BYTES_32);
            segment.data_crc64 = data_checksum(&bounce);
            Span { start: blocks.start * bytes, end: blocks.end * bytes }
        } else {
            part
        };
        let block = block + (span.start / u64::from(BLOCK_BYTES_32) - blocks.start);
        if segment.first_write {
            self.record(at, number);
        }
        self.send_part(at, PartKind::Store, Op::Write { fua: false }, block, span, Some(bounce));
    }

    /// Takes the completion of a segment's write.
    pub(super) fn complete_store(&mut self, at: u32, result: Result<(), IoError>, buffer: Buffer) {
        self.buffers.large.give(buffer);
        match result {
            Ok(()) => {
                let long = self.longs.get_mut(at);
                long.current += 1;
                long.step = Step::Begin;
                self.step_write(at);
            }
            Err(error) => self.fail_write(at, error),
        }
    }

    /// The data could not be fetched or written: its records never happened.
    pub(super) fn fail_write(&mut self, at: u32, error: IoError) {
        let long = self.longs.get_mut(at);
        long.error = Some(error);
        if let Some(bounce) = long.bounce.take() {
            self.buffers.large.give(bounce);
        }
        let map = long.map;
        for segment in long.segments.iter().filter(|segment| segment.record > 0) {
            long.record = self.journal.append(Record::Void(segment.void(map)));
        }
        self.data_done(at);
    }

    /// Lets an I/O wait for a buffer.
    pub(super) fn hunger(&mut self, at: u32) {
        let long = self.longs.get_mut(at);
        if !std::mem::replace(&mut long.hungry, true) {
            self.hungry.push_back(at);
        }
    }

    /// Lets those that wait for a buffer try again.
    pub(super) fn feed(&mut self) {
        for _ in 0..self.hungry.len() {
            let Some(at) = self.hungry.pop_front() else { break };
            let long = self.longs.get_mut(at);
            long.hungry = false;
            match long.kind {
                Kind::Read => self.step_read(at),
                _ => self.step_write(at),
            }
        }
    }
}
