//! A volume or snapshot of a thin pool: what its users know of it, and what the pool does.

use std::ops::Range;

use uuid::Uuid;

use super::format::entry::Entry;
use super::format::{BLOCK_BYTES_32, PageRef};
use crate::map::Map;
use crate::{BlockSize, HostAccess, VolumeIndex, VolumeSpec};

/// What a map is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It can be written and published.
    Volume,
    /// It never changes.
    Snapshot,
}

/// Whether a volume's space is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Provision {
    /// Space is taken as it is written to.
    #[default]
    Thin,
    /// First writes always find space. What snapshots keep of the volume is not part of the promise: overwriting that
    /// takes space as thin volumes do.
    Thick,
}

/// A volume or snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinRecord {
    /// Its name on the data path.
    pub index: VolumeIndex,
    /// Volumes: unique among the pool's. Snapshots: unique among those of their origin.
    pub name: String,
    /// The application that owns it.
    pub app: String,
    /// Unique in the pool.
    pub uuid: Uuid,
    /// Never used again in this pool; tells origins.
    pub id: u32,
    /// Volume or snapshot.
    pub role: Role,
    /// Thin or thick.
    pub provision: Provision,
    /// `id` of what it was made from; it may be gone.
    pub origin: Option<u32>,
    /// When it was made, in microseconds of Unix time, by the clock of who asked for it.
    pub created_us: u64,
    /// Bytes per block.
    pub block_size: BlockSize,
    /// Capacity in bytes.
    pub size_bytes: u64,
    /// Capacity in blocks: LBAs are `0..blocks`.
    pub blocks: u64,
    /// Whether hosts may reach it at all.
    pub published: bool,
    /// Which hosts, if published.
    pub access: HostAccess,
    /// The scheduler's; the pool gives them no meaning.
    pub qos: [u64; 4],
}

/// What I/O a volume takes at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// All.
    Open,
    /// Writes wait: a group of snapshots is being prepared.
    HoldWrites,
    /// Everything waits: the map is about to be replaced.
    HoldAll,
    /// None: it is being deleted.
    Shut,
}

/// What the pool knows of a volume.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) record: ThinRecord,
    pub(crate) map: Map,
    pub(crate) gate: Gate,
}

impl ThinRecord {
    /// What the entry says, for the volume in `slot` with `access`.
    pub(crate) fn new(entry: &Entry, slot: u32, access: HostAccess) -> Self {
        let VolumeSpec { name, app, size_bytes, block_size, uuid } = entry.spec.clone();
        Self {
            index: VolumeIndex::new(slot, entry.id),
            name,
            app,
            uuid,
            id: entry.id,
            role: if entry.snapshot { Role::Snapshot } else { Role::Volume },
            provision: if entry.thick { Provision::Thick } else { Provision::Thin },
            origin: (entry.origin != 0).then_some(entry.origin),
            created_us: entry.created_us,
            block_size,
            size_bytes,
            blocks: size_bytes / u64::from(block_size.bytes()),
            published: entry.published,
            access,
            qos: entry.qos,
        }
    }

    /// The entry that says so, without references.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            spec: VolumeSpec {
                name: self.name.clone(),
                app: self.app.clone(),
                size_bytes: self.size_bytes,
                block_size: self.block_size,
                uuid: self.uuid,
            },
            snapshot: self.role == Role::Snapshot,
            thick: self.provision == Provision::Thick,
            published: self.published,
            listed_hosts: matches!(self.access, HostAccess::Hosts(_)),
            origin: self.origin.unwrap_or(0),
            created_us: self.created_us,
            qos: self.qos,
            root: PageRef::NONE,
            hosts: PageRef::NONE,
        }
    }

    /// Another capacity.
    pub(crate) fn resize(&mut self, size_bytes: u64) {
        self.size_bytes = size_bytes;
        self.blocks = size_bytes / u64::from(self.block_size.bytes());
    }
}

impl Volume {
    pub(crate) fn id(&self) -> u32 {
        self.record.id
    }

    /// The chunks that a thick volume is still promised.
    pub(crate) fn promised_chunks(&self, mapped_chunks: u64) -> u64 {
        match self.record.provision {
            Provision::Thin => 0,
            Provision::Thick => {
                self.map.blocks().div_ceil(crate::map::CHUNK_BLOCKS).saturating_sub(mapped_chunks)
            }
        }
    }
}

/// Blocks of 4096 bytes of a map for so many bytes.
pub(crate) fn map_blocks(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(u64::from(BLOCK_BYTES_32))
}

/// Bytes of a volume that an I/O is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Span {
    /// The blocks of 4096 bytes that it touches.
    pub(crate) fn blocks(self) -> Range<u64> {
        self.start / BYTES..self.end.div_ceil(BYTES)
    }

    /// The blocks that it covers whole; empty if there are none.
    pub(crate) fn whole_blocks(self) -> Range<u64> {
        let (start, end) = (self.start.div_ceil(BYTES), self.end / BYTES);
        start..end.max(start)
    }

    /// Its part within those blocks.
    pub(crate) fn within(self, blocks: &Range<u64>) -> Self {
        let (start, end) = (blocks.start * BYTES, blocks.end * BYTES);
        Self { start: self.start.clamp(start, end), end: self.end.clamp(start, end) }
    }

    pub(crate) fn bytes(self) -> u64 {
        self.end - self.start
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

const BYTES: u64 = BLOCK_BYTES_32 as u64;

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn spans_touch_and_cover_blocks() {
        let span = Span { start: 4095, end: 12_289 };
        assert_eq!((span.blocks(), span.whole_blocks()), (0..4, 1..3));
        assert_eq!(span.within(&(0..1)), Span { start: 4095, end: 4096 });
        assert_eq!(span.within(&(3..4)).bytes(), 1);
        assert!(span.within(&(4..5)).is_empty());
        let inside = Span { start: 512, end: 1024 };
        assert_eq!((inside.blocks(), inside.whole_blocks()), (0..1, 1..1));
    }
}
