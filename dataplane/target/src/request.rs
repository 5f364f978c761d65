//! A command on its way through the reactor: the request slot, whose index is the device tag and the
//! transfer context.

use crate::connection::{ConnectionKey, Namespace};
use crate::plan::{Extent, Plan};
use crate::stats::Kind;
use sluice_device::{Buffer, Nanos, Op, Pool};
use sluice_nvme::dsm::DsmRange;
use sluice_nvme::status::Status;
use sluice_qos::Tag;
use sluice_volume::VolumeIndex;
use zerocopy::FromBytes;

/// Where a request stands.
///
/// ```text
///  command --+--> Waiting ----buffer----+--> Receiving ---all data---+--> Held ---its turn---+--> Submitted --> done
///            |  (no buffer is free)     |   (R2T is out)             |   (a limit, others)   |
///            +--------------------------+----------------------------+-----------------------+
///
///  read -----+--> Held ---its turn---+--> Parked ----buffer----+--> Submitted --> done
///            |   (a limit, others)   |  (no buffer is free)    |
///            +-----------------------+-------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// For a buffer.
    Waiting,
    /// For the host's data.
    Receiving,
    /// For its turn: the scheduler has it.
    Held,
    /// For a buffer, though its turn has come.
    Parked,
    /// At the volume, or queued for it.
    Submitted,
}

/// One I/O command.
pub(crate) struct Request {
    pub(crate) connection: ConnectionKey,
    pub(crate) cid: u16,
    pub(crate) state: State,
    pub(crate) volume: VolumeIndex,
    /// Whose it is; `None`: nothing is scheduled.
    pub(crate) tag: Option<Tag>,
    /// What is to be done at the volume next.
    pub(crate) op: Op,
    pub(crate) extent: Extent,
    pub(crate) block_shift: u32,
    pub(crate) plan: Plan,
    pub(crate) started: Nanos,
    /// The host's data, or the place for what is read.
    pub(crate) buffer: Option<Buffer>,
    /// Compare only: the place for what the volume holds.
    pub(crate) second: Option<Buffer>,
    /// Capacity of both, in bytes.
    pub(crate) held_bytes: u64,
    /// Whether all of the host's data are in `buffer`.
    pub(crate) data_here: bool,
    /// What is left of a Write Zeroes command or of the current range of Dataset Management: devices take
    /// less at once than those commands may ask for.
    pub(crate) rest: Extent,
    /// The next range of a Dataset Management command.
    pub(crate) next_range: u32,
    /// Set when an Abort command reached it before it was submitted.
    pub(crate) aborted: bool,
}

impl Request {
    pub(crate) fn new(
        connection: ConnectionKey,
        cid: u16,
        namespace: &Namespace,
        plan: Plan,
        started: Nanos,
    ) -> Self {
        let Namespace { volume, tag, shape, .. } = *namespace;
        let bare = Self::bare(connection, volume, plan, started);
        Self { cid, tag: Some(tag), block_shift: shape.block_shift, ..bare }
    }

    fn bare(connection: ConnectionKey, volume: VolumeIndex, plan: Plan, started: Nanos) -> Self {
        Self {
            connection,
            cid: 0,
            state: State::Waiting,
            volume,
            tag: None,
            op: Op::Flush,
            extent: Extent { lba: 0, blocks: 0 },
            block_shift: 0,
            plan,
            started,
            buffer: None,
            second: None,
            held_bytes: 0,
            data_here: false,
            rest: Extent { lba: 0, blocks: 0 },
            next_range: 0,
            aborted: false,
        }
    }

    /// Bytes of blocks that travel.
    pub(crate) fn transfer_bytes(&self) -> u32 {
        match self.plan {
            Plan::Read(extent) | Plan::Write { extent, .. } | Plan::Compare(extent) => {
                extent.blocks << self.block_shift
            }
            _ => 0,
        }
    }

    /// Bytes that the host sends with the command.
    pub(crate) fn bytes_from_host(&self) -> u32 {
        match self.plan {
            Plan::Deallocate { bytes, .. } => bytes,
            Plan::Read(_) => 0,
            _ => self.transfer_bytes(),
        }
    }

