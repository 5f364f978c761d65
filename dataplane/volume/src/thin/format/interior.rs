//! The stream of an interior node: references to its children, one level below.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..64 | present | a bit per slot, bit 0 of byte 0 the first: there is a child |
//! | 64.. | children | per slot that has one, in order: an 8-byte reference to its first page |

use super::leaf::SLOTS;
use super::{Damage, PageRef};

const PRESENT_BYTES: usize = SLOTS / 8;

/// Writes the children by ascending slot: `stream` is overwritten.
pub(crate) fn encode(children: impl Iterator<Item = (usize, PageRef)>, stream: &mut Vec<u8>) {
    stream.clear();
    stream.resize(PRESENT_BYTES, 0);
    for (slot, child) in children {
        stream[slot / 8] |= 1 << (slot % 8);
        stream.extend_from_slice(&child.0.to_le_bytes());
    }
}

/// Reads the stream, child by child.
pub(crate) fn decode(stream: &[u8]) -> Result<Vec<(usize, PageRef)>, Damage> {
    let cut_off = Damage::Contents("an interior node is cut off");
    let (present, mut references) = stream.split_at_checked(PRESENT_BYTES).ok_or(cut_off)?;
    let mut children = Vec::new();
    for slot in (0..SLOTS).filter(|slot| present[slot / 8] & (1 << (slot % 8)) != 0) {
        let (reference, rest) = references.split_first_chunk::<8>().ok_or(cut_off)?;
        references = rest;
        let child = PageRef(u64::from_le_bytes(*reference));
        if child.is_none() {
            return Err(Damage::Contents("an interior node refers to no page"));
        }
        children.push((slot, child));
    }
    if references.is_empty() { Ok(children) } else { Err(Damage::Contents("an interior node is too long")) }
}
