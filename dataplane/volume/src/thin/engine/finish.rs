//! From the last part of an I/O on the long way to its completion.

use sluice_device::{Completion, IoError, Nanos};

use super::super::format::record::Record;
use super::super::long::{Kind, Part, PartKind, Stage};
use super::Engine;
use crate::PoolState;
use crate::map::{Hold, Purpose};

impl Engine {
    /// Takes the completion of a part.
    pub(super) fn complete_part(&mut self, _now: Nanos, part: u32, completion: Completion) {
        let Part { long: at, what } = *self.parts.get(part);
        self.parts.give(part);
        let long = self.longs.get_mut(at);
        long.parts -= 1;
        let Completion { result, zeroes, buffer, .. } = completion;
        if what == PartKind::Direct {
            long.buffer = buffer;
            match result {
                Ok(()) => self.data_done(at),
                Err(error) => self.fail_write(at, error),
            }
        } else {
            let buffer = buffer.expect("a device hands back what it was given");
            match what {
                PartKind::Read { offset, bytes, small } => {
                    self.complete_read(at, (offset, bytes, small), result, zeroes, buffer);
                }
                PartKind::Fetch => self.complete_fetch(at, result, zeroes, buffer),
                _ => self.complete_store(at, result, buffer),
            }
        }
        self.feed();
    }

    /// All data are where they belong, or could not get there.
    pub(super) fn data_done(&mut self, at: u32) {
        let suspended = self.state != PoolState::Open;
        let long = self.longs.get_mut(at);
        long.stage = Stage::Journal;
        if suspended && (long.record > 0 || long.fua) {
            long.error.get_or_insert(IoError::WriteFault);
        }
        if long.record == 0 || suspended || self.journal.is_acknowledged(long.record) {
            self.records_done(at);
        } else {
            self.recorded.push(at);
        }
    }

    /// Goes on with those whose records are acknowledged now.
    pub(super) fn acknowledge(&mut self) {
        let mut number = 0;
        while let Some(at) = self.recorded.get(number).copied() {
            if self.journal.is_acknowledged(self.longs.get(at).record) {
                self.recorded.swap_remove(number);
                self.records_done(at);
            } else {
                number += 1;
            }
        }
    }

    /// An I/O can no longer be lost by a crash of the daemon.
    fn records_done(&mut self, at: u32) {
        self.apply(at);
        let long = self.longs.get_mut(at);
        if long.fua && long.error.is_none() {
            let ticket = self.flusher.ticket();
            long.stage = Stage::Flush(ticket);
            if !self.flusher.is_done(ticket) {
                return self.flushing.push(at);
            }
        }
        self.end(at);
    }

    /// From now on what was written for the first time is what reads see, unless it failed.
    fn apply(&mut self, at: u32) {
        let mut segments = std::mem::take(&mut self.longs.get_mut(at).segments);
        let long = self.longs.get(at);
        let (slot, map, good) = (long.slot, long.map, long.error.is_none());
        let first_writes = segments.iter().filter(|segment| segment.first_write);
        for segment in first_writes {
            let key = (map, segment.index.0);
            if good {
                self.hold();
                let volume = self.table.volume_mut(slot);
                self.forest.apply_write(&mut volume.map, segment.index, segment.layer());
                self.background.note_change();
            }
            if self.longs.get(at).kind == Kind::Merge {
                continue;
            }
            self.segments -= 1;
            if good {
                self.pending.applied(key);
            }
            if let Some(chunk) = self.pending.leave(key, segment.run.mask()) {
                self.forest.space_mut().give_back(chunk, Purpose::Data);
            }
            self.wake = true;
        }
        if self.longs.get(at).kind != Kind::Merge {
            segments.clear();
        }
        self.longs.get_mut(at).segments = segments;
    }

    /// Labels what the next change of a map drops with the seal that will cover it.
    pub(super) fn hold(&mut self) {
        self.forest.set_hold(Hold { record: self.seal.number, io: self.seal.number });
    }

    /// An I/O is over.
    pub(super) fn end(&mut self, at: u32) {
        if let Some(rest) = self.rest(at) {
            let long = self.longs.get_mut(at);
            long.stage = Stage::Free;
            self.drains.leave(long.epoch);
            self.longs.give(at);
            self.parked.push_back(rest);
            self.wake = true;
            return;
        }
        let long = self.longs.get_mut(at);
        long.stage = Stage::Free;
        let (kind, tag, epoch) = (long.kind, long.tag, long.epoch);
        let (buffer, result) = (long.buffer.take(), long.error.map_or(Ok(()), Err));
        self.longs.give(at);
        self.drains.leave(epoch);
        if kind == Kind::Merge {
            self.merged_run(at, result);
        } else {
            self.accepted -= 1;
            self.push_ready(tag, result, false, buffer);
        }
        self.wake |= !self.parked.is_empty();
    }

    /// Ends the I/Os whose flush is over.
    pub(super) fn end_flushed(&mut self) {
        let mut number = 0;
        while let Some(at) = self.flushing.get(number).copied() {
            match self.longs.get(at).stage {
                Stage::Flush(ticket) if self.flusher.is_done(ticket) => {
                    self.flushing.swap_remove(number);
                    self.end(at);
                }
                _ => number += 1,
            }
        }
    }

    /// Nothing can be made certain any more: all that wait for it fail.
    pub(super) fn fail_waiting(&mut self) {
        for at in std::mem::take(&mut self.recorded) {
            self.longs.get_mut(at).error = Some(IoError::WriteFault);
            self.records_done(at);
        }
        for at in std::mem::take(&mut self.flushing) {
            self.longs.get_mut(at).error = Some(IoError::WriteFault);
            self.end(at);
        }
        for flush in std::mem::take(&mut self.host_flushes) {
            self.accepted -= 1;
            self.push_ready(flush.tag, Err(IoError::WriteFault), false, flush.buffer);
        }
        self.wake = true;
    }

    /// Appends the records of first writes in flight once more: after `void`ing the earlier ones, if these must count
    /// for nothing. `of`: whose.
    pub(super) fn void_records(&mut self, of: impl Fn(u32) -> bool) {
        for at in 0..self.longs.count() {
            let long = self.longs.get(at);
            if long.is_undecided() && of(long.map) {
                for segment in long.segments.iter().filter(|segment| segment.record > 0) {
                    self.journal.append(Record::Void(segment.void(long.map)));
                }
            }
        }
    }

    /// See [`void_records`](Self::void_records).
    pub(super) fn repeat_records(&mut self, of: impl Fn(u32) -> bool) {
        for at in 0..self.longs.count() {
            let long = self.longs.get_mut(at);
            if !long.is_undecided() || !of(long.map) {
                continue;
            }
            let map = long.map;
            for segment in long.segments.iter_mut().filter(|segment| segment.record > 0) {
                segment.record = self.journal.append(Record::Write(segment.write(map)));
                long.record = segment.record;
                self.window.add(segment.chunk.0, segment.run.mask());
            }
        }
    }
}
