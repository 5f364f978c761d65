//! Proving doubtful writes: the data must have the checksum that their record names.

use crc_fast::{CrcAlgorithm, Digest};
use sluice_device::{Buffer, Completion, IoError, Op, Request};

use super::super::buffers::Shelf;
use super::super::format::record::{Record, Write};
use super::super::format::{BLOCK_BYTES_32, CHUNK_BLOCKS};
use super::super::geometry::Geometry;
use super::super::tag::Own;
use super::scan::Scan;

/// Writes looked at at a time.
const LANES: usize = 4;

/// A write being looked at.
#[derive(Debug)]
struct Lane {
    at: usize,
    write: Write,
    /// Blocks read so far, and on their way.
    read: u32,
    flying: u32,
    digest: Digest,
    retries: u32,
}

/// How often data that the medium does not give are asked for again.
const RETRIES: u32 = 2;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Verify {
    lanes: [Option<Lane>; LANES],
    /// Positions of records that proved false.
    pub(crate) refuted: Vec<usize>,
    pub(crate) error: Option<IoError>,
}

impl Verify {
    /// Whether nothing is left to be looked at.
    pub(crate) fn is_done(&self, scan: &Scan) -> bool {
        let flying = self.lanes.iter().flatten().any(|lane| lane.flying > 0);
        let idle = self.lanes.iter().all(Option::is_none) && scan.doubtful.is_empty();
        !flying && (self.error.is_some() || idle)
    }

    /// The next request, if there is one to send.
    pub(crate) fn next(
        &mut self,
        scan: &mut Scan,
        geometry: &Geometry,
        buffers: &mut Shelf,
    ) -> Option<Request> {
        if self.error.is_some() {
            return None;
        }
        for number in 0..LANES {
            if self.lanes[number].is_none() {
                self.lanes[number] = begin(scan);
            }
            let Some(lane) = self.lanes[number].as_mut().filter(|lane| lane.flying == 0) else { continue };
            let mut buffer = buffers.take()?;
            let left = u32::from(lane.write.run.count) - lane.read;
            lane.flying = left.min(buffers.length() / BLOCK_BYTES_32);
            buffer.set_len(lane.flying * BLOCK_BYTES_32);
            let first = u64::from(lane.write.run.first) + u64::from(lane.read);
            let address = u64::from(lane.write.chunk) * u64::from(CHUNK_BLOCKS) + first;
            return Some(Request {
                tag: Own::Load.tag(number as u64),
                op: Op::Read,
                lba: geometry.lba(address),
                blocks: lane.flying * geometry.ratio(),
                buffer: Some(buffer),
            });
        }
        None
    }

    /// Takes what was read.
    pub(crate) fn complete(&mut self, number: u32, completion: Completion) -> Buffer {
        let place = &mut self.lanes[number as usize];
        let lane = place.as_mut().expect("it was being looked at");
        let mut buffer = completion.buffer.expect("a device hands back what it was given");
        if completion.zeroes {
            buffer.fill(0);
        }
        let blocks = std::mem::take(&mut lane.flying);
        if completion.result.is_ok() {
            lane.digest.update(&buffer);
            lane.read += blocks;
        }
        match completion.result {
            Err(IoError::Media) if lane.retries < RETRIES => {
                lane.retries += 1;
                return buffer;
            }
            // Nobody can tell whether it was written; what was there before can be read.
            Err(IoError::Media) => self.refuted.push(lane.at),
            Err(error) => self.error = Some(error),
            Ok(()) if lane.read < u32::from(lane.write.run.count) => return buffer,
            Ok(()) if lane.digest.finalize() == lane.write.data_crc64 => {}
            Ok(()) => self.refuted.push(lane.at),
        }
        *place = None;
        buffer
    }
}

fn begin(scan: &mut Scan) -> Option<Lane> {
    let at = scan.doubtful.pop_front()?;
    let Record::Write(write) = scan.records[at] else { unreachable!("only writes are doubtful") };
    Some(Lane { at, write, read: 0, flying: 0, digest: Digest::new(CrcAlgorithm::Crc64Nvme), retries: 0 })
}
