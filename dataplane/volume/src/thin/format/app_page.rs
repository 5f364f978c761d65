//! A page with one application.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the checkpoint's |
//! | 48..64 | reserved | zero |
//! | 64.. | app | the [application](super::app); the rest is zero |

use uuid::Uuid;

use super::{BLOCK_BYTES, Damage, Head, Kind, PageRef, app};
use crate::thin::app::AppRecord;

const APP: usize = 64;

const _: () = assert!(APP + app::MAX_BYTES <= BLOCK_BYTES);

/// Writes the page.
pub(crate) fn encode(record: &AppRecord, pool: Uuid, page: (u64, u64), block: &mut [u8]) {
    let (address, generation) = page;
    block.fill(0);
    app::encode(record, &mut block[APP..APP + app::bytes(record)]);
    Head { kind: Kind::App, pool, generation, address }.seal(block);
}

/// The application of a page.
pub(crate) fn decode(page: PageRef, pool: Uuid, block: &[u8]) -> Result<AppRecord, Damage> {
    let generation = Head::open(block, Kind::App, pool, page.address())?;
    if !page.admits(generation) {
        return Err(Damage::Generation);
    }
    let blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let (app, rest) = app::decode(&block[APP..])?;
    if blank(&block[Head::BYTES..APP]) && blank(rest) {
        Ok(app)
    } else {
        Err(Damage::Contents("an application's page has unknown contents"))
    }
}
