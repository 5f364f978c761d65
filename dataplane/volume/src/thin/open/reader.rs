//! Reading metadata: whatever blocks are wanted, in pieces as large as a buffer, a few at a time, each once.

use std::collections::{BTreeSet, VecDeque};

use sluice_device::{Buffer, Completion, IoError, Op, Request};

use super::super::buffers::Shelf;
use super::super::format::{BLOCK_BYTES, BLOCK_BYTES_32, Damage};
use super::super::geometry::Geometry;
use super::super::hash::NumberMap;
use super::super::tag::Own;

/// How often a piece that the medium does not give is asked for again.
const RETRIES: u32 = 2;

/// Pieces in flight.
const FLIGHTS: usize = 4;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Reader {
    geometry: Geometry,
    piece_blocks: u64,
    queue: VecDeque<u64>,
    asked: BTreeSet<u64>,
    flights: [Option<u64>; FLIGHTS],
    /// Pieces that had to be asked for again, and how often.
    again: NumberMap<u64, u32>,
    /// By piece; `None`: the medium does not give it.
    pieces: NumberMap<u64, Option<Box<[u8]>>>,
    /// Anything but a medium's error.
    pub(crate) error: Option<IoError>,
}

impl Reader {
    pub(crate) fn new(geometry: Geometry, piece_bytes: u32) -> Self {
        Self {
            geometry,
            piece_blocks: u64::from(piece_bytes / BLOCK_BYTES_32),
            queue: VecDeque::new(),
            asked: BTreeSet::new(),
            flights: [None; FLIGHTS],
            again: NumberMap::default(),
            pieces: NumberMap::default(),
            error: None,
        }
    }

    /// Asks for a block, by its address in blocks of 4096 bytes.
    pub(crate) fn want(&mut self, address: u64) {
        let piece = address / self.piece_blocks;
        if self.asked.insert(piece) {
            self.queue.push_back(piece);
        }
    }

    /// Whether all that was asked for is here.
    pub(crate) fn is_done(&self) -> bool {
        self.error.is_some() && self.is_quiet() || self.queue.is_empty() && self.is_quiet()
    }

    /// Pieces that were read, and that were asked for.
    pub(crate) fn pieces(&self) -> (u64, u64) {
        (self.pieces.len() as u64, self.asked.len() as u64)
    }

    /// Length of a piece.
    pub(crate) fn piece_bytes(&self) -> u64 {
        self.piece_blocks * u64::from(BLOCK_BYTES_32)
    }

    /// Whether nothing is at the device.
    pub(crate) fn is_quiet(&self) -> bool {
        self.flights.iter().all(Option::is_none)
    }

    /// A block that was asked for.
    pub(crate) fn block(&self, address: u64) -> Result<&[u8], Damage> {
        let piece = self.pieces.get(&(address / self.piece_blocks)).and_then(Option::as_ref);
        let from = usize::try_from(address % self.piece_blocks).expect("a piece is short") * BLOCK_BYTES;
        piece.and_then(|piece| piece.get(from..from + BLOCK_BYTES)).ok_or(Damage::Unreadable)
    }

    /// The next request, if there is one to send.
    pub(crate) fn next(&mut self, buffers: &mut Shelf) -> Option<Request> {
        if self.error.is_some() || self.queue.is_empty() {
            return None;
        }
        let flight = self.flights.iter().position(Option::is_none)?;
        let buffer = buffers.take()?;
        let piece = self.queue.pop_front()?;
        self.flights[flight] = Some(piece);
        let address = piece * self.piece_blocks;
        let device_blocks = self.geometry.device_bytes / u64::from(BLOCK_BYTES_32);
        let blocks = self.piece_blocks.min(device_blocks.saturating_sub(address));
        let ratio = self.geometry.ratio();
        Some(Request {
            tag: Own::Load.tag(flight as u64),
            op: Op::Read,
            lba: self.geometry.lba(address),
            blocks: u32::try_from(blocks).expect("a piece is short") * ratio,
            buffer: Some(buffer),
        })
    }

    /// Takes a piece.
    pub(crate) fn complete(&mut self, flight: u32, completion: Completion) -> Buffer {
        let piece = self.flights[flight as usize].take().expect("it was in flight");
        let buffer = completion.buffer.expect("a device hands back what it was given");
        let bytes = match completion.result {
            Ok(()) if completion.zeroes => Some(vec![0; buffer.len()].into()),
            Ok(()) => Some(buffer.as_ref().into()),
            Err(IoError::Media) if self.may_retry(piece) => {
                self.queue.push_back(piece);
                return buffer;
            }
            Err(IoError::Media) => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        };
        self.pieces.insert(piece, bytes);
        buffer
    }

    fn may_retry(&mut self, piece: u64) -> bool {
        let tries = self.again.entry(piece).or_insert(0);
        *tries += 1;
        *tries <= RETRIES
    }

    /// Forgets what was read.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.asked.clear();
    }
}
