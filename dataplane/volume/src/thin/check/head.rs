//! The first MiB: superblocks and marks.

use super::fault::Fault;
use super::finding::{Opening, Structure};
use super::ledger::{At, Ledger, Subject};
use crate::VolumeError;
use crate::thin::format::mark::Mark;
use crate::thin::format::superblock::Superblock;
use crate::thin::format::{Damage, FORMAT_VERSION, MARKS, SUPERBLOCKS};
use crate::thin::geometry::Geometry;
use crate::thin::open::reader::Reader;

type Copies = [(u64, Result<Superblock, Damage>); 2];

/// Counters never come this far.
const MAX_COUNT: u64 = u64::MAX >> 2;

/// The superblock that counts, if any does.
pub(super) fn superblock(reader: &Reader, ledger: &mut Ledger) -> Option<Superblock> {
    let copies: Copies = SUPERBLOCKS
        .map(|address| (address, reader.block(address).and_then(|block| Superblock::decode(address, block))));
    let newest = copies.iter().filter_map(|(_, copy)| copy.as_ref().ok()).max_by_key(|copy| copy.generation);
    let mut counts = true;
    for (address, copy) in &copies {
        let at = At(Structure::Superblock, *address);
        match (copy, newest) {
            (Err(damage), newest) => {
                let newer = matches!(damage, Damage::Version(version) if *version > FORMAT_VERSION);
                let mended = newest.is_some() && !newer;
                counts &= mended;
                let (subject, opening) = verdict(mended);
                ledger.note(at, *damage, subject, opening);
            }
            (Ok(copy), Some(newest)) if copy.generation < newest.generation => {
                let fault = Fault::Behind { found: copy.generation, newest: newest.generation };
                ledger.note(at, fault, Subject::Nobody, Opening::Mends);
            }
            (Ok(copy), Some(newest)) if copy != newest => {
                counts = false;
                let fault = Fault::Contradiction { generation: copy.generation };
                ledger.note(at, fault, Subject::Pool, Opening::Refuses);
            }
            _ => {}
        }
    }
    newest.filter(|_| counts).cloned()
}

fn verdict(mended: bool) -> (Subject, Opening) {
    if mended { (Subject::Nobody, Opening::Mends) } else { (Subject::Pool, Opening::Refuses) }
}

/// The pool's geometry on this device, if it fits.
pub(super) fn geometry(superblock: &Superblock, device: &Geometry, ledger: &mut Ledger) -> Option<Geometry> {
    let (recorded, actual) = (superblock.device_block_size, device.device_block_size);
    let (recorded_bytes, actual_bytes) = (superblock.device_bytes, device.device_bytes);
    let geometry = Geometry { journal_blocks: superblock.journal_blocks, ..*device };
    let fault = if recorded != actual {
        Fault::Refused(VolumeError::DeviceBlockSizeChanged { recorded, actual })
    } else if recorded_bytes > actual_bytes {
        Fault::Refused(VolumeError::DeviceShrunk { recorded_bytes, actual_bytes })
    } else if geometry.first_chunk() + geometry.reserve_chunks() >= geometry.chunks {
        Fault::Contents("its journal takes more than the device has")
    } else if superblock.generation.max(superblock.replay_from) > MAX_COUNT {
        Fault::Contents("its counters are beyond all use")
    } else {
        return Some(geometry);
    };
    ledger.note(At(Structure::Superblock, SUPERBLOCKS[0]), fault, Subject::Pool, Opening::Refuses);
    None
}

/// Both places of both pairs. A pair that is damaged in both was torn by a loss of power: the other counts, and what it
/// does not vouch for is proved.
pub(super) fn marks(reader: &Reader, superblock: &Superblock, ledger: &mut Ledger) {
    let read =
        |address| reader.block(address).and_then(|block| Mark::decode(superblock.pool, address, block));
    for pair in MARKS {
        let marks = pair.map(read);
        for (number, address) in pair.into_iter().enumerate() {
            let (mark, twin) = (&marks[number], marks[1 - number].as_ref().ok());
            if let Some(fault) = mark_fault(mark, twin, superblock.era) {
                let (subject, opening) = match fault {
                    Fault::Era { .. } => (Subject::Pool, Opening::Overlooks),
                    _ => (Subject::Nobody, Opening::Mends),
                };
                ledger.note(At(Structure::Mark, address), fault, subject, opening);
            }
        }
    }
}

fn mark_fault(mark: &Result<Mark, Damage>, twin: Option<&Mark>, era: u64) -> Option<Fault> {
    let current = twin.is_some_and(|twin| twin.era == era);
    match mark {
        // A place that this pool has not written yet.
        Err(Damage::Blank | Damage::OtherPool) if !current => None,
        Err(damage) => Some(Fault::from(*damage)),
        Ok(mark) if mark.era > era => Some(Fault::Era { era: mark.era }),
        Ok(mark) => {
            let twin = twin.filter(|twin| (twin.era, twin.number) > (mark.era, mark.number))?;
            Some(Fault::Behind { found: mark.number, newest: twin.number })
        }
    }
}
