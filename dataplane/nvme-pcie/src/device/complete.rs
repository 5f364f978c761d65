//! From an entry in the completion queue to a completion.

use sluice_device::{Completion, IoError, Nanos};

use super::NvmeDevice;
use crate::hardware::Hardware;
use crate::health::ResetCause;
use crate::queue::Entry;
use crate::table::{Slot, Stage};
use sluice_nvme_block::{Verdict, judge};

impl<H: Hardware> NvmeDevice<H> {
    /// Fills the front of `completions` from the completion queues; returns how many.
    #[inline]
    pub(super) fn reap(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let mut count = 0;
        for pair in 0..self.pairs.count() {
            count += self.reap_one(pair, now, &mut completions[count..]);
            if !self.controller.is_running() {
                return count;
            }
        }
        if count > 0 {
            self.controller.worked();
        }
        count
    }

    /// The same, from one of them.
    #[inline]
    fn reap_one(&mut self, pair: usize, now: Nanos, completions: &mut [Completion]) -> usize {
        let mut count = 0;
        while count < completions.len() {
            let Some(entry) = self.pairs.next(pair, &self.memory) else { break };
            if let Some(completion) = self.settle(pair, entry, now) {
                completions[count] = completion;
                count += 1;
            } else if !self.controller.is_running() {
                return count;
            }
        }
        if let Some(hardware) = self.controller.hardware() {
            self.pairs.ring_head(pair, hardware, &self.memory);
        }
        count
    }

    /// What becomes of a request whose command completed; `None`: not done yet.
    #[inline]
    fn settle(&mut self, pair: usize, entry: Entry, now: Nanos) -> Option<Completion> {
        let its_own = usize::from(self.pairs.of(entry.cid)) == pair;
        let slot = self.table.get(entry.cid).filter(|slot| its_own && slot.stage != Stage::Waiting);
        let Some(slot) = slot else {
            // The controller answers what was not asked: nothing it says can be trusted.
            let change = self.controller.reset(ResetCause::UnknownCommand, now);
            self.changed(change, now);
            return None;
        };
        match judge(entry.status, slot.retries) {
            Verdict::Done => Some(self.complete(entry.cid, Ok(()))),
            Verdict::Failed(error) => Some(self.complete(entry.cid, Err(error))),
            Verdict::Again => {
                slot.retries += 1;
                (slot.stage, slot.since) = (Stage::Waiting, now);
                // Sent with the next look, not at once: what disturbed the controller may need a moment to pass.
                self.again = true;
                None
            }
        }
    }

    fn complete(&mut self, index: u16, result: Result<(), IoError>) -> Completion {
        let Slot { tag, buffer, .. } = self.table.remove(index);
        Completion { tag, result, zeroes: false, buffer }
    }

    /// Fails every request. The controller is cut off, so the buffers are nobody else's any more.
    pub(super) fn fail_all(&mut self) {
        self.again = false;
        while let Some(index) = self.table.any() {
            let completion = self.complete(index, Err(IoError::DeviceGone));
            self.ready.push(completion);
        }
    }
}
