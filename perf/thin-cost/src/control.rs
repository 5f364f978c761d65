//! Control operations from their beginning to their end.

use anyhow::Context;
use sluice_device::Completion;
use sluice_volume::VolumeIndex;
use sluice_volume::thin::{SnapshotSpec, ThinDone, ThinPool};
use uuid::Uuid;

use crate::load::Clock;
use crate::target::Device;

/// Polls until the operation under way is over.
pub(crate) fn finish(clock: Clock, pool: &mut ThinPool<Device>) -> anyhow::Result<ThinDone> {
    loop {
        poll(clock, pool);
        if let Some(result) = pool.take_control_result() {
            return Ok(result?);
        }
    }
}

/// Polls until the pool has nothing to do.
pub(crate) fn rest(clock: Clock, pool: &mut ThinPool<Device>) {
    while pool.next_deadline().is_some() || pool.device().in_flight() > 0 {
        poll(clock, pool);
    }
}

fn poll(clock: Clock, pool: &mut ThinPool<Device>) {
    let mut none = [Completion::default()];
    assert_eq!(pool.poll(clock.now(), &mut none), 0, "no volume I/O is in flight");
}

/// Takes a snapshot.
pub(crate) fn snapshot(
    clock: Clock,
    pool: &mut ThinPool<Device>,
    volume: VolumeIndex,
    name: String,
) -> anyhow::Result<VolumeIndex> {
    pool.begin_snapshot(&[SnapshotSpec { volume, name, uuid: Uuid::new_v4() }], 0)?;
    match finish(clock, pool)? {
        ThinDone::Snapshotted(indices) => indices.first().copied().context("one was asked for"),
        other => anyhow::bail!("asked for a snapshot, got {other:?}"),
    }
}

/// Deletes a volume or snapshot.
pub(crate) fn delete(clock: Clock, pool: &mut ThinPool<Device>, volume: VolumeIndex) -> anyhow::Result<()> {
    pool.begin_delete(volume)?;
    finish(clock, pool).map(drop)
}
