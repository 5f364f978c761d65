//! What is there and nobody recorded. It is told of, and nothing else.

use std::collections::BTreeSet;

use sluice_placement::Name;

use super::PoolPlanner;
use super::volumes::Sight;
use crate::finding::Finding;

impl PoolPlanner<'_> {
    pub(super) fn find_orphans(&mut self) {
        let pool = || self.pool.clone();
        let volumes = self.here.volumes.iter().filter(|(name, _)| !self.is_recorded(name));
        let volumes = volumes.map(|(volume, observed)| {
            let uuid = observed.uuid.clone();
            Finding::OrphanVolume { pool: pool(), volume: volume.clone(), uuid }
        });
        let recorded: BTreeSet<&Name> =
            self.snapshot_specs().filter_map(|(name, _)| self.observed_snapshot(name)).collect();
        let snapshots = self.here.snapshots.iter().filter(|(uuid, _)| !recorded.contains(uuid));
        let snapshots = snapshots.map(|(uuid, observed)| {
            let snapshot = observed.snapshot.clone();
            Finding::OrphanSnapshot { pool: pool(), snapshot, uuid: uuid.clone() }
        });
        let apps = self.here.apps.keys().filter(|app| !self.desired.apps.contains_key(*app));
        let apps = apps.map(|app| Finding::OrphanApp { pool: pool(), app: app.clone() });
        let found: Vec<Finding> = volumes.chain(snapshots).chain(apps).collect();
        self.findings.extend(found);
    }

    fn is_recorded(&self, name: &Name) -> bool {
        let spec = self.desired.volumes.get(name).filter(|spec| spec.pool == *self.pool);
        spec.is_some_and(|spec| matches!(self.sight(name, spec), Sight::There(_)))
    }
}
