//! The rules every device holds its requests to.

use crate::{DeviceInfo, IoError, Op, Request};

/// Checks a request against the device's size and limits, as every device does before it acts.
///
/// # Errors
/// - [`IoError::Unsupported`]: the device's limit for the operation is zero.
/// - [`IoError::Misaligned`]: no blocks, more than the limit, or a Read or Write without a long enough buffer.
/// - [`IoError::OutOfRange`]: blocks beyond the end.
pub fn check(info: &DeviceInfo, request: &Request) -> Result<(), IoError> {
    let limit = match request.op {
        Op::Read | Op::Write { .. } => info.max_transfer_blocks,
        Op::WriteZeroes { .. } => info.max_write_zeroes_blocks,
        Op::Deallocate => info.max_deallocate_blocks,
        Op::Flush => return Ok(()),
    };
    if limit == 0 {
        return Err(IoError::Unsupported);
    }
    if request.blocks == 0 || request.blocks > limit {
        return Err(IoError::Misaligned);
    }
    if matches!(request.op, Op::Read | Op::Write { .. }) {
        let length_bytes = u64::from(request.blocks) * u64::from(info.block_size);
        let held_bytes = request.buffer.as_ref().map_or(0, |buffer| buffer.len() as u64);
        if held_bytes < length_bytes {
            return Err(IoError::Misaligned);
        }
    }
    match request.lba.checked_add(u64::from(request.blocks)) {
        Some(end) if end <= info.blocks => Ok(()),
        _ => Err(IoError::OutOfRange),
    }
}
