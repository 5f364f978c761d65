//! What a completion's status means for the request: done, failed, or to be sent again. Pure.

use sluice_device::IoError;
use sluice_nvme::status::Status;

/// How often a command is sent again after a status that permits it.
pub const RETRIES: u8 = 3;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It succeeded.
    Done,
    /// It failed for good.
    Failed(IoError),
    /// It may well succeed when sent again.
    Again,
}

/// Judges a completion of a command that was sent again `retries` times already.
#[inline]
#[must_use]
pub fn judge(status: Status, retries: u8) -> Verdict {
    if status.is_success() {
        return Verdict::Done;
    }
    if !status.is_dnr() && retries < RETRIES && is_passing(status.code()) {
        return Verdict::Again;
    }
    Verdict::Failed(io_error(status.code()))
}

/// Whether the same command may well succeed the next time. Errors of the medium may: a drive reads harder then.
fn is_passing(code: Status) -> bool {
    !matches!(
        code,
        Status::INVALID_OPCODE
            | Status::INVALID_FIELD
            | Status::INVALID_NAMESPACE
            | Status::LBA_OUT_OF_RANGE
            | Status::CAPACITY_EXCEEDED
            | Status::NAMESPACE_WRITE_PROTECTED
            | Status::WRITE_TO_READ_ONLY_RANGE
            | Status::COMMAND_SIZE_LIMIT_EXCEEDED
            | Status::ACCESS_DENIED
    )
}

/// The error a final status stands for.
fn io_error(code: Status) -> IoError {
    match code {
        Status::LBA_OUT_OF_RANGE => IoError::OutOfRange,
        Status::CAPACITY_EXCEEDED => IoError::NoSpace,
        Status::INVALID_OPCODE | Status::COMMAND_SIZE_LIMIT_EXCEEDED => IoError::Unsupported,
        Status::INVALID_NAMESPACE => IoError::DeviceGone,
        Status::WRITE_FAULT | Status::NAMESPACE_WRITE_PROTECTED | Status::WRITE_TO_READ_ONLY_RANGE => {
            IoError::WriteFault
        }
        Status::UNRECOVERED_READ
        | Status::GUARD_CHECK
        | Status::APPLICATION_TAG_CHECK
        | Status::REFERENCE_TAG_CHECK
        | Status::STORAGE_TAG_CHECK
        | Status::UNWRITTEN_BLOCK
        | Status::UNRECOVERED_ERROR
        | Status::ACCESS_DENIED => IoError::Media,
        _ => IoError::Internal,
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn statuses_have_their_meaning() {
        use IoError::{DeviceGone, Internal, Media, NoSpace, OutOfRange, Unsupported, WriteFault};
        let table = [
            (Status::LBA_OUT_OF_RANGE, OutOfRange),
            (Status::CAPACITY_EXCEEDED, NoSpace),
            (Status::INVALID_OPCODE, Unsupported),
            (Status::COMMAND_SIZE_LIMIT_EXCEEDED, Unsupported),
            (Status::INVALID_NAMESPACE, DeviceGone),
            (Status::WRITE_FAULT, WriteFault),
            (Status::NAMESPACE_WRITE_PROTECTED, WriteFault),
            (Status::UNRECOVERED_READ, Media),
            (Status::GUARD_CHECK, Media),
            (Status::ACCESS_DENIED, Media),
            (Status::INTERNAL_ERROR, Internal),
            (Status::from_bits(0x7ff), Internal),
        ];
        for (status, error) in table {
            assert_eq!(judge(status.dnr(), 0), Verdict::Failed(error), "{status}");
            assert_eq!(
                judge(status.dnr().with_more(), 0),
                Verdict::Failed(error),
                "{status}: flags are no part of it"
            );
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_a_few_times() {
        for status in [Status::ABORT_REQUESTED, Status::COMMAND_INTERRUPTED, Status::UNRECOVERED_READ] {
            assert!((0..RETRIES).all(|retries| judge(status, retries) == Verdict::Again), "{status}");
            assert!(matches!(judge(status, RETRIES), Verdict::Failed(_)), "{status}: not for ever");
        }
        assert_eq!(judge(Status::LBA_OUT_OF_RANGE, 0), Verdict::Failed(IoError::OutOfRange));
        assert_eq!(judge(Status::SUCCESS.with_more(), RETRIES), Verdict::Done);
    }
}
