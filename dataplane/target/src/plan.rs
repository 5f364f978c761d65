//! What an I/O command asks for: the entry checked against its namespace, before anything is taken.
//!
//! Pure: an entry and a namespace in, a [`Plan`] or the status to answer with out. The service then only
//! carries plans out, and each rule of the NVM Command Set is told and tested here once.

use sluice_nvme::dsm::DatasetManagement;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::{PSDT_SGL, Sqe};
use sluice_nvme::status::Status;

/// The only namespace of a volume's subsystem.
pub const NSID: u32 = 1;
/// The namespace identifier that means all namespaces.
pub const NSID_ALL: u32 = 0xffff_ffff;
/// Most data of a Dataset Management command: 256 ranges of 16 bytes (NVM Command Set section 3.2.3).
pub const DSM_BYTES: u32 = 4096;

/// What a plan is made against.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Size of the namespace, in blocks.
    pub blocks: u64,
    /// Block size as a power of two: 9 or 12.
    pub block_shift: u32,
    /// Largest transfer, in bytes.
    pub max_transfer_bytes: u32,
    /// Largest in-capsule data, in bytes.
    pub in_capsule_bytes: u32,
}

/// What to do. Lengths of data follow from the blocks: `blocks << block_shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read blocks to the host.
    Read(Extent),
    /// Write blocks from the host.
    Write {
        /// Where to.
        extent: Extent,
        /// Force Unit Access.
        fua: bool,
    },
    /// Compare blocks with the host's.
    Compare(Extent),
    /// Make blocks read as zeroes.
    WriteZeroes {
        /// Which.
        extent: Extent,
        /// Force Unit Access.
        fua: bool,
        /// The host does not need the space kept.
        deallocate: bool,
    },
    /// Give up the ranges that the host's data list.
    Deallocate {
        /// Number of ranges, 1 to 256; 0 when the command gives hints only.
        ranges: u32,
        /// Bytes that the host sends: at least the ranges', at most 4096. Linux always sends 4096.
        bytes: u32,
    },
    /// Make what was written durable.
    Flush,
}

/// Contiguous blocks of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First block.
    pub lba: u64,
    /// Number of blocks, 1 to 65536.
    pub blocks: u32,
}

impl Plan {
    /// Bytes that the host sends with the command.
    #[must_use]
    pub fn bytes_from_host(&self, shape: &Shape) -> u32 {
        match self {
            Self::Write { extent, .. } | Self::Compare(extent) => extent.blocks << shape.block_shift,
            Self::Deallocate { bytes, .. } => *bytes,
            _ => 0,
        }
    }
}

/// Checks an entry.
///
/// # Errors
/// The status to complete the command with.
pub fn plan(sqe: &Sqe, shape: &Shape) -> Result<Plan, Status> {
    let opcode = NvmOpcode::from_wire(sqe.opcode).ok_or(Status::INVALID_OPCODE.dnr())?;
    if sqe.fuse() != 0 {
        return Err(Status::INVALID_FIELD.dnr());
    }
    let nsid = sqe.nsid.get();
    if nsid != NSID && !(opcode == NvmOpcode::Flush && nsid == NSID_ALL) {
        return Err(Status::INVALID_NAMESPACE.dnr());
    }
    let plan = match opcode {
        NvmOpcode::Read => Plan::Read(transfer(sqe, shape)?),
        NvmOpcode::Write => Plan::Write { extent: transfer(sqe, shape)?, fua: sqe.fua() },
        NvmOpcode::Compare => Plan::Compare(transfer(sqe, shape)?),
        NvmOpcode::WriteZeroes => {
            Plan::WriteZeroes { extent: extent(sqe, shape)?, fua: sqe.fua(), deallocate: sqe.deallocate() }
        }
        NvmOpcode::DatasetManagement => dataset_management(sqe)?,
        NvmOpcode::Flush => Plan::Flush,
        _ => return Err(Status::INVALID_OPCODE.dnr()),
    };
    check_sgl(sqe, &plan, shape)?;
    Ok(plan)
}

fn extent(sqe: &Sqe, shape: &Shape) -> Result<Extent, Status> {
    let (lba, blocks) = (sqe.slba(), sqe.nlb());
    match lba.checked_add(u64::from(blocks)) {
        Some(end) if end <= shape.blocks => Ok(Extent { lba, blocks }),
        _ => Err(Status::LBA_OUT_OF_RANGE.dnr()),
    }
}

/// An extent whose data travel, so that MDTS holds.
fn transfer(sqe: &Sqe, shape: &Shape) -> Result<Extent, Status> {
    // 65536 blocks of 4096 bytes are 2^28: no overflow. MDTS first: its answer does not depend on the namespace's size.
    if sqe.nlb() << shape.block_shift > shape.max_transfer_bytes {
        return Err(Status::INVALID_FIELD.dnr());
    }
    extent(sqe, shape)
}

fn dataset_management(sqe: &Sqe) -> Result<Plan, Status> {
    let command = DatasetManagement::from_sqe(sqe);
    let bytes = sgl_length(sqe)?;
    if !(command.data_bytes()..=DSM_BYTES).contains(&bytes) {
        return Err(Status::SGL_DATA_LENGTH_INVALID.dnr());
    }
    // Without the attribute the command is a hint about access patterns; its data are taken and dropped.
    let ranges = if command.attributes.ad() { u32::try_from(command.ranges()).unwrap_or(0) } else { 0 };
    Ok(Plan::Deallocate { ranges, bytes })
}

/// The data pointer must describe exactly the data that the command moves.
fn check_sgl(sqe: &Sqe, plan: &Plan, shape: &Shape) -> Result<(), Status> {
    let from_host = plan.bytes_from_host(shape);
    let expected = match plan {
        Plan::Read(extent) => extent.blocks << shape.block_shift,
        _ => from_host,
    };
    if expected == 0 {
        return Ok(());
    }
    if sgl_length(sqe)? != expected {
        return Err(Status::SGL_DATA_LENGTH_INVALID.dnr());
    }
    match sqe.sgl() {
        Sgl::InCapsule { .. } if from_host == 0 => Err(Status::SGL_TYPE_INVALID.dnr()),
        Sgl::InCapsule { .. } if expected > shape.in_capsule_bytes => {
            Err(Status::SGL_DATA_LENGTH_INVALID.dnr())
        }
        _ => Ok(()),
    }
}

fn sgl_length(sqe: &Sqe) -> Result<u32, Status> {
    if sqe.psdt() != PSDT_SGL {
        return Err(Status::INVALID_FIELD.dnr());
    }
    match sqe.sgl() {
        Sgl::Transport { length } | Sgl::InCapsule { offset: 0, length } => Ok(length),
        Sgl::InCapsule { .. } => Err(Status::SGL_OFFSET_INVALID.dnr()),
        Sgl::Other(_) => Err(Status::SGL_TYPE_INVALID.dnr()),
    }
}

#[cfg(test)]
mod test;
