//! What can be wrong with a structure.

use super::finding::Structure;
use crate::VolumeError;
use crate::thin::engine::Flaw;
use crate::thin::format::Damage;

/// What is wrong with a structure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// All zeroes.
    #[error("it is blank")]
    Blank,
    /// Another structure, or none of ours.
    #[error("it holds something else")]
    Alien,
    /// Another format.
    #[error("it is of format version {version}")]
    Version {
        /// Which.
        version: u32,
    },
    /// Torn or rotten.
    #[error("its checksum does not match: it was torn, or the medium has decayed")]
    Checksum,
    /// Another pool's.
    #[error("it belongs to another pool")]
    OtherPool,
    /// Written to, or read from, the wrong place.
    #[error("it says that it belongs to another place")]
    Misplaced,
    /// Older or newer than it must be.
    #[error("it is of another generation than its reference says: a write was lost")]
    Generation,
    /// The device does not give it.
    #[error("the device cannot read it")]
    Unreadable,
    /// The checksum holds and the contents make no sense.
    #[error("{0}")]
    Contents(&'static str),
    /// A copy of the superblock, or a place of a mark, is older than its twin.
    #[error("it is of number {found}, its twin of {newest}")]
    Behind {
        /// Its own number.
        found: u64,
        /// The twin's.
        newest: u64,
    },
    /// Two copies of the same generation differ.
    #[error("both copies are of generation {generation} and differ")]
    Contradiction {
        /// Which.
        generation: u64,
    },
    /// It is of an era that begins after the superblock.
    #[error("it is of era {era}, after the superblock's: a newer superblock was lost")]
    Era {
        /// Which.
        era: u64,
    },
    /// The device is not as the superblock says, or a count in it is out of bounds.
    #[error("it does not fit the device: {0}")]
    Device(&'static str),
    /// A reference leads where no page can be.
    #[error("a reference leads there, and no page can be there")]
    Outside,
    /// A page that something else has as well.
    #[error("its place is taken by another reference, as {by}")]
    Claimed {
        /// By what.
        by: Structure,
    },
    /// A page in a chunk that volumes' blocks are in.
    #[error("its place lies in chunk {chunk}, which holds a volume's blocks")]
    InData {
        /// Which.
        chunk: u32,
    },
    /// A node of the wrong level.
    #[error("it is of level {found} where {expected} belongs")]
    Level {
        /// What its parents and the size of the volume demand.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// A node that maps two places.
    #[error("it is reached as the node of level {level} at block {first}, and as that of {again:?}")]
    Seat {
        /// Where it was reached first.
        level: usize,
        /// Its first block there.
        first: u64,
        /// Level and first block where it is reached once more.
        again: (usize, u64),
    },
    /// A chunk that the pool has not.
    #[error("slot {slot} is in chunk {chunk}, which is none for data")]
    ChunkOutside {
        /// The entry.
        slot: usize,
        /// Which.
        chunk: u32,
    },
    /// A chunk that holds metadata.
    #[error("slot {slot} is in chunk {chunk}, which holds metadata")]
    ChunkOfMetadata {
        /// The entry.
        slot: usize,
        /// Which.
        chunk: u32,
    },
    /// A chunk that another place of some volume has as well.
    #[error("slot {slot} is in chunk {chunk}, which belongs to chunk {other} of its volumes as well")]
    ChunkElsewhere {
        /// The entry.
        slot: usize,
        /// Which.
        chunk: u32,
        /// The other place, in chunks of a volume.
        other: u32,
    },
    /// A chunk that occurs twice in one fragment.
    #[error("slot {slot} has chunk {chunk} twice")]
    ChunkTwice {
        /// The entry.
        slot: usize,
        /// Which.
        chunk: u32,
    },
    /// Blocks are mapped where the volume has ended.
    #[error("blocks up to {end} are mapped, of {blocks}")]
    BeyondEnd {
        /// The end of what is mapped.
        end: u64,
        /// The volume's length.
        blocks: u64,
    },
    /// Two entries have the same id, UUID or name.
    #[error("it has the {what} of another")]
    Twin {
        /// Which of them.
        what: &'static str,
    },
    /// An entry's flag and its reference contradict each other.
    #[error("it has hosts and no list, or a list and no hosts")]
    Hosts,
    /// An id that has not been given out.
    #[error("it has or names the id {id}, which has not been given out yet")]
    Id {
        /// Which.
        id: u32,
    },
    /// A record of a volume that is not there.
    #[error("it speaks of a volume of id {map}, which is not there")]
    NoVolume {
        /// The id.
        map: u32,
    },
    /// Its checksum holds, and it is not what the open pool has in memory.
    #[error("it is not what the pool has in memory")]
    Differs,
    /// A journal block that was durable is gone.
    #[error("block {sequence} of the journal was durable and is not there any more")]
    Lost {
        /// Its sequence.
        sequence: u64,
    },
    /// Journal blocks behind one that was never written.
    #[error("block {sequence} of the journal lies behind the end of the journal, which is {end}")]
    Gap {
        /// Its sequence.
        sequence: u64,
        /// The first that is not there.
        end: u64,
    },
    /// Counts or sums of the maps that were loaded.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// Opening ends with this error.
    #[error(transparent)]
    Refused(#[from] VolumeError),
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Blank => Self::Blank,
            Damage::Magic => Self::Alien,
            Damage::Version(version) => Self::Version { version },
            Damage::Checksum => Self::Checksum,
            Damage::OtherPool => Self::OtherPool,
            Damage::Misplaced => Self::Misplaced,
            Damage::Generation => Self::Generation,
            Damage::Unreadable => Self::Unreadable,
            Damage::Contents(what) => Self::Contents(what),
        }
    }
}
