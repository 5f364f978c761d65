//! Tags of device requests: how a completion finds whom it is for.
//!
//! | bits | meaning |
//! |---|---|
//! | 31 | 0: an I/O on the short way, done when the device is |
//! | 30 | its epoch's lowest bit |
//! | 0..30 | the caller's tag |
//!
//! | bits | meaning |
//! |---|---|
//! | 31 | 1: the engine's own |
//! | 28..31 | with bit 31, what for: [`Own`] |
//! | 0..28 | a number, as that says |

use crate::VolumeIo;

/// Whom a completion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// An I/O on the short way.
    Short { tag: u32, epoch: u32 },
    /// Something of the engine's.
    Own(Own, u32),
}

/// What the engine's own requests are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// A part of an I/O on the long way; number: of the part.
    Part,
    /// A journal block; number: low bits of its sequence.
    Journal,
    /// A device flush.
    Flush,
    /// A mark.
    Mark,
    /// A page of a checkpoint, or its superblock.
    Checkpoint,
    /// A read of opening, formatting or checking; number: of its place there.
    Load,
    /// A read of the check beside I/O; number: of its place there.
    Check,
}

const OWN: u32 = 1 << 31;
const OWN_SHIFT: u32 = 28;
const NUMBER: u32 = (1 << OWN_SHIFT) - 1;
const EPOCH_SHIFT: u32 = 30;

const _: () = assert!(VolumeIo::TAG_END == 1 << EPOCH_SHIFT);

impl Own {
    const ALL: [Self; 7] =
        [Self::Part, Self::Journal, Self::Flush, Self::Mark, Self::Checkpoint, Self::Load, Self::Check];

    const fn code(self) -> u32 {
        match self {
            Self::Part => 0,
            Self::Journal => 1,
            Self::Flush => 2,
            Self::Mark => 3,
            Self::Checkpoint => 4,
            Self::Load => 5,
            Self::Check => 6,
        }
    }

    /// The tag with a number, of which the low 28 bits count.
    pub(crate) fn tag(self, number: u64) -> u32 {
        let number = u32::try_from(number & u64::from(NUMBER)).expect("28 bits");
        OWN | (self.code() << OWN_SHIFT) | number
    }
}

impl Tag {
    /// The tag of an I/O on the short way.
    pub(crate) fn short(tag: u32, epoch: u32) -> u32 {
        tag | (epoch << EPOCH_SHIFT)
    }

    pub(crate) fn decode(tag: u32) -> Self {
        if tag & OWN == 0 {
            return Self::Short { tag: tag & (VolumeIo::TAG_END - 1), epoch: tag >> EPOCH_SHIFT };
        }
        let code = (tag & !OWN) >> OWN_SHIFT;
        let own = Own::ALL.into_iter().find(|own| own.code() == code);
        Self::Own(own.expect("the device returns the tags it was given"), tag & NUMBER)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn tags_tell_what_they_were_made_of() {
        let tag = VolumeIo::TAG_END - 1;
        assert_eq!(Tag::decode(Tag::short(tag, 1)), Tag::Short { tag, epoch: 1 });
        assert_eq!(Tag::decode(Tag::short(0, 0)), Tag::Short { tag: 0, epoch: 0 });
        for own in Own::ALL {
            assert_eq!(Tag::decode(own.tag((1 << 28) + 5)), Tag::Own(own, 5));
        }
    }
}
