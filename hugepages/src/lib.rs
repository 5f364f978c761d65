//! Host memory for I/O: arenas and fixed buffer pools.
//!
//! [`Arena`] is one anonymous mapping, page-aligned, zero until written and backed by memory only where it
//! was touched. [`Pool`] cuts an arena into buffers of a few fixed sizes, so that the data path takes and
//! returns memory without an allocator and a device can register the whole of it once. Today the arena is
//! made of ordinary pages; pages of 2 MiB or 1 GiB can take their place without a change for the callers.
//!
//! Callers: the reactor makes one [`Pool`] per thread; devices register [`Pool::region`]; the memory device
//! keeps its blocks in an [`Arena`].
//!
//! Invariants:
//! - every buffer starts at a multiple of [`ALIGNMENT`] bytes, in memory and in its region;
//! - `free + taken == count` for every class; a buffer is in exactly one of the two sets;
//! - the arena outlives the pool and every buffer taken from it.
//!
//! This crate holds unsafe code because mapping memory and lending it out by pointer cannot be said in safe
//! Rust; each block names its reason.
#![allow(unsafe_code)]

mod arena;
mod buffer;
mod free_list;
mod pool;

pub use arena::{Arena, ArenaError};
pub use buffer::Buffer;
pub use pool::{Class, Pool, PoolConfig, PoolError, Region};

/// What every buffer's address and every class' size is a multiple of, in bytes: the strictest alignment that
/// a direct-I/O block device or an NVMe PRP entry asks for.
pub const ALIGNMENT: u32 = 4096;

/// An offset or length in an arena as a `usize`.
///
/// The mapped length is a `usize`, so every offset below it is one too; the target is 64-bit (asserted here).
pub(crate) const fn to_usize(bytes: u64) -> usize {
    const { assert!(size_of::<usize>() == size_of::<u64>(), "sluice needs a 64-bit target") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits, asserted above")]
    let bytes = bytes as usize;
    bytes
}
