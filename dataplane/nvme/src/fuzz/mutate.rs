//! Mutations of well-formed inputs: what a broken or hostile peer makes of them.

use super::random::Random;

/// Values that sit at the edges of fields.
const EDGES: [u32; 12] =
    [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Changes `bytes` in one to four places.
pub(super) fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        mutate_once(bytes, random);
    }
}

fn mutate_once(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return bytes.push(random.byte());
    }
    let at = random.below(bytes.len());
    match random.below(8) {
        0..=1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.byte(),
        3 => overwrite(bytes, at, random),
        4 => bytes.truncate(at),
        5 => insert(bytes, at, random),
        6 => drop(bytes.drain(at..at + random.below(bytes.len() - at).min(16))),
        _ => repeat(bytes, at, random),
    }
}

/// Puts an edge value of 1, 2 or 4 bytes somewhere.
fn overwrite(bytes: &mut [u8], at: usize, random: &mut Random) {
    let value = EDGES[random.below(EDGES.len())].to_le_bytes();
    let width = [1, 2, 4][random.below(3)];
    for (slot, byte) in bytes[at..].iter_mut().zip(&value[..width]) {
        *slot = *byte;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let piece: Vec<u8> = (0..=random.below(16)).map(|_| random.byte()).collect();
    bytes.splice(at..at, piece);
}

/// Repeats a stretch of up to 128 bytes right behind itself.
fn repeat(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let end = at + random.below(bytes.len() - at).min(128);
    let piece = bytes[at..end].to_vec();
    bytes.splice(end..end, piece);
}
