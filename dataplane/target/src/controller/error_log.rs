//! The Error Information log of a controller: the last failures, newest first (NVMe Base section 5.16.1.2).

use crate::config::ERROR_LOG_ENTRIES;
use crate::plan::NSID;
use sluice_nvme::log::discovery::TransportType;
use sluice_nvme::log::error::{ErrorEntry, ParameterErrorLocation};
use sluice_nvme::status::Status;
use std::collections::VecDeque;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

/// A bounded log.
#[derive(Debug)]
pub(super) struct ErrorLog {
    entries: VecDeque<ErrorEntry>,
    count: u64,
}

impl ErrorLog {
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::with_capacity(ERROR_LOG_ENTRIES), count: 0 }
    }

    /// Errors ever logged.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn push(&mut self, qid: u16, cid: u16, status: Status, lba: u64) {
        self.count += 1;
        self.entries.truncate(ERROR_LOG_ENTRIES - 1);
        self.entries.push_front(ErrorEntry {
            error_count: U64::new(self.count),
            sqid: U16::new(qid),
            cid: U16::new(cid),
            status: U16::new(status.to_cqe_field()),
            location: ParameterErrorLocation::NONE,
            lba: U64::new(lba),
            nsid: U32::new(NSID),
            trtype: TransportType::Tcp.wire(),
            ..ErrorEntry::default()
        });
    }

    /// The page: every entry there can be, unused ones zero.
    pub(super) fn page(&self) -> Vec<u8> {
        let mut page = vec![0; ERROR_LOG_ENTRIES * size_of::<ErrorEntry>()];
        for (place, entry) in page.chunks_exact_mut(size_of::<ErrorEntry>()).zip(&self.entries) {
            place.copy_from_slice(entry.as_bytes());
        }
        page
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn newest_first_and_bounded() {
        let mut log = ErrorLog::new();
        for lba in 0..65 {
            log.push(1, 2, Status::LBA_OUT_OF_RANGE.dnr(), lba);
        }
        let page = log.page();
        assert_eq!((page.len(), log.count()), (4096, 65));
        assert_eq!((page[0], page[16]), (65, 64), "count and LBA of the newest");
        assert_eq!((page[63 * 64], page[63 * 64 + 16]), (2, 1), "the oldest fell out");
        assert_eq!(page[12..14], [0x00, 0x81], "status field above the phase tag");
    }
}
