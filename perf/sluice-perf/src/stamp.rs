//! Stamps: every block written in verify mode says which block it is, which write it came from and whether it is
//! whole.
//!
//! | bytes            | what                                                                    |
//! |------------------|-------------------------------------------------------------------------|
//! | 0..8             | magic `SLSTAMP1`                                                        |
//! | 8..16            | LBA, little-endian                                                      |
//! | 16..24           | stamp seed, unique to one run of one job                                |
//! | 24..28           | generation: how many times the job has changed this block, from 1       |
//! | 28..32           | zero                                                                    |
//! | 32..length - 4   | filler that follows from LBA, generation and seed                       |
//! | length - 4..     | CRC32C of all bytes before                                              |
//!
//! The filler differs in every 8 bytes between any two stamps, so a block put together from two writes fails its
//! CRC, and nothing on the way can shrink it to almost nothing.

use crc_fast::{CrcAlgorithm, checksum};

use crate::rng::mix;

const MAGIC: u64 = u64::from_le_bytes(*b"SLSTAMP1");
const HEADER_BYTES: usize = 32;
const CRC_BYTES: usize = 4;
/// Step of the filler: odd, so that no two words of a block are equal.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Who wrote a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The block's own address.
    pub lba: u64,
    /// Stamp seed, unique to one run of one job.
    pub seed: u64,
    /// Which of the job's changes of this block.
    pub generation: u32,
}

/// What a block turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A whole block with a valid CRC.
    Stamped(Stamp),
    /// Nothing but zero bytes.
    Zeroes,
    /// Neither: torn, corrupt or not written by this tool.
    Damaged,
}

impl Stamp {
    /// Writes the stamp over the whole of `block`.
    ///
    /// # Panics
    /// If the block is shorter than 64 bytes or not a multiple of 8; logical blocks are at least 512 bytes.
    pub fn write(&self, block: &mut [u8]) {
        assert!(block.len() >= 64 && block.len().is_multiple_of(8), "block of {} bytes", block.len());
        block[0..8].copy_from_slice(&MAGIC.to_le_bytes());
        block[8..16].copy_from_slice(&self.lba.to_le_bytes());
        block[16..24].copy_from_slice(&self.seed.to_le_bytes());
        block[24..32].copy_from_slice(&u64::from(self.generation).to_le_bytes());
        fill(&mut block[HEADER_BYTES..], self.key());
        let body = block.len() - CRC_BYTES;
        let crc = crc32c(&block[..body]);
        block[body..].copy_from_slice(&crc.to_le_bytes());
    }

    /// First byte at which `block` differs from what this stamp writes, or `None` if it is equal.
    #[must_use]
    pub fn first_difference(&self, block: &[u8]) -> Option<usize> {
        let mut wanted = vec![0; block.len()];
        self.write(&mut wanted);
        wanted.iter().zip(block).position(|(a, b)| a != b)
    }

    fn key(&self) -> u64 {
        mix(self.seed ^ mix(self.lba ^ mix(u64::from(self.generation))))
    }
}

fn fill(words: &mut [u8], key: u64) {
    let mut word = key;
    for chunk in words.chunks_exact_mut(8) {
        chunk.copy_from_slice(&word.to_le_bytes());
        word = word.wrapping_add(STEP);
    }
}

/// CRC32C (Castagnoli), as in NVMe/TCP digests.
fn crc32c(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).expect("a 32-bit CRC")
}

/// The stamp a header claims, before anything is proved.
fn claimed(block: &[u8]) -> Option<Stamp> {
    let word = |at: usize| block.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let generation = u32::try_from(word(24)?).ok()?;
    (word(0)? == MAGIC).then_some(Stamp { lba: word(8)?, seed: word(16)?, generation })
}

/// Reads a block back.
#[must_use]
pub fn inspect(block: &[u8]) -> Content {
    match claimed(block) {
        Some(stamp) if is_whole(block) => Content::Stamped(stamp),
        None if block.iter().all(|&b| b == 0) => Content::Zeroes,
        _ => Content::Damaged,
    }
}

/// The stamp a damaged block still seems to carry, for the report.
#[must_use]
pub fn remains(block: &[u8]) -> Option<Stamp> {
    claimed(block)
}

fn is_whole(block: &[u8]) -> bool {
    let (body, crc) = block.split_at(block.len() - CRC_BYTES);
    crc32c(body).to_le_bytes() == crc
}

#[cfg(test)]
mod test {
    use super::*;

    const STAMP: Stamp = Stamp { lba: 77, seed: 0xfeed, generation: 3 };

    #[test]
    fn written_stamps_are_read_back() {
        for length in [512, 520, 4096] {
            let mut block = vec![0xaa; length];
            STAMP.write(&mut block);
            assert_eq!(inspect(&block), Content::Stamped(STAMP));
            assert_eq!(STAMP.first_difference(&block), None);
        }
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let mut block = vec![0; 512];
        STAMP.write(&mut block);
        for at in 0..512 {
            block[at] ^= 1;
            assert_eq!(inspect(&block), Content::Damaged, "byte {at}");
            assert_eq!(STAMP.first_difference(&block), Some(at));
            block[at] ^= 1;
        }
    }

    #[test]
    fn torn_blocks_are_damaged() {
        let (mut old, mut new) = (vec![0; 4096], vec![0; 4096]);
        STAMP.write(&mut old);
        Stamp { generation: 4, ..STAMP }.write(&mut new);
        for cut in (512..4096).step_by(512) {
            let torn = [&new[..cut], &old[cut..]].concat();
            assert_eq!(inspect(&torn), Content::Damaged, "cut at {cut}");
        }
    }

    #[test]
    fn zeroes_are_told_from_damage() {
        let mut block = vec![0; 512];
        assert_eq!(inspect(&block), Content::Zeroes);
        block[511] = 1;
        assert_eq!(inspect(&block), Content::Damaged);
    }

    #[test]
    fn layout_is_pinned() {
        let mut block = vec![0; 64];
        Stamp { lba: 1, seed: 2, generation: 3 }.write(&mut block);
        assert_eq!(&block[..8], b"SLSTAMP1");
        assert_eq!(block[8..32], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the published check value");
    }
}
