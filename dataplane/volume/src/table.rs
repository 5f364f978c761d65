//! The volumes of a pool as values: what the superblock says, and what a change would make of it.
//!
//! A change yields a new table; the pool adopts it once it is durable. Records are sorted by offset.

use std::ops::Range;

use uuid::Uuid;

use crate::format::{DATA_OFFSET_BYTES, EXTENT_ALIGN_BYTES, MAX_VOLUMES};
use crate::{HostAccess, VolumeError, VolumeIndex, VolumeRecord, VolumeSpec};

/// One generation of a pool's superblock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The pool's.
    pub(crate) uuid: Uuid,
    /// Of this table; the next one has one more.
    pub(crate) generation: u64,
    /// Size of the device when the pool was formatted.
    pub(crate) device_bytes: u64,
    /// Likewise.
    pub(crate) device_block_size: u32,
    /// Sorted by offset, extents disjoint.
    pub(crate) records: Vec<VolumeRecord>,
}

impl Table {
    /// The device bytes that extents may cover.
    pub(crate) fn data(&self) -> Range<u64> {
        let end = self.device_bytes / EXTENT_ALIGN_BYTES * EXTENT_ALIGN_BYTES;
        DATA_OFFSET_BYTES..end.max(DATA_OFFSET_BYTES)
    }

    /// The volume that `index` names.
    pub(crate) fn find(&self, volume: VolumeIndex) -> Result<&VolumeRecord, VolumeError> {
        let mut records = self.records.iter();
        records.find(|record| record.index == volume).ok_or(VolumeError::NoSuchVolume { volume })
    }

    /// The free extents, by offset.
    pub(crate) fn free(&self) -> impl Iterator<Item = Range<u64>> {
        let data = self.data();
        let starts = std::iter::once(data.start).chain(self.records.iter().map(|record| record.extent().end));
        let ends = self.records.iter().map(|record| record.offset_bytes).chain(std::iter::once(data.end));
        starts.zip(ends).map(|(start, end)| start..end).filter(|extent| !extent.is_empty())
    }

    /// This table with a new volume in the first free extent that holds it, as `user` of a free slot.
    pub(crate) fn with_volume(
        &self,
        spec: VolumeSpec,
        user: u32,
    ) -> Result<(Self, VolumeIndex), VolumeError> {
        self.check_spec(&spec)?;
        let index = VolumeIndex::new(self.free_slot()?, user);
        let offset_bytes = self.place(spec.size_bytes)?;
        let mut next = self.next();
        let at = next.records.partition_point(|other| other.offset_bytes < offset_bytes);
        next.records.insert(at, VolumeRecord::new(spec, index, offset_bytes));
        Ok((next, index))
    }

    /// This table without `volume`, which must not be published.
    pub(crate) fn without_volume(&self, volume: VolumeIndex) -> Result<(Self, VolumeRecord), VolumeError> {
        let record = self.find(volume)?.clone();
        if record.published {
            return Err(VolumeError::Published { name: record.name });
        }
        let mut next = self.next();
        next.records.retain(|other| other.index != volume);
        Ok((next, record))
    }

    /// This table with `volume` published to `access`, or to nobody.
    pub(crate) fn with_access(
        &self,
        volume: VolumeIndex,
        published: bool,
        access: HostAccess,
    ) -> Result<Self, VolumeError> {
        access.check()?;
        self.find(volume)?;
        let mut next = self.next();
        let changed = next.records.iter_mut().filter(|record| record.index == volume);
        changed.for_each(|record| (record.published, record.access) = (published, access.clone()));
        Ok(next)
    }

    /// Checks a table read from disk, whose records are valid one by one.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !matches!(self.device_block_size, 512 | 4096) {
            return Err("its device block size is unknown");
        }
        let mut end = self.data().start;
        for record in &self.records {
            let extent = checked_extent(record).ok_or("a volume's extent has no end")?;
            if !extent.start.is_multiple_of(EXTENT_ALIGN_BYTES) || extent.start < end {
                return Err("a volume's extent is misplaced");
            }
            if record.block_size.bytes() < self.device_block_size {
                return Err("a volume's blocks are smaller than the device's");
            }
            end = extent.end;
        }
        if end > self.data().end {
            return Err("a volume's extent lies beyond the device");
        }
        self.check_unique()
    }

    fn check_unique(&self) -> Result<(), &'static str> {
        let twice = self.records.iter().enumerate().any(|(at, record)| {
            self.records[..at].iter().any(|other| other.name == record.name || other.uuid == record.uuid)
        });
        if twice { Err("two volumes share a name or UUID") } else { Ok(()) }
    }

    fn next(&self) -> Self {
        Self { generation: self.generation + 1, ..self.clone() }
    }

    fn check_spec(&self, spec: &VolumeSpec) -> Result<(), VolumeError> {
        spec.check()?;
        if spec.block_size.bytes() < self.device_block_size {
            return Err(VolumeError::BlockSize { volume: spec.block_size, device: self.device_block_size });
        }
        if self.records.iter().any(|record| record.name == spec.name) {
            return Err(VolumeError::NameTaken { name: spec.name.clone() });
        }
        if self.records.iter().any(|record| record.uuid == spec.uuid) {
            return Err(VolumeError::UuidTaken { uuid: spec.uuid });
        }
        Ok(())
    }

    /// The lowest slot that no volume has.
    fn free_slot(&self) -> Result<u32, VolumeError> {
        let mut taken = [false; MAX_VOLUMES];
        self.records.iter().for_each(|record| taken[record.index.slot()] = true);
        (0..).zip(taken).find(|(_, taken)| !taken).map(|(slot, _)| slot).ok_or(VolumeError::TooManyVolumes)
    }

    /// First fit: where an extent for `size_bytes` starts.
    fn place(&self, size_bytes: u64) -> Result<u64, VolumeError> {
        let needed_bytes = size_bytes.checked_next_multiple_of(EXTENT_ALIGN_BYTES).unwrap_or(u64::MAX);
        let fits = self.free().find(|extent| extent.end - extent.start >= needed_bytes);
        fits.map(|extent| extent.start).ok_or_else(|| {
            let largest_bytes = self.free().map(|extent| extent.end - extent.start).max().unwrap_or(0);
            VolumeError::NoSpace { needed_bytes, largest_bytes }
        })
    }
}

/// A record's extent, unless the numbers on disk overflow.
fn checked_extent(record: &VolumeRecord) -> Option<Range<u64>> {
    let length_bytes = record.size_bytes.checked_next_multiple_of(EXTENT_ALIGN_BYTES)?;
    Some(record.offset_bytes..record.offset_bytes.checked_add(length_bytes)?)
}

#[cfg(test)]
mod test;
