//! An NVM subsystem: one published volume, its one namespace, and who may use it.

use crate::config::Limits;
use crate::connection::Namespace;
use crate::nqn;
use crate::plan::Shape;
use sluice_device::DeviceInfo;
use sluice_qos::Tag;
use sluice_volume::thin::ThinRecord;
use sluice_volume::{HostAccess, VolumeIndex, VolumeLimits};

/// A published volume, as hosts see it.
#[derive(Clone, Debug)]
pub(crate) struct Subsystem {
    pub(crate) nqn: String,
    pub(crate) volume: VolumeIndex,
    pub(crate) tag: Tag,
    pub(crate) name: String,
    pub(crate) uuid: uuid::Uuid,
    pub(crate) access: HostAccess,
    pub(crate) namespace: NamespaceInfo,
    /// Unpublished: no host may connect, and those connected are told that the namespace is gone.
    pub(crate) closing: bool,
}

/// What Identify Namespace tells, and what commands are checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamespaceInfo {
    pub(crate) blocks: u64,
    pub(crate) block_shift: u32,
    pub(crate) write_zeroes_blocks: u32,
    pub(crate) deallocate_blocks: u32,
    pub(crate) deallocate_reads_zeroes: bool,
    pub(crate) volatile_write_cache: bool,
}

impl Subsystem {
    /// The subsystem of a published volume.
    pub(crate) fn of(record: &ThinRecord, tag: Tag, device: &DeviceInfo, limits: VolumeLimits) -> Self {
        Self {
            nqn: nqn::of_volume(&record.uuid),
            volume: record.index,
            tag,
            name: record.name.clone(),
            uuid: record.uuid,
            access: record.access.clone(),
            namespace: NamespaceInfo {
                blocks: record.blocks,
                block_shift: record.block_size.bytes().trailing_zeros(),
                write_zeroes_blocks: limits.max_write_zeroes_blocks,
                deallocate_blocks: limits.max_deallocate_blocks,
                deallocate_reads_zeroes: device.deallocate_reads_zeroes,
                volatile_write_cache: device.volatile_write_cache,
            },
            closing: false,
        }
    }

    /// Whether a host may connect.
    pub(crate) fn admits(&self, host_nqn: &str) -> bool {
        match &self.access {
            HostAccess::Any => true,
            HostAccess::Hosts(hosts) => hosts.iter().any(|host| host == host_nqn),
        }
    }

    /// What an I/O queue keeps of it.
    pub(crate) fn queue_namespace(&self, limits: &Limits) -> Namespace {
        let info = self.namespace;
        Namespace {
            volume: self.volume,
            tag: self.tag,
            shape: Shape {
                blocks: info.blocks,
                block_shift: info.block_shift,
                max_transfer_bytes: limits.max_transfer_bytes,
                in_capsule_bytes: limits.in_capsule_bytes,
            },
            write_zeroes_blocks: info.write_zeroes_blocks,
            deallocate_blocks: info.deallocate_blocks,
        }
    }
}
