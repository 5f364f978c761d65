//! How a volume is named on the data path.

/// Names a volume of an open pool: valid from its creation, or the pool's opening, to its deletion.
///
/// A slot and a number that tells the users of the slot apart, so that an index kept after its volume was deleted
/// never reaches the volume that took the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VolumeIndex {
    slot: u32,
    user: u32,
}

impl VolumeIndex {
    /// The index of the `user`-th volume in `slot`.
    pub(crate) fn new(slot: u32, user: u32) -> Self {
        Self { slot, user }
    }

    /// Which of the pool's slots: dense, for arrays beside the pool's own. A later volume may have the same slot.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
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
    }
}
