//! Reads on the long way: from several extents into one buffer, by way of ours.

use sluice_device::{Buffer, IoError, Nanos, Op};

use super::super::format::BLOCK_BYTES_32;
use super::super::long::{Kind, PartKind};
use super::super::volume::Span;
use super::Engine;
use super::submit::Begun;
use crate::VolumeIo;
use crate::map::{Extent, Place};

impl Engine {
    pub(super) fn begin_long_read(&mut self, _now: Nanos, io: &mut VolumeIo, span: Span) -> Begun {
        if !self.longs.has_room() {
            return Begun::No;
        }
        self.scratch.clear();
        let at = self.take_long(io, span, Kind::Read, false);
        self.step_read(at);
        Begun::Yes
    }

    /// Sends what buffers allow; the last part to come back ends the I/O.
    pub(super) fn step_read(&mut self, at: u32) {
        let end = self.longs.get(at).span.blocks().end;
        while self.longs.get(at).cursor < end && self.longs.get(at).error.is_none() {
            if !self.read_extent(at, end) {
                return self.hunger(at);
            }
        }
        if self.longs.get(at).parts == 0 {
            self.data_done(at);
        }
    }

    /// Reads from the cursor on what lies in one piece. False: there is no buffer.
    fn read_extent(&mut self, at: u32, end: u64) -> bool {
        let long = self.longs.get_mut(at);
        let mut extents = [Extent::default(); 1];
        let map = &self.table.volume(long.slot).map;
        let _one = self.forest.lookup(map, long.cursor..end, &mut extents);
        let (start, mut blocks) = (long.cursor, extents[0].blocks);
        if let Place::Mapped { .. } = extents[0].place {
            blocks = blocks.min(u64::from(self.buffers.large.length() / BLOCK_BYTES_32));
        }
        let part = long.span.within(&(start..start + blocks));
        let offset = u32::try_from(part.start - long.span.start).expect("within the buffer");
        let bytes = u32::try_from(part.bytes()).expect("within the buffer");
        match extents[0].place {
            Place::Hole => fill(long.buffer.as_mut(), offset, bytes),
            Place::Mapped { block, .. } => {
                let small = bytes <= BLOCK_BYTES_32;
                let shelf = if small { &mut self.buffers.small } else { &mut self.buffers.large };
                let Some(mut buffer) = shelf.take() else { return false };
                buffer.set_len(bytes);
                let what = PartKind::Read { offset, bytes, small };
                self.send_part(at, what, Op::Read, block, part, Some(buffer));
            }
        }
        self.longs.get_mut(at).cursor += blocks;
        true
    }

    /// Takes what a part read.
    pub(super) fn complete_read(
        &mut self,
        at: u32,
        place: (u32, u32, bool),
        result: Result<(), IoError>,
        zeroes: bool,
        buffer: Buffer,
    ) {
        let (offset, bytes, small) = place;
        let long = self.longs.get_mut(at);
        match (result, &mut long.buffer) {
            (Err(error), _) => long.error = Some(error),
            (Ok(()), host) if zeroes => fill(host.as_mut(), offset, bytes),
            (Ok(()), Some(host)) => {
                let (from, length) = (offset as usize, bytes as usize);
                host[from..from + length].copy_from_slice(&buffer[..length]);
            }
            (Ok(()), None) => unreachable!("a read brings its buffer"),
        }
        let shelf = if small { &mut self.buffers.small } else { &mut self.buffers.large };
        shelf.give(buffer);
        if !self.longs.get(at).hungry {
            self.step_read(at);
        }
    }
}

fn fill(buffer: Option<&mut Buffer>, offset: u32, bytes: u32) {
    let buffer = buffer.expect("a read brings its buffer");
    buffer[offset as usize..(offset + bytes) as usize].fill(0);
}
