//! I/O commands.

use std::ops::Range;

use sluice_nvme::dsm::DsmRange;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sgl::SglDescriptor;
use sluice_nvme::sqe::{PSDT_SGL, Sqe};
use sluice_nvme::status::Status;
use zerocopy::FromBytes;

use super::admin::prp;
use super::machine::Machine;

const PAGE: u64 = 4096;

impl Machine {
    pub(super) fn execute_io(&mut self, entry: &Sqe) -> Status {
        if self.sanitizing.is_busy() {
            return Status::SANITIZE_IN_PROGRESS;
        }
        let done = match NvmOpcode::from_wire(entry.opcode) {
            Some(NvmOpcode::Read) => self.transfer(entry, false),
            Some(NvmOpcode::Write) => self.transfer(entry, true),
            Some(NvmOpcode::Flush) => {
                self.counts.flushes += 1;
                Ok(())
            }
            Some(NvmOpcode::WriteZeroes) if self.config.clears => {
                self.bytes(entry.slba(), entry.nlb()).map(|range| self.disk[range].fill(0))
            }
            Some(NvmOpcode::DatasetManagement) if self.config.clears => self.deallocate(entry),
            _ => Err(Status::INVALID_OPCODE.dnr()),
        };
        done.err().unwrap_or(Status::SUCCESS)
    }

    /// The disk's bytes of some blocks.
    fn bytes(&self, slba: u64, blocks: u32) -> Result<Range<usize>, Status> {
        let end = slba.checked_add(u64::from(blocks)).filter(|end| *end <= self.config.blocks);
        let block = u64::from(self.config.block_size);
        let at = |lba: u64| usize::try_from(lba * block).expect("a small disk");
        end.map(|end| at(slba)..at(end)).ok_or(Status::LBA_OUT_OF_RANGE.dnr())
    }

    fn transfer(&mut self, entry: &Sqe, to_disk: bool) -> Result<(), Status> {
        let range = self.bytes(entry.slba(), entry.nlb())?;
        if self.config.mdts > 0 && range.len() as u64 > PAGE << self.config.mdts {
            return Err(Status::INVALID_FIELD.dnr());
        }
        let mut done = range.start;
        for (address, length) in self.pieces(entry, range.len() as u64)? {
            let piece = done..done + usize::try_from(length).expect("a small transfer");
            done = piece.end;
            let moved = match to_disk {
                true => self.memory.read(address, &mut self.disk[piece]),
                false => self.memory.write(address, &self.disk[piece]),
            };
            self.counts.stray += u64::from(moved.is_none());
            moved.ok_or(Status::DATA_TRANSFER_ERROR.dnr())?;
        }
        Ok(())
    }

    /// Where the data of a transfer are: address and length of each piece.
    fn pieces(&mut self, entry: &Sqe, length: u64) -> Result<Vec<(u64, u64)>, Status> {
        if entry.psdt() == PSDT_SGL {
            return self.sgl(entry, length);
        }
        let [first, second] = prp(entry);
        let mut pieces = vec![(first, length.min(PAGE - first % PAGE))];
        let rest = length - pieces[0].1;
        if rest <= PAGE {
            pieces.extend((rest > 0).then_some((second, rest)));
        } else {
            let mut list = vec![0; usize::try_from(rest.div_ceil(PAGE) * 8).expect("a short list")];
            // A list must not run over its page, where its last entry would point at the rest of it.
            assert!(second % PAGE + list.len() as u64 <= PAGE, "a list in one page");
            self.memory.read(second, &mut list).ok_or(Status::DATA_TRANSFER_ERROR.dnr())?;
            let (addresses, _) = list.as_chunks::<8>();
            for (index, address) in (0..).zip(addresses) {
                pieces.push((u64::from_le_bytes(*address), PAGE.min(rest - index * PAGE)));
            }
        }
        let aligned = pieces[1..].iter().all(|(address, _)| address % PAGE == 0);
        if aligned { Ok(pieces) } else { Err(Status::PRP_OFFSET_INVALID.dnr()) }
    }

    fn sgl(&self, entry: &Sqe, length: u64) -> Result<Vec<(u64, u64)>, Status> {
        let descriptor: SglDescriptor = zerocopy::transmute!(entry.dptr);
        match (self.config.sgl, descriptor.identifier) {
            (false, _) => Err(Status::INVALID_FIELD.dnr()),
            (true, 0) if u64::from(descriptor.length.get()) == length => {
                Ok(vec![(descriptor.address.get(), length)])
            }
            (true, 0) => Err(Status::SGL_DATA_LENGTH_INVALID.dnr()),
            (true, _) => Err(Status::SGL_TYPE_INVALID.dnr()),
        }
    }

    fn deallocate(&mut self, entry: &Sqe) -> Result<(), Status> {
        let [address, _] = prp(entry);
        let mut bytes = [0; 16];
        self.memory.read(address, &mut bytes).ok_or(Status::DATA_TRANSFER_ERROR.dnr())?;
        let range = DsmRange::read_from_bytes(&bytes).expect("a range's bytes");
        let bytes = self.bytes(range.slba.get(), range.nlb.get())?;
        if !self.faults.keep {
            self.disk[bytes].fill(0);
        }
        Ok(())
    }
}
