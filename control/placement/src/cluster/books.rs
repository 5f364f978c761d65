//! A pool's books: what is taken of it, and what would be too much.

use super::Load;
use super::load::Figures;
use crate::Refusal;
use crate::model::{PoolSpec, Provisioning};

/// What is asked of a pool's books.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) size_bytes: u64,
    pub(crate) provisioning: Provisioning,
    /// Beyond what is promised already.
    pub(crate) more_iops: u64,
}

/// Figures of a pool. Those observed come with it; those recorded are sums over its volumes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// Volumes recorded here.
    pub(crate) volumes: u32,
    max_volumes: u32,
    usable_bytes: u64,
    limit_bytes: u64,
    thin_fill_bytes: u64,
    thin_used_bytes: u64,
    unrecorded_bytes: u64,
    recorded_bytes: u64,
    thick_bytes: u64,
    guaranteed_iops: Option<u64>,
    recorded_iops: u64,
    unrecorded_iops: u64,
}

impl Books {
    pub(crate) fn observe(&mut self, spec: &PoolSpec) {
        self.max_volumes = spec.bounds.max_volumes;
        self.usable_bytes = spec.usable_bytes();
        self.limit_bytes = spec.limit_bytes();
        self.thin_fill_bytes = spec.thin_fill_bytes();
        self.thin_used_bytes = spec.thin_used_bytes;
        self.unrecorded_bytes = spec.unrecorded_bytes;
        self.guaranteed_iops = spec.guaranteed_iops;
        self.unrecorded_iops = spec.unrecorded_iops;
    }

    pub(crate) fn add(&mut self, size_bytes: u64, provisioning: Provisioning, more_iops: u64) {
        self.volumes += 1;
        self.recorded_bytes += size_bytes;
        self.recorded_iops += more_iops;
        if provisioning == Provisioning::Thick {
            self.thick_bytes += size_bytes;
        }
    }

    pub(crate) fn subtract(&mut self, size_bytes: u64, provisioning: Provisioning, less_iops: u64) {
        self.volumes -= 1;
        self.recorded_bytes -= size_bytes;
        self.recorded_iops -= less_iops;
        if provisioning == Provisioning::Thick {
            self.thick_bytes -= size_bytes;
        }
    }

    /// Sizes of all volumes.
    pub(crate) fn provisioned_bytes(&self) -> u64 {
        self.recorded_bytes + self.unrecorded_bytes
    }

    /// What is taken now: all of thick volumes, and of thin ones what was written.
    pub(crate) fn taken_bytes(&self) -> u64 {
        self.thick_bytes + self.thin_used_bytes + self.unrecorded_bytes
    }

    pub(crate) fn promised_iops(&self) -> u64 {
        self.recorded_iops + self.unrecorded_iops
    }

    pub(crate) fn load(&self) -> Load {
        self.load_with(&Demand { size_bytes: 0, provisioning: Provisioning::Thin, more_iops: 0 })
    }

    /// How full it would be.
    pub(crate) fn load_with(&self, demand: &Demand) -> Load {
        let thick_bytes = if demand.provisioning == Provisioning::Thick { demand.size_bytes } else { 0 };
        let figures = |taken, whole| Figures { taken, whole };
        Load::new(
            figures(self.provisioned_bytes() + demand.size_bytes, self.limit_bytes),
            figures(self.taken_bytes() + thick_bytes, self.usable_bytes),
            figures(self.promised_iops() + demand.more_iops, self.guaranteed_iops.unwrap_or(0)),
        )
    }

    /// The largest volume that fits, whatever its Min.
    pub(crate) fn largest_bytes(&self, provisioning: Provisioning) -> u64 {
        let promised = self.limit_bytes.saturating_sub(self.provisioned_bytes());
        match provisioning {
            Provisioning::Thin => promised,
            Provisioning::Thick => promised.min(self.usable_bytes.saturating_sub(self.taken_bytes())),
        }
    }

    pub(crate) fn refuse_volumes(&self) -> Option<Refusal> {
        let Self { volumes, max_volumes, .. } = *self;
        (volumes >= max_volumes).then_some(Refusal::TooManyVolumes { volumes, max_volumes })
    }

    /// All sizes together must stay within what the pool may promise.
    pub(crate) fn refuse_size(&self, demand: &Demand) -> Option<Refusal> {
        let (provisioned_bytes, limit_bytes) = (self.provisioned_bytes(), self.limit_bytes);
        let free_bytes = limit_bytes.saturating_sub(provisioned_bytes);
        let asked_bytes = demand.size_bytes;
        let refusal = Refusal::Overcommitted { asked_bytes, provisioned_bytes, limit_bytes, free_bytes };
        (asked_bytes > free_bytes).then_some(refusal)
    }

    /// A thick volume needs its room now.
    pub(crate) fn refuse_room(&self, demand: &Demand) -> Option<Refusal> {
        let (taken_bytes, usable_bytes) = (self.taken_bytes(), self.usable_bytes);
        let free_bytes = usable_bytes.saturating_sub(taken_bytes);
        let asked_bytes = demand.size_bytes;
        let refuses = demand.provisioning == Provisioning::Thick && asked_bytes > free_bytes;
        refuses.then_some(Refusal::NoRoom { asked_bytes, taken_bytes, usable_bytes, free_bytes })
    }

    /// A thin one needs to find the pool not yet close to full.
    pub(crate) fn refuse_fill(&self, demand: &Demand) -> Option<Refusal> {
        let (taken_bytes, bound_bytes) = (self.taken_bytes(), self.thin_fill_bytes);
        let refuses = demand.provisioning == Provisioning::Thin && taken_bytes >= bound_bytes;
        refuses.then_some(Refusal::NearlyFull { taken_bytes, bound_bytes })
    }

    /// As the device's own admission decides.
    pub(crate) fn refuse_iops(&self, demand: &Demand) -> Option<Refusal> {
        let asked_iops = demand.more_iops;
        if asked_iops == 0 {
            return None;
        }
        let Some(guaranteed_iops) = self.guaranteed_iops else { return Some(Refusal::NotCalibrated) };
        let promised_iops = self.promised_iops();
        let free_iops = guaranteed_iops.saturating_sub(promised_iops);
        let refusal = Refusal::MinIops { asked_iops, promised_iops, guaranteed_iops, free_iops };
        (asked_iops > free_iops).then_some(refusal)
    }
}
