//! Format NVM and Sanitize.

use sluice_nvme::admin::format_nvm::FormatNvm;
use sluice_nvme::admin::sanitize::{SanitizeState, SanitizeStatus};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::FromZeros;
use zerocopy::little_endian::U16;

use super::machine::Machine;

/// Bytes of a block, by LBA format, of a controller that can be erased.
pub(super) const FORMATS: [u32; 2] = [512, 4096];

/// What a Sanitize that was begun has still to do: so often its status is looked at before it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sanitizing {
    state: Option<SanitizeState>,
    looks: u16,
}

impl Sanitizing {
    /// Whether it refuses everything else.
    pub(super) fn is_busy(self) -> bool {
        self.state == Some(SanitizeState::InProgress)
    }
}

impl Machine {
    pub(super) fn format(&mut self, entry: &Sqe) -> Result<(), Status> {
        if let Some(status) = self.faults.refuse_erase {
            return Err(status);
        }
        let command = FormatNvm::from_bits(entry.cdw10.get());
        let Some(block_size) = FORMATS.get(usize::from(command.lbaf_low())) else {
            return Err(Status::INVALID_FORMAT);
        };
        self.counts.formats += 1;
        self.config.blocks = self.disk.len() as u64 / u64::from(*block_size);
        (self.config.block_size, self.config.metadata) = (*block_size, 0);
        self.disk.fill(0);
        Ok(())
    }

    pub(super) fn sanitize(&mut self) -> Result<(), Status> {
        if self.sanitizing.is_busy() {
            return Err(Status::SANITIZE_IN_PROGRESS);
        }
        self.counts.sanitizes += 1;
        let state = if self.faults.spoil { SanitizeState::Failed } else { SanitizeState::InProgress };
        self.sanitizing = Sanitizing { state: Some(state), looks: 4 };
        self.disk.fill(0);
        Ok(())
    }

    /// The Sanitize Status log; each look at it is a quarter of the work.
    pub(super) fn sanitize_status(&mut self) -> SanitizeStatus {
        let Sanitizing { state, looks } = self.sanitizing;
        let mut log = SanitizeStatus::new_zeroed();
        let state = match state {
            Some(SanitizeState::InProgress) if looks == 0 => SanitizeState::Completed,
            other => other.unwrap_or(SanitizeState::Never),
        };
        let busy = state == SanitizeState::InProgress;
        log.progress = U16::new(if busy { (4 - looks) * 0x4000 } else { u16::MAX });
        log.status = U16::new(state.wire().into());
        self.sanitizing = Sanitizing { state: Some(state), looks: looks.saturating_sub(1) };
        log
    }
}
