//! The maps of thin volumes and snapshots, and the chunks they share: in memory, without I/O.
//!
//! A [`Forest`] holds every map of a pool. A map is a tree of nodes that it shares with the snapshots and clones made
//! of it; what is shared is copied when it changes, node by node. So a snapshot, a clone and a rollback each cost one
//! reference to a root, and a read costs one walk down, however many snapshots lie between a volume and its origin.
//!
//! ```text
//!     volume    snapshot          level 1: 512 children        32 GiB
//!        │        │               level 0: 512 chunks          64 MiB
//!      [root']  [root]            chunk:   32 blocks of 4 KiB  128 KiB
//!       │   ╲  ╱   │
//!     [leaf'] [leaf] [leaf]       entry of a leaf: hole, whole chunk or fragment
//!        ╲     │ ╲      │         fragment: layers, each some blocks that live in one chunk
//!       chunk chunk chunk chunk
//! ```
//!
//! Who calls what:
//! - an I/O: [`Forest::lookup`], and before a first write [`Forest::plan_write`]; neither allocates;
//! - a change whose record is on disk: [`Forest::apply_write`], [`Forest::apply_unmap`], which cannot fail;
//! - background work: [`Forest::settle`], [`Forest::reclaim`], [`Forest::next_merge`];
//! - a checkpoint: [`Forest::freeze`], [`Forest::next_frozen`], [`Forest::placed`], [`Forest::finish`];
//! - opening a pool: [`Loader`]; the checker: [`Forest::recount`], [`Forest::verify`].
//!
//! # Dropped references
//! A reference that is dropped counts until the record of the drop is durable and the I/O that might use it is over:
//! the drop is *held* under a [`Hold`], and [`Forest::settle`] carries it out. Otherwise a power cut could bring back
//! a map together with another's later bytes: a freed chunk, or one that became a clone's alone, would have been
//! overwritten while the drop was not on disk yet.
//!
//! # Invariants
//! - A block may be overwritten in place if and only if every node on the way to it has one reference and so has its
//!   chunk. Nobody else can see it then, and no drop is held.
//! - `refs(node)` = parents + maps + held drops; `count(chunk)` = entries and layers of distinct leaves + held drops.
//! - A node's parents are dirty if it is; a node that changes is dirty and has one reference, as have its ancestors.
//! - Sums of a node are those of its children, of `own` only the children with one reference.
//! - Nothing beyond a map's end is mapped. The level of its root is the lowest that reaches its size.

mod again;
mod change;
mod changes;
mod checkpoint;
mod forest;
mod fragment;
mod free;
mod geometry;
mod held;
mod layers;
mod load;
mod lookup;
mod mask;
mod merge;
mod node;
mod path;
mod reclaim;
mod recount;
mod resize;
mod segments;
mod space;
mod unmap;
mod usage;
mod verify;
mod view;
mod write;

pub use changes::{Change, Changes};
pub use forest::{Forest, Map};
pub use fragment::Layer;
pub use geometry::{
    BLOCK_BYTES, CHUNK_BLOCKS, CHUNK_BYTES, Chunk, ChunkIndex, LEAF_BLOCKS, LEVELS, MAX_CHUNKS,
    MAX_MAP_BLOCKS, NODE_ENTRIES,
};
pub use held::Hold;
pub use load::{Loader, Malformed};
pub use lookup::{Extent, Place};
pub use mask::BlockMask;
pub use merge::{Merge, MergeScan, MergeScope};
pub use node::NodeId;
pub use recount::Finding;
pub use space::{Fill, Level, NoSpace, Purpose, Space, Thresholds};
pub use usage::{Memory, Usage};
pub use view::{EntryView, NodeView};
pub use write::{MAX_LAYERS, WritePlan};

#[cfg(test)]
mod test;
