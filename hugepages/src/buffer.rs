//! A buffer on loan from a pool.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;

use crate::pool::Shared;

/// Owned memory of [`Buffer::len`] bytes; it returns to its pool on drop.
///
/// The owner alone sees the bytes. A device that transfers into or out of a buffer owns it for that time, so no
/// safe code can read, write or free memory under DMA.
pub struct Buffer {
    shared: Rc<Shared>,
    address: NonNull<u8>,
    length: u32,
    index: u32,
    class: usize,
}

impl Buffer {
    /// Wraps buffer `index` of `class`, which the caller took off the free list.
    pub(crate) fn new(shared: Rc<Shared>, class: usize, index: u32, length: u32) -> Self {
        let address = shared.address(class, index);
        Self { shared, address, length, index, class }
    }

    /// Length in bytes: what was asked for, at most [`Buffer::capacity`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a slice method through Deref answers that")]
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// Size of its class in bytes: the longest this buffer can be.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.shared.capacity(self.class)
    }

    /// Shortens or lengthens the buffer; the bytes stay as they are.
    ///
    /// # Panics
    /// If `length` exceeds [`Buffer::capacity`].
    pub fn set_len(&mut self, length: u32) {
        assert!(length <= self.capacity(), "length {length} exceeds the buffer's {}", self.capacity());
        self.length = length;
    }

    /// Address of the first byte, a multiple of [`ALIGNMENT`](crate::ALIGNMENT).
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.address.as_ptr()
    }

    /// Address of the first byte, for a device to write to while it owns the buffer.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// Distance of the first byte from the start of [`Pool::region`](crate::Pool::region), in bytes.
    #[must_use]
    pub fn region_offset(&self) -> u64 {
        self.shared.offset(self.class, self.index)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `address` starts `capacity >= length` bytes of the arena, initialized (zero at first) and kept
        // mapped by `shared`; this buffer's index is off the free list, so no other buffer covers them.
        unsafe { slice::from_raw_parts(self.address.as_ptr(), self.length as usize) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `&mut self` makes the borrow exclusive.
        unsafe { slice::from_raw_parts_mut(self.address.as_ptr(), self.length as usize) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.shared.give(self.class, self.index);
    }
}

impl fmt::Debug for Buffer {
    /// Place and length only: contents belong to applications.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("offset", &self.region_offset()).field("length", &self.length).finish()
    }
}