    /// Data memory that the command needs, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let buffers = if matches!(self.plan, Plan::Compare(_)) { 2 } else { 1 };
        buffers * u64::from(self.buffer_bytes())
    }

    /// Whether it needs its memory before its turn: for the host's data. What is read wants it only then, so that a
    /// host held back by its limit holds none.
    pub(crate) fn wants_memory_first(&self) -> bool {
        !matches!(self.plan, Plan::Read(_))
    }

    /// The size of each buffer it needs.
    pub(crate) fn buffer_bytes(&self) -> u32 {
        self.transfer_bytes().max(self.bytes_from_host())
    }

    /// Takes the memory it needs from the pool, all or nothing. A buffer that holds the host's data stays.
    pub(crate) fn take_memory(&mut self, pool: &Pool) -> bool {
        let length = self.buffer_bytes();
        let wants_second = matches!(self.plan, Plan::Compare(_)) && self.second.is_none();
        let second = if wants_second { pool.take(length) } else { None };
        if wants_second && second.is_none() {
            return false;
        }
        self.buffer = self.buffer.take().or_else(|| pool.take(length));
        if self.buffer.is_none() {
            return false;
        }
        self.second = self.second.take().or(second);
        self.held_bytes = [&self.buffer, &self.second].into_iter().flatten().map(capacity_bytes).sum();
        true
    }

    /// The buffer that goes with `op` to the volume.
    pub(crate) fn buffer_for(&mut self, op: Op) -> Option<Buffer> {
        match (op, self.plan) {
            (Op::Read, Plan::Compare(_)) => self.second.take(),
            (Op::Read | Op::Write { .. }, _) => self.buffer.take(),
            _ => None,
        }
    }

    /// Whether what the volume holds is what the host sent.
    pub(crate) fn compare(&self, zeroes: bool, held: Option<&[u8]>) -> Status {
        let length = self.transfer_bytes() as usize;
        let sent = self.buffer.as_deref().and_then(|sent| sent.get(..length)).unwrap_or_default();
        let equal = match held.and_then(|held| held.get(..length)) {
            _ if zeroes => sent.iter().all(|byte| *byte == 0),
            Some(held) => sent == held,
            None => false,
        };
        if equal { Status::SUCCESS } else { Status::COMPARE_FAILURE.dnr() }
    }

    /// What it counts as.
    pub(crate) fn kind(&self) -> Kind {
        match self.plan {
            Plan::Read(_) => Kind::Read,
            Plan::Write { .. } => Kind::Write,
            _ => Kind::Other,
        }
    }

    /// The first block it names; 0 if none.
    pub(crate) fn lba(&self) -> u64 {
        match self.plan {
            Plan::Read(extent)
            | Plan::Write { extent, .. }
            | Plan::Compare(extent)
            | Plan::WriteZeroes { extent, .. } => extent.lba,
            Plan::Deallocate { .. } | Plan::Flush => 0,
        }
    }

    /// Bytes that the command moves, compares or zeroes, for the statistics.
    pub(crate) fn bytes(&self) -> u64 {
        match self.plan {
            Plan::WriteZeroes { extent, .. } => u64::from(extent.blocks) << self.block_shift,
            _ => u64::from(self.transfer_bytes()),
        }
    }

    /// The first device operation.
    pub(crate) fn first_piece(&mut self, limits: &PieceLimits) -> Option<Result<(Op, Extent), Status>> {
        match self.plan {
            Plan::Read(extent) | Plan::Compare(extent) => Some(Ok((Op::Read, extent))),
            Plan::Write { extent, fua } => Some(Ok((Op::Write { fua }, extent))),
            Plan::Flush => Some(Ok((Op::Flush, Extent { lba: 0, blocks: 0 }))),
            Plan::WriteZeroes { extent, .. } => {
                self.rest = extent;
                self.next_piece(limits)
            }
            Plan::Deallocate { .. } => self.next_piece(limits),
        }
    }

    /// The device operation that follows when one has completed; `None`: the command is done.
    pub(crate) fn next_piece(&mut self, limits: &PieceLimits) -> Option<Result<(Op, Extent), Status>> {
        match self.plan {
            Plan::WriteZeroes { fua, deallocate, .. } => {
                let piece = self.cut(limits.write_zeroes_blocks)?;
                Some(Ok((Op::WriteZeroes { fua, deallocate }, piece)))
            }
            Plan::Deallocate { .. } if limits.deallocate_blocks > 0 => {
                if self.rest.blocks == 0 {
                    match self.take_range(limits.blocks_in_namespace)? {
                        Ok(range) => self.rest = range,
                        Err(status) => return Some(Err(status)),
                    }
                }
                Some(Ok((Op::Deallocate, self.cut(limits.deallocate_blocks)?)))
            }
            _ => None,
        }
    }

    /// Takes up to `most` blocks off the rest.
    fn cut(&mut self, most: u32) -> Option<Extent> {
        let blocks = self.rest.blocks.min(most);
        let piece = Extent { lba: self.rest.lba, blocks };
        self.rest = Extent { lba: self.rest.lba + u64::from(blocks), blocks: self.rest.blocks - blocks };
        (blocks > 0).then_some(piece)
    }

    /// The next range that has blocks; those without are skipped (NVM Command Set section 3.2.3).
    fn take_range(&mut self, blocks_in_namespace: u64) -> Option<Result<Extent, Status>> {
        let Plan::Deallocate { ranges, .. } = self.plan else {
            return None;
        };
        let list = self.buffer.as_ref()?;
        while self.next_range < ranges {
            let at = self.next_range as usize * size_of::<DsmRange>();
            self.next_range += 1;
            let (range, _) = DsmRange::read_from_prefix(list.get(at..)?).ok()?;
            let (blocks, lba) = (range.nlb.get(), range.slba.get());
            if blocks > 0 {
                return Some(check_range(lba, blocks, blocks_in_namespace));
            }
        }
        None
    }
}

/// What a buffer takes from the pool, however little of it is used.
pub(crate) fn capacity_bytes(buffer: &Buffer) -> u64 {
    u64::from(buffer.capacity())
}

/// How much one device operation may cover, in blocks of the volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PieceLimits {
    pub(crate) write_zeroes_blocks: u32,
    /// 0: the device does not deallocate, and the hint is dropped.
    pub(crate) deallocate_blocks: u32,
    pub(crate) blocks_in_namespace: u64,
}

fn check_range(lba: u64, blocks: u32, blocks_in_namespace: u64) -> Result<Extent, Status> {
    match lba.checked_add(u64::from(blocks)) {
        Some(end) if end <= blocks_in_namespace => Ok(Extent { lba, blocks }),
        _ => Err(Status::LBA_OUT_OF_RANGE.dnr()),
    }
}
