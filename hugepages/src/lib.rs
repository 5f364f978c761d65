//! Host memory for I/O: arenas and fixed buffer pools.
//!
//! [`Arena`] is one anonymous mapping, page-aligned and zero until written: lazy, or resident on pages of 1 GiB,
//! 2 MiB or 4 KiB, whichever is to be had ([`Backing`], [`Granted`]). [`Pool`] cuts an arena into buffers of a few
//! fixed sizes, so that the data path takes and returns memory without an allocator and a device can register the
//! whole of it once. [`DmaMemory`] is for what a device writes to while we look: queues and lists. [`IovaSpace`]
//! chooses the addresses under which a device sees any of it.
//!
//! Callers: the reactor makes one [`Pool`] per thread, which is all the caching there is to do, for a buffer never
//! crosses to another; devices register [`Pool::region`]; the memory device keeps its blocks in a lazy [`Arena`]; the
//! NVMe driver keeps its queues in [`DmaMemory`].
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
mod dma;
mod free_list;
mod iova;
mod pages;
mod pool;
mod resident;

pub use arena::{Arena, ArenaError};
pub use buffer::Buffer;
pub use dma::DmaMemory;
pub use iova::{Iova, IovaSpace};
pub use pages::{Backing, Granted, PageSize, Refusal};
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
