//! The stream of a leaf: where the blocks of 512 chunks of a volume are.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..512 | kinds | per slot: 0 nothing mapped; 255 a whole chunk; 1 to 32 a fragment of so many layers |
//! | 512.. | places | per slot that is not 0, in order: a chunk number, or `kind` x (chunk number, mask) |
//!
//! A layer's mask tells which of the 32 blocks are in its chunk, bit 0 the first; the masks of a fragment are not
//! empty and do not overlap. Numbers and masks are 4 bytes.

use super::Damage;

/// Slots of a node.
pub(crate) const SLOTS: usize = 512;

/// Most layers a fragment can have: one per block.
const MAX_LAYERS: usize = 32;

const WHOLE: u8 = 255;

/// Blocks of one chunk of the volume, in one chunk of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskLayer {
    pub(crate) chunk: u32,
    pub(crate) mask: u32,
}

/// Writes a leaf's slots in order, empty ones left out, as the map has them: `stream` is overwritten.
pub(crate) fn encode(layers: impl Iterator<Item = (usize, DiskLayer)>, stream: &mut Vec<u8>) {
    stream.clear();
    stream.resize(SLOTS, 0);
    for (slot, DiskLayer { chunk, mask }) in layers {
        stream.extend_from_slice(&chunk.to_le_bytes());
        if mask == u32::MAX {
            stream[slot] = WHOLE;
        } else {
            stream.extend_from_slice(&mask.to_le_bytes());
            stream[slot] += 1;
        }
    }
}

/// Reads the stream, layer by layer.
pub(crate) fn decode(stream: &[u8]) -> Result<Vec<(usize, DiskLayer)>, Damage> {
    let cut_off = Damage::Contents("a leaf is cut off");
    let (kinds, mut places) = stream.split_at_checked(SLOTS).ok_or(cut_off)?;
    let mut layers = Vec::with_capacity(SLOTS);
    let mut number = || {
        let (number, rest) = places.split_first_chunk::<4>().ok_or(cut_off)?;
        places = rest;
        Ok(u32::from_le_bytes(*number))
    };
    for (slot, kind) in kinds.iter().enumerate() {
        match *kind {
            WHOLE => layers.push((slot, DiskLayer { chunk: number()?, mask: u32::MAX })),
            count if usize::from(count) <= MAX_LAYERS => {
                let mut seen = 0;
                for _ in 0..count {
                    let layer = DiskLayer { chunk: number()?, mask: number()? };
                    if layer.mask == 0 || layer.mask == u32::MAX || layer.mask & seen != 0 {
                        return Err(Damage::Contents("a fragment's masks are empty or overlap"));
                    }
                    seen |= layer.mask;
                    layers.push((slot, layer));
                }
            }
            _ => return Err(Damage::Contents("a leaf has a slot of unknown kind")),
        }
    }
    if places.is_empty() { Ok(layers) } else { Err(Damage::Contents("a leaf is too long")) }
}
