//! Log pages (NVMe Base section 5.16).

use super::identify::REVISION;
use super::{Controller, Personality, View};
use crate::plan::NSID;
use sluice_nvme::identify::active_list::NSID_ALL;
use sluice_nvme::log::changed_ns::changed_namespaces;
use sluice_nvme::log::discovery::{DiscoveryEntry, DiscoveryHeader};
use sluice_nvme::log::effects::{CommandEffects, EffectsLog};
use sluice_nvme::log::firmware_slot::FirmwareSlotLog;
use sluice_nvme::log::smart::SmartLog;
use sluice_nvme::log::{GetLogPage, LogId};
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::status::Status;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U64, U128};

/// The discovery log: what subsystems a host may connect to.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiscoveryPage {
    pub(crate) generation: u64,
    pub(crate) entries: Vec<DiscoveryEntry>,
}

impl DiscoveryPage {
    fn bytes(&self) -> Vec<u8> {
        let header = DiscoveryHeader {
            genctr: U64::new(self.generation),
            numrec: U64::new(self.entries.len() as u64),
            ..DiscoveryHeader::default()
        };
        [header.as_bytes(), self.entries.as_bytes()].concat()
    }
}

impl Controller {
    /// A log page, whole.
    pub(super) fn log_page(&self, command: &GetLogPage, view: &View<'_>) -> Result<(LogId, Vec<u8>), Status> {
        let invalid = Status::INVALID_LOG_PAGE.dnr();
        let id = command.lid().ok_or(invalid)?;
        if command.cdw14.ot() {
            return Err(Status::INVALID_FIELD.dnr());
        }
        let of_volume = self.personality == Personality::Volume;
        let page = match id {
            LogId::ErrorInformation => self.errors.page(),
            LogId::Discovery if !of_volume => (view.discovery)().bytes(),
            LogId::Smart if of_volume => self.smart(command, view)?.as_bytes().to_vec(),
            LogId::FirmwareSlot if of_volume => FirmwareSlotLog::single(REVISION).as_bytes().to_vec(),
            LogId::ChangedNamespaces if of_volume => {
                let listed: &[u32] = if self.events.namespace_listed { &[NSID] } else { &[] };
                changed_namespaces(listed).as_bytes().to_vec()
            }
            LogId::CommandsSupportedAndEffects if of_volume => effects(view).as_bytes().to_vec(),
            _ => return Err(invalid),
        };
        Ok((id, page))
    }

    /// What is known of the volume's health. It has no temperature of its own and does not wear; the
    /// figures are those of all its hosts since the daemon started.
    fn smart(&self, command: &GetLogPage, view: &View<'_>) -> Result<SmartLog, Status> {
        // LPA says that there is no page per namespace.
        if command.nsid != 0 && command.nsid != NSID_ALL {
            return Err(Status::INVALID_FIELD.dnr());
        }
        /// 25 degrees Celsius: hosts take zero kelvins for a sensor failure.
        const ROOM_TEMPERATURE: u16 = 298;
        let stats = (view.stats)();
        let units = |bytes: u64| U128::new(u128::from(bytes).div_ceil(512 * 1000));
        Ok(SmartLog {
            composite_temperature: U16::new(ROOM_TEMPERATURE),
            available_spare: 100,
            spare_threshold: 10,
            data_units_read: units(stats.read.bytes),
            data_units_written: units(stats.write.bytes),
            host_reads: U128::new(stats.read.count.into()),
            host_writes: U128::new(stats.write.count.into()),
            error_entries: U128::new(self.errors.count().into()),
            ..SmartLog::default()
        })
    }
}

fn effects(view: &View<'_>) -> EffectsLog {
    let mut log = EffectsLog::default();
    let none = CommandEffects::default();
    for opcode in [
        AdminOpcode::GetLogPage,
        AdminOpcode::Identify,
        AdminOpcode::Abort,
        AdminOpcode::SetFeatures,
        AdminOpcode::GetFeatures,
        AdminOpcode::AsyncEventRequest,
        AdminOpcode::KeepAlive,
    ] {
        log.support_admin(opcode, none);
    }
    for opcode in [NvmOpcode::Flush, NvmOpcode::Read, NvmOpcode::Compare] {
        log.support_io(opcode, none);
    }
    let changes = none.with_lbcc(true);
    log.support_io(NvmOpcode::Write, changes);
    let limits =
        view.volume.map(|(_, namespace)| (namespace.write_zeroes_blocks, namespace.deallocate_blocks));
    if limits.is_some_and(|(zeroes, _)| zeroes > 0) {
        log.support_io(NvmOpcode::WriteZeroes, changes);
    }
    if limits.is_some_and(|(_, deallocate)| deallocate > 0) {
        log.support_io(NvmOpcode::DatasetManagement, changes);
    }
    log
}
