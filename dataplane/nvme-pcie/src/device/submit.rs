//! From a request to an entry in the submission queue.

use sluice_device::{Completion, IoError, Nanos, Op, Request, check};
use sluice_nvme::dsm::DsmRange;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::NvmeDevice;
use crate::hardware::Hardware;
use crate::layout::Layout;
use crate::pointer::{List, Span, point, set_prp};
use crate::table::{Slot, Stage};
use sluice_nvme_block::Command;

impl<H: Hardware> NvmeDevice<H> {
    /// Starts one request, or refuses it.
    #[inline]
    pub(super) fn accept(&mut self, request: &mut Request, now: Nanos) {
        let refusal = self.refusal(request);
        let (tag, buffer) = (request.tag, request.buffer.take());
        // A controller without a volatile cache has nothing to flush: what completed is on the media.
        let nothing = request.op == Op::Flush && !self.info.volatile_write_cache;
        if refusal.is_some() || nothing {
            let result = refusal.map_or(Ok(()), Err);
            return self.ready.push(Completion { tag, result, zeroes: false, buffer });
        }
        let command = Command { op: request.op, lba: request.lba, blocks: request.blocks };
        let stage = Stage::Waiting;
        let index = self.table.insert(Slot { tag, command, buffer, since: now, retries: 0, stage });
        if self.controller.is_running() {
            self.send(index);
        } else {
            self.again = true;
        }
    }

    #[inline]
    fn refusal(&self, request: &Request) -> Option<IoError> {
        if let Err(error) = check(&self.info, request) {
            return Some(error);
        }
        if self.controller.gone().is_some() {
            return Some(IoError::DeviceGone);
        }
        let transfers = matches!(request.op, Op::Read | Op::Write { .. });
        let outside = |buffer| transfers && self.window.iova_of(buffer).is_none();
        request.buffer.as_ref().is_some_and(outside).then_some(IoError::Misaligned)
    }

    /// Writes a slot's entry. The controller learns of it from [`ring_tails`](Self::ring_tails).
    #[inline]
    pub(super) fn send(&mut self, index: u16) {
        let slot = self.table.get(index).expect("the caller names a request");
        slot.stage = Stage::Sent;
        let abilities = self.facts.abilities;
        let mut entry = slot.command.encode(self.facts.nsid, abilities);
        entry.cid = U16::new(index);
        let offset = self.layout.list(index);
        let list = List { offset, iova: self.layout.iova(offset) };
        let Command { op, lba, blocks } = slot.command;
        let length_bytes = blocks * self.info.block_size;
        match (op, &slot.buffer) {
            (Op::Read | Op::Write { .. }, Some(buffer)) => {
                let iova = self.window.iova_of(buffer).expect("checked when it was accepted");
                point(&mut entry, Span::of(iova, length_bytes), list, &*self.memory, abilities.sgl);
            }
            (Op::WriteZeroes { .. }, _) if !abilities.write_zeroes => {
                let zeroes = Span::repeated(self.layout.iova(Layout::ZEROES), length_bytes);
                point(&mut entry, zeroes, list, &*self.memory, abilities.sgl);
            }
            (Op::Deallocate, _) => {
                let range = DsmRange { nlb: U32::new(blocks), slba: U64::new(lba), ..DsmRange::default() };
                self.memory.write(list.offset, range.as_bytes());
                set_prp(&mut entry, list.iova, 0);
            }
            _ => {}
        }
        // SAFETY: the entry points at the slot's buffer, its list, or the zeroes. The buffer stays in its slot, where
        // nothing touches it, until its completion was reaped or the controller is disabled or cut off (test:
        // `buffers_stay_with_the_device_until_it_is_done`); list and zeroes are in `memory`, which outlives the
        // hardware. Slots are one fewer than the ring's entries.
        unsafe { self.pairs.push(index, &self.memory, &entry) };
    }

    /// Tells the controller of the new entries, all at once.
    #[inline]
    pub(super) fn ring_tails(&mut self) {
        if let Some(hardware) = self.controller.hardware() {
            self.pairs.ring_tails(hardware, &self.memory);
        }
    }

    /// Sends every request that waits.
    pub(super) fn send_waiting(&mut self) {
        self.again = false;
        for index in 0..u16::try_from(self.info.queue_depth).unwrap_or(u16::MAX) {
            if self.table.get(index).is_some_and(|slot| slot.stage == Stage::Waiting) {
                self.send(index);
            }
        }
        self.ring_tails();
    }
}
