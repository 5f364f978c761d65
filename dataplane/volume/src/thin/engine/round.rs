//! What makes things certain: journal blocks, flushes, and the seal's steps.

use sluice_device::{Completion, Nanos, Op};

use super::super::format::MARKS;
use super::super::format::mark::Mark;
use super::super::seal::Stage;
use super::super::tag::Own;
use super::Engine;
use crate::PoolState;

impl Engine {
    /// Sends the records that wait, as many blocks of them as may be in flight.
    pub(super) fn advance_journal(&mut self) {
        while self.state == PoolState::Open && self.journal.wants_block() {
            let Some(mut block) = self.buffers.journal.take() else { return };
            let (sequence, address) = self.journal.form(&mut block);
            self.send(Own::Journal, sequence, Op::Write { fua: false }, address, Some(block));
        }
    }

    pub(super) fn complete_journal(&mut self, sequence: u32, completion: Completion) {
        self.buffers.journal.give(completion.buffer.expect("a device hands back what it was given"));
        match completion.result {
            Ok(()) if self.state == PoolState::Open => {
                self.journal.complete(sequence);
                self.acknowledge();
            }
            Ok(()) => {}
            Err(cause) => self.suspend("writing the journal", cause),
        }
    }

    /// Sends a flush if somebody waits for one, and tells those who need not wait.
    pub(super) fn advance_flush(&mut self) {
        if self.flusher.begin() {
            self.flush_reach = self.journal.acknowledged_sequence();
            self.send(Own::Flush, 0, Op::Flush, 0, None);
        } else if !self.flusher.is_volatile() {
            self.journal.flushed(self.journal.acknowledged_sequence());
        }
        self.tell_flushed();
    }

    pub(super) fn complete_flush(&mut self, completion: Completion) {
        match completion.result {
            Ok(()) => {
                self.flusher.complete();
                self.journal.flushed(self.flush_reach);
                self.end_flushed();
                self.tell_flushed();
            }
            Err(cause) => self.suspend("flushing the device", cause),
        }
    }

    fn tell_flushed(&mut self) {
        while self.host_flushes.front().is_some_and(|flush| self.flusher.is_done(flush.ticket)) {
            let flush = self.host_flushes.pop_front().expect("it was looked at");
            self.accepted -= 1;
            self.push_ready(flush.tag, Ok(()), false, flush.buffer);
        }
    }

    /// Goes on with the seal, or begins one.
    pub(super) fn advance_seal(&mut self, now: Nanos) {
        match self.seal.stage {
            Stage::Idle => {
                let held = self.forest.held() > self.background.settling();
                if held || !self.window.is_open_empty() || self.journal.appended() > self.seal.record {
                    self.seal.note(now);
                }
                if self.seal.should_begin(now, self.window.is_full()) {
                    let io = self.drains.ticket();
                    self.seal.begin(io, self.journal.cut());
                    self.window.begin_close();
                    self.hold();
                    self.advance_seal(now);
                }
            }
            Stage::Draining { io, record } => {
                if self.drains.is_drained(io)
                    && self.journal.is_acknowledged(record)
                    && let Some(closed) = self.journal.sequence_of(record)
                {
                    self.seal.stage = Stage::Flushing { ticket: self.flusher.ticket(), closed };
                    self.advance_seal(now);
                }
            }
            Stage::Flushing { ticket, closed } => {
                if self.flusher.is_done(ticket) {
                    self.send_mark(closed);
                }
            }
            Stage::Marking { .. } => {}
            Stage::Hardening { ticket } => {
                if self.flusher.is_done(ticket) {
                    self.sealed();
                    // What was recorded meanwhile is the next one's, and the wake is used up in this turn.
                    self.advance_seal(now);
                }
            }
        }
    }

    /// Writes both places of the next mark.
    fn send_mark(&mut self, closed: u64) {
        // Marks are numbered as the seals are: this one's number is one less than that of what happens now.
        let number = self.seal.number - 1;
        let mark = Mark { number, era: self.journal.era(), closed };
        self.seal.stage = Stage::Marking { places: 2 };
        for address in MARKS[usize::from(number % 2 == 1)] {
            let mut block = self.buffers.marks.take().expect("one mark at a time");
            mark.encode(self.superblock.pool, address, &mut block);
            self.send(Own::Mark, 0, Op::Write { fua: self.fua }, address, Some(block));
        }
    }

    pub(super) fn complete_mark(&mut self, completion: Completion) {
        self.buffers.marks.give(completion.buffer.expect("a device hands back what it was given"));
        match (completion.result, self.seal.stage) {
            (Err(cause), _) => self.suspend("writing a mark", cause),
            (Ok(()), Stage::Marking { places: 1 }) if self.fua => self.sealed(),
            (Ok(()), Stage::Marking { places: 1 }) => {
                self.seal.stage = Stage::Hardening { ticket: self.flusher.ticket() };
            }
            (Ok(()), Stage::Marking { places }) => self.seal.stage = Stage::Marking { places: places - 1 },
            (Ok(()), _) => {}
        }
    }

    /// What was before the seal is certain.
    fn sealed(&mut self) {
        self.seal.stage = Stage::Idle;
        self.window.close();
        self.background.settle_up_to(self.seal.number - 1, self.forest.held());
        self.wake = true;
    }
}
