//! I/O comes, and is taken back.

use sluice_device::Nanos;

use super::dispatch::Pays;
use super::{Scheduler, Tag};
use crate::model::Kind;
use crate::stats::Cause;
use crate::structure::{EnteredIo, SlotState};

/// An I/O as the target has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Io {
    /// The caller's request slot; free in the scheduler.
    pub slot: u32,
    /// Whose it is.
    pub tag: Tag,
    /// What it does.
    pub kind: Kind,
    /// How much.
    pub bytes: u64,
}

/// What to do with an I/O that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an I/O that may go is the caller's to submit"]
pub enum Placement {
    /// Submit it now: nothing waits, no limit holds it back, and the device has room.
    Go,
    /// It waits; [`Scheduler::dispatch`] will name its slot.
    Held,
}

impl Scheduler {
    /// Takes an I/O. Call [`dispatch`](Self::dispatch) when the round's I/Os are in.
    ///
    /// # Panics
    /// If the slot is in use, out of range, or the tag is no volume's.
    #[inline]
    pub fn enqueue(&mut self, now: Nanos, io: Io) -> Placement {
        let Io { slot, tag: Tag(volume), kind, bytes } = io;
        let entered = EnteredIo {
            at: now.0,
            volume: u16::try_from(volume).expect("tags are below 65536"),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            cost: self.costs.cost(kind, bytes, self.governor.write_factor()),
            units: self.units.units(kind, bytes),
            kind,
            state: SlotState::Queued,
        };
        self.slots.enter(slot, entered);
        if self.queued == 0 && self.pass(now, volume, slot) {
            return Placement::Go;
        }
        self.line_up(now, volume, slot);
        Placement::Held
    }

    /// The short way: nothing waits, so whoever comes is next. Buckets are debited as on the long way; tags are not
    /// moved, for service that nobody else wanted is not held against anyone.
    #[inline]
    fn pass(&mut self, now: Nanos, volume: u32, slot: u32) -> bool {
        self.governor.refill(now);
        let burst = self.lag.allows_bursts(now);
        let entry = &mut self.volumes[volume as usize];
        assert!(entry.live, "tag {volume} is no volume's");
        let app = &mut self.apps[entry.app as usize];
        app.wake(now);
        let reserved = app.min.has_tokens();
        if !self.governor.has_room(reserved) || app.limits.check(burst).is_err() || entry.cap_wait_ns(now) > 0
        {
            return false;
        }
        self.governor.had_room();
        self.charge(now, slot, if reserved { Pays::Min } else { Pays::Weight });
        true
    }

    fn line_up(&mut self, now: Nanos, index: u32, slot: u32) {
        let volume = &mut self.volumes[index as usize];
        assert!(volume.live, "tag {index} is no volume's");
        let app = volume.app;
        self.slots.push_back(&mut volume.queue, slot);
        volume.queued += 1;
        self.queued += 1;
        let capped = volume.capped;
        let entry = &mut self.apps[app as usize];
        entry.queued += 1;
        if entry.queued == 1 {
            entry.wake(now);
            entry.backlog_since = now;
            self.waits_for(app, Some(if capped { Cause::Volume } else { Cause::Device }), now);
        }
        if !capped {
            self.make_ready(now, index, 1);
        }
    }

    /// `ios` of a volume's queue may be dispatched now.
    pub(super) fn make_ready(&mut self, now: Nanos, index: u32, ios: u32) {
        let volume = &mut self.volumes[index as usize];
        let app = &mut self.apps[volume.app as usize];
        if volume.queued == ios {
            // It comes back to its application's order where the others are, not where it once was.
            volume.tag = volume.tag.max(app.clock);
        }
        if !volume.ordered {
            volume.ordered = true;
            app.order.push(volume.tag, index);
        }
        app.ready += ios;
        if app.ready == ios {
            let app = volume.app;
            self.settle(app, now);
        }
    }

    /// Takes an I/O back that is not at the device: Abort, or the end of its controller. If it was not dispatched, it
    /// leaves no trace in any bucket. `false`: it is at the device, or was never here.
    pub fn remove(&mut self, now: Nanos, slot: u32) -> bool {
        let entry = self.slots.get_mut(slot);
        let (state, index) = (entry.state, u32::from(entry.volume));
        if !matches!(state, SlotState::Queued | SlotState::Parked) {
            return false;
        }
        entry.state = SlotState::Free;
        if state == SlotState::Parked {
            self.volumes[index as usize].in_flight -= 1;
            return true;
        }
        let volume = &mut self.volumes[index as usize];
        self.slots.unlink(&mut volume.queue, slot);
        volume.queued -= 1;
        let (app, capped) = (volume.app, volume.capped);
        self.left_queue(app, capped);
        if self.apps[app as usize].ready == 0 {
            self.settle(app, now);
        }
        true
    }

    /// Counts an I/O out of its application's queues.
    #[inline]
    pub(super) fn left_queue(&mut self, app: u32, capped: bool) {
        let app = &mut self.apps[app as usize];
        self.queued -= 1;
        app.queued -= 1;
        app.ready -= u32::from(!capped);
    }
}
