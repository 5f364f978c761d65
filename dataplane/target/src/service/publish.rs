//! Publishing: a volume becomes a subsystem that hosts find, and ceases to be one.

use super::{TargetService, Timer};
use crate::handle::ControlError;
use crate::nqn;
use crate::subsystem::Subsystem;
use sluice_device::Nanos;
use sluice_volume::VolumeIndex;

/// Volumes that can be published at once: those that the scheduler has room for.
const MAX_PUBLISHED: u32 = 4096;
/// Every one may be closing while as many are published anew.
pub(super) const MAX_SUBSYSTEMS: u32 = 2 * MAX_PUBLISHED;
/// How long the hosts of an unpublished volume have to notice that their namespace is gone.
const UNPUBLISH_GRACE_NS: u64 = 1_000_000_000;

impl TargetService {
    pub(super) fn open_subsystem(&mut self, now: Nanos, index: VolumeIndex) -> Result<(), ControlError> {
        let Some(record) = self.io.volume.volume(index) else { return Ok(()) };
        self.io.apps.open_volume(now, index, &record.app)?;
        let limits = self.io.volume.limits(index).unwrap_or_else(|| unreachable!("a volume has limits"));
        let tag = self.io.apps.tag(index);
        let fresh = Subsystem::of(record, tag, self.io.volume.device_info(), limits);
        match self.by_nqn.get(&fresh.nqn).and_then(|at| self.subsystems.get_mut(*at)) {
            // Published again with another access: hosts that are connected stay.
            Some(subsystem) => subsystem.access = fresh.access,
            None => {
                let nqn = fresh.nqn.clone();
                tracing::info!(volume = %fresh.name, %nqn, "published");
                match self.subsystems.insert(fresh) {
                    Ok(at) => drop(self.by_nqn.insert(nqn.clone(), at)),
                    Err(_) => unreachable!("there is a subsystem for every volume that has a tag"),
                }
            }
        }
        if let Some(subsystem) =
            self.by_nqn.get(&nqn::of_volume(&record.uuid)).and_then(|at| self.subsystems.get(*at))
        {
            self.directory.publish(self.reactor, &subsystem.nqn, subsystem.access.clone());
        }
        Ok(())
    }

    /// No host may connect any more; those connected see their namespace go.
    pub(super) fn close_subsystem(&mut self, now: Nanos, index: VolumeIndex) {
        let Some(at) = self.subsystem_of(index) else { return };
        let Some(subsystem) = self.subsystems.get_mut(at) else { return };
        subsystem.closing = true;
        let nqn = subsystem.nqn.clone();
        tracing::info!(volume = %subsystem.name, %nqn, "unpublished");
        self.by_nqn.remove(&nqn);
        self.directory.unpublish(&nqn);
        self.change_namespace(at, |namespace| *namespace = None);
        self.io.apps.close_volume(index);
        self.timers.arm(Nanos(now.0 + UNPUBLISH_GRACE_NS), Timer::Unpublished(at));
    }

    /// Hosts that are connected see their namespace grow.
    pub(super) fn grow_namespace(&mut self, index: VolumeIndex) {
        let Some(blocks) = self.io.volume.volume(index).map(|record| record.blocks) else { return };
        let Some(at) = self.subsystem_of(index) else { return };
        let Some(subsystem) = self.subsystems.get_mut(at) else { return };
        subsystem.namespace.blocks = blocks;
        self.change_namespace(at, |namespace| {
            if let Some(namespace) = namespace {
                namespace.shape.blocks = blocks;
            }
        });
    }

    fn subsystem_of(&self, index: VolumeIndex) -> Option<u32> {
        self.subsystems.iter().find(|(_, s)| s.volume == index && !s.closing).map(|(at, _)| at)
    }
}
