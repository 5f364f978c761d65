//! How a volume is named on the data path.

use crate::MAX_VOLUMES;

/// Names a volume of an open pool: valid from its creation, or the pool's opening, to its deletion.
///
/// The low byte is the volume's slot, the rest tells the users of a slot apart, so that an index kept after its
/// volume was deleted never reaches the volume that took the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VolumeIndex(u32);

const SLOT_BITS: u32 = 8;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;

// Slot 255 stays free: an index of all ones is no volume's.
const _: () = assert!(MAX_VOLUMES <= SLOT_MASK as usize);

impl VolumeIndex {
    /// No volume has this index.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The index of the `user`-th volume in `slot` (below [`MAX_VOLUMES`]); `user` wraps at 2^24.
    pub(crate) fn new(slot: u32, user: u32) -> Self {
        Self((user << SLOT_BITS) | (slot & SLOT_MASK))
    }

    /// Which of the pool's slots, `0..MAX_VOLUMES`: dense, for arrays beside the pool's own. A later volume may
    /// have the same slot.
    #[must_use]
    pub fn slot(self) -> usize {
        (self.0 & SLOT_MASK) as usize
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn slots_come_back_and_users_differ() {
        let (first, second) = (VolumeIndex::new(254, 0), VolumeIndex::new(254, 1));
        assert_eq!((first.slot(), second.slot()), (254, 254));
        assert_ne!(first, second);
        assert_ne!(VolumeIndex::new(254, u32::MAX), VolumeIndex::NONE);
        assert_eq!(VolumeIndex::new(3, 1 << 24), VolumeIndex::new(3, 0));
    }
}
