//! The buffer pool: one arena cut into classes of equal buffers.

use std::ptr::NonNull;
use std::rc::Rc;

use crate::arena::{Arena, ArenaError};
use crate::buffer::Buffer;
use crate::free_list::FreeList;
use crate::pages::{Backing, Granted};
use crate::{ALIGNMENT, to_usize};

/// What a pool is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// The sizes, in any order, each at most once.
    pub classes: Vec<Class>,
}

/// Buffers of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Capacity of each buffer: a positive multiple of [`ALIGNMENT`].
    pub buffer_bytes: u32,
    /// How many there are: 1 to `u32::MAX - 1`.
    pub count: u32,
}

/// Why a pool could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// No class was asked for.
    #[error("a buffer pool needs at least one class of buffers")]
    NoClasses,
    /// A class' size is zero or not a multiple of the alignment.
    #[error("buffers of {buffer_bytes} bytes: the size must be a positive multiple of {ALIGNMENT}")]
    BufferSize {
        /// What was asked for.
        buffer_bytes: u32,
    },
    /// Two classes have the same size.
    #[error("two classes of {buffer_bytes}-byte buffers: join them into one")]
    DuplicateClass {
        /// The size that occurs twice.
        buffer_bytes: u32,
    },
    /// A class is empty or larger than its free list can count.
    #[error("{count} buffers of {buffer_bytes} bytes: the count must be 1 to 4294967294")]
    Count {
        /// The class' size.
        buffer_bytes: u32,
        /// What was asked for.
        count: u32,
    },
    /// The memory itself.
    #[error(transparent)]
    Arena(#[from] ArenaError),
}

/// The memory behind a pool, for registration with a device.
///
/// It stays mapped, at the same place, for as long as the pool or any of its buffers exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Address of the first byte.
    pub base: NonNull<u8>,
    /// Length in bytes, a multiple of [`ALIGNMENT`].
    pub length_bytes: u64,
}

/// Fixed-size, DMA-safe aligned buffers for one reactor.
///
/// Cloning shares the pool. It is not `Send`: what one reactor takes, it returns.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Rc<Shared>,
}

/// What the pool's clones and its buffers hold together.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Ascending by `buffer_bytes`.
    classes: Box<[Slab]>,
    arena: Arena,
}

/// One class: `free.len()` equal buffers, contiguous from `offset`.
#[derive(Debug)]
struct Slab {
    buffer_bytes: u32,
    count: u32,
    /// Of the first buffer in the arena, in bytes.
    offset: u64,
    free: FreeList,
}

impl Pool {
    /// Maps the memory for `config` and marks every buffer free.
    ///
    /// # Errors
    /// One [`PoolError`] per rule of [`PoolConfig`] and [`Class`]; [`PoolError::Arena`] if the kernel has no memory.
    pub fn new(config: &PoolConfig) -> Result<Self, PoolError> {
        Self::over(config, Arena::new)
    }

    /// As [`Pool::new`], with every page present: for devices that reach memory by DMA.
    ///
    /// # Errors
    /// As [`Pool::new`]; [`PoolError::Arena`] also if the host has not enough pages that `backing` accepts.
    pub fn resident(config: &PoolConfig, backing: &Backing) -> Result<Self, PoolError> {
        Self::over(config, |length_bytes| Arena::resident(length_bytes, backing))
    }

    fn over(
        config: &PoolConfig,
        arena: impl FnOnce(u64) -> Result<Arena, ArenaError>,
    ) -> Result<Self, PoolError> {
        let mut classes = config.classes.clone();
        classes.sort_by_key(|class| class.buffer_bytes);
        check(&classes)?;
        let mut length_bytes = 0;
        let classes = classes.iter().map(|class| Slab::place(class, &mut length_bytes)).collect();
        let arena = arena(length_bytes)?;
        Ok(Self { shared: Rc::new(Shared { classes, arena }) })
    }

