//! What a target can hold and do, and whether a job fits it.

use crate::num::index32;
use crate::spec::JobSpec;
use crate::workload::Region;

/// What a namespace or device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes per logical block.
    pub block_bytes: u32,
    /// Number of logical blocks.
    pub blocks: u64,
    /// Longest read or write in bytes.
    pub max_transfer_bytes: u32,
    /// Whether Dataset Management (deallocate) is supported.
    pub deallocate: bool,
    /// Whether Write Zeroes is supported.
    pub write_zeroes: bool,
}

/// A job and its target do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// An access size is no multiple of the logical block.
    #[error("block size {size} is not a multiple of the target's logical block of {block} bytes")]
    Size {
        /// Size asked for.
        size: u32,
        /// Logical block.
        block: u32,
    },
    /// An access is longer than the target takes.
    #[error("block size {size} exceeds the target's longest transfer of {longest} bytes: use a smaller one")]
    Transfer {
        /// Size asked for.
        size: u32,
        /// Longest transfer.
        longest: u32,
    },
    /// The region does not begin at a block.
    #[error("offset {offset} is not a multiple of the target's logical block of {block} bytes")]
    Offset {
        /// Offset asked for.
        offset: u64,
        /// Logical block.
        block: u32,
    },
    /// The region lies outside the target, or holds less than one access.
    #[error(
        "the region of {wanted} bytes from {offset} does not fit: the target has {bytes} bytes, an access {size}"
    )]
    Region {
        /// First byte.
        offset: u64,
        /// Length asked for.
        wanted: u64,
        /// Size of the target.
        bytes: u64,
        /// Largest access.
        size: u32,
    },
    /// The mix has an operation that the target lacks.
    #[error("the target does not support {0}: set its share to 0")]
    Unsupported(&'static str),
}

impl Geometry {
    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block_bytes))
    }

    /// The access sizes of `job` in blocks, with their weights.
    ///
    /// # Errors
    /// [`GeometryError::Size`], [`GeometryError::Transfer`], [`GeometryError::Unsupported`].
    pub fn sizes(&self, job: &JobSpec) -> Result<Vec<(u32, u32)>, GeometryError> {
        if job.ops.trim_percent > 0 && !self.deallocate {
            return Err(GeometryError::Unsupported("deallocation"));
        }
        if job.ops.write_zeroes_percent > 0 && !self.write_zeroes {
            return Err(GeometryError::Unsupported("Write Zeroes"));
        }
        job.sizes.entries().iter().map(|&(bytes, weight)| Ok((self.blocks_of(bytes)?, weight))).collect()
    }

    fn blocks_of(&self, size: u32) -> Result<u32, GeometryError> {
        let (block, longest) = (self.block_bytes, self.max_transfer_bytes);
        if !size.is_multiple_of(block) {
            Err(GeometryError::Size { size, block })
        } else if size > longest {
            Err(GeometryError::Transfer { size, longest })
        } else {
            Ok(size / block)
        }
    }

    /// The blocks `job` works on.
    ///
    /// # Errors
    /// [`GeometryError::Offset`], [`GeometryError::Region`].
    pub fn region(&self, job: &JobSpec) -> Result<Region, GeometryError> {
        let (offset, block) = (job.offset_bytes, u64::from(self.block_bytes));
        if !offset.is_multiple_of(block) {
            return Err(GeometryError::Offset { offset, block: self.block_bytes });
        }
        let left = self.bytes().saturating_sub(offset);
        let wanted = job.size_bytes.unwrap_or(left);
        let size = job.sizes.largest();
        if wanted > left || wanted < u64::from(size) {
            return Err(GeometryError::Region { offset, wanted, bytes: self.bytes(), size });
        }
        Ok(Region { first: offset / block, blocks: wanted / block })
    }

    /// Blocks per access of a pass over the whole region: 128 KiB, or what the target takes.
    #[must_use]
    pub fn sweep_blocks(&self) -> u32 {
        (self.max_transfer_bytes.min(128 << 10) / self.block_bytes).max(1)
    }

    /// Bytes of `blocks` blocks.
    pub(crate) fn length(&self, blocks: u32) -> usize {
        index32(blocks) * index32(self.block_bytes)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::spec::Target;
    use crate::workload::SizeMix;

    const GEOMETRY: Geometry = Geometry {
        block_bytes: 4096,
        blocks: 1000,
        max_transfer_bytes: 65536,
        deallocate: false,
        write_zeroes: true,
    };

    fn job() -> JobSpec {
        JobSpec::new("a", Target::Memory { bytes: 1 })
    }

    #[test]
    fn fitting_jobs() {
        let mut job = job();
        job.sizes = SizeMix::parse("4k:1,64k:2").unwrap();
        assert_eq!(GEOMETRY.sizes(&job), Ok(vec![(1, 1), (16, 2)]));
        assert_eq!(GEOMETRY.region(&job), Ok(Region { first: 0, blocks: 1000 }));
        job.offset_bytes = 8192;
        job.size_bytes = Some(70_000);
        assert_eq!(GEOMETRY.region(&job), Ok(Region { first: 2, blocks: 17 }));
        assert_eq!(GEOMETRY.sweep_blocks(), 16);
    }

    #[test]
    fn jobs_that_do_not_fit() {
        let changes: [fn(&mut JobSpec); 6] = [
            |j| j.sizes = SizeMix::single(512).unwrap(),
            |j| j.sizes = SizeMix::single(128 << 10).unwrap(),
            |j| j.ops.trim_percent = 1,
            |j| j.offset_bytes = 512,
            |j| j.offset_bytes = 1 << 40,
            |j| j.size_bytes = Some(512),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut job = job();
            change(&mut job);
            assert!(GEOMETRY.sizes(&job).is_err() || GEOMETRY.region(&job).is_err(), "change {i}");
        }
    }
}