    /// What the memory is made of; `None` if it is not resident.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        self.shared.arena.granted()
    }

    /// A buffer of `length` bytes from the smallest class that holds it and has one free.
    ///
    /// Its contents are those of its last user. `None`: nothing is free, or `length` exceeds [`Pool::largest`];
    /// the caller applies back-pressure. Never allocates.
    #[must_use]
    pub fn take(&self, length: u32) -> Option<Buffer> {
        let mut classes = self.shared.classes.iter().enumerate();
        classes.find_map(|(class, slab)| {
            let index = slab.holds(length).then(|| slab.free.take())??;
            Some(Buffer::new(Rc::clone(&self.shared), class, index, length))
        })
    }

    /// The memory of all buffers, for registration with a device.
    #[must_use]
    pub fn region(&self) -> Region {
        self.shared.region()
    }

    /// How many buffers of `length` bytes could be taken now.
    #[must_use]
    pub fn available(&self, length: u32) -> u32 {
        let fitting = self.shared.classes.iter().filter(|slab| slab.holds(length));
        fitting.fold(0, |sum, slab| sum.saturating_add(slab.free.free()))
    }

    /// Capacity of the buffers that [`Pool::available`] counts, in bytes.
    #[must_use]
    pub fn available_bytes(&self, length: u32) -> u64 {
        let fitting = self.shared.classes.iter().filter(|slab| slab.holds(length));
        fitting.map(|slab| u64::from(slab.buffer_bytes) * u64::from(slab.free.free())).sum()
    }

    /// The same if every buffer were free.
    #[must_use]
    pub fn total_bytes(&self, length: u32) -> u64 {
        let fitting = self.shared.classes.iter().filter(|slab| slab.holds(length));
        fitting.map(|slab| u64::from(slab.buffer_bytes) * u64::from(slab.count)).sum()
    }

    /// Capacity of the largest class, in bytes.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.shared.classes.last().map_or(0, |slab| slab.buffer_bytes)
    }
}

/// Checks classes sorted by size.
fn check(classes: &[Class]) -> Result<(), PoolError> {
    if classes.is_empty() {
        return Err(PoolError::NoClasses);
    }
    for &Class { buffer_bytes, count } in classes {
        if buffer_bytes == 0 || !buffer_bytes.is_multiple_of(ALIGNMENT) {
            return Err(PoolError::BufferSize { buffer_bytes });
        }
        if count == 0 || count == u32::MAX {
            return Err(PoolError::Count { buffer_bytes, count });
        }
    }
    match classes.windows(2).find(|pair| pair[0].buffer_bytes == pair[1].buffer_bytes) {
        Some(pair) => Err(PoolError::DuplicateClass { buffer_bytes: pair[0].buffer_bytes }),
        None => Ok(()),
    }
}

impl Shared {
    pub(crate) fn region(&self) -> Region {
        self.arena.region()
    }

    /// Capacity of a buffer of `class`.
    pub(crate) fn capacity(&self, class: usize) -> u32 {
        self.classes[class].buffer_bytes
    }

    /// Where buffer `index` of `class` starts in the arena.
    pub(crate) fn offset(&self, class: usize, index: u32) -> u64 {
        let slab = &self.classes[class];
        slab.offset + u64::from(index) * u64::from(slab.buffer_bytes)
    }

    /// Where buffer `index` of `class` starts in memory.
    pub(crate) fn address(&self, class: usize, index: u32) -> NonNull<u8> {
        let slab = &self.classes[class];
        assert!(index < slab.count, "a buffer of its class");
        let offset = to_usize(self.offset(class, index));
        // SAFETY: the slab's `count` buffers lie wholly inside the arena (`Slab::place` summed its length), and the
        // index is below `count`, so the offset stays in the one mapped object.
        unsafe { self.arena.base().add(offset) }
    }

    /// Takes back what `Pool::take` gave out.
    pub(crate) fn give(&self, class: usize, index: u32) {
        self.classes[class].free.give(index);
    }
}

impl Slab {
    /// The slab that starts where the previous one ended; moves that end on.
    fn place(class: &Class, end: &mut u64) -> Self {
        let &Class { buffer_bytes, count } = class;
        let offset = *end;
        *end = offset.saturating_add(u64::from(buffer_bytes) * u64::from(count));
        Self { buffer_bytes, count, offset, free: FreeList::new(count) }
    }

    fn holds(&self, length: u32) -> bool {
        self.buffer_bytes >= length
    }
}

#[cfg(test)]
mod test;
