//! Features of a controller (NVMe Base section 5.27): none is saved, all last as long as the controller.

use super::Controller;
use sluice_nvme::feature::async_event_config::AsyncEventConfig;
use sluice_nvme::feature::host_identifier::HostIdentifierSize;
use sluice_nvme::feature::keep_alive_timer::KeepAliveTimer;
use sluice_nvme::feature::number_of_queues::{NumberOfQueues, QUEUES_INVALID};
use sluice_nvme::feature::temperature_threshold::{OVER_DEFAULT, TemperatureThreshold, ThresholdType};
use sluice_nvme::feature::volatile_write_cache::VolatileWriteCache;
use sluice_nvme::feature::{FeatureCapabilities, FeatureId, GetFeatures, Select, SetFeatures};
use sluice_nvme::status::Status;

use super::{KAS, View};

/// The values that a host may change.
#[derive(Debug)]
pub(super) struct Features {
    async_events: u32,
    arbitration: u32,
    error_recovery: u32,
    write_atomicity: u32,
    /// I/O queues the host was granted.
    queues: u16,
    max_queues: u16,
    host_behavior: Vec<u8>,
}

/// What Get Features answers with.
pub(super) enum Value {
    Dword(u32),
    Data(u32, Vec<u8>),
}

impl Features {
    pub(super) fn new(max_queues: u16) -> Self {
        Self {
            async_events: 0,
            arbitration: 0,
            error_recovery: 0,
            write_atomicity: 0,
            queues: max_queues,
            max_queues,
            host_behavior: vec![0; 512],
        }
    }

    /// I/O queues the host may connect.
    pub(super) fn queues(&self) -> u16 {
        self.queues
    }

    pub(super) fn async_events(&self) -> AsyncEventConfig {
        AsyncEventConfig::from_bits(self.async_events)
    }
}

impl Controller {
    pub(super) fn get_feature(&self, command: &GetFeatures, view: &View<'_>) -> Result<Value, Status> {
        let invalid = Status::INVALID_FIELD.dnr();
        let (fid, select) = (command.fid().ok_or(invalid)?, command.select().ok_or(invalid)?);
        let current = self.current(fid, command.cdw11, view)?;
        match select {
            Select::Current => Ok(current),
            Select::Capabilities => {
                Ok(Value::Dword(FeatureCapabilities::default().with_changeable(changeable(fid)).bits()))
            }
            // Nothing is saved, so what is saved is the default.
            Select::Default | Select::Saved => {
                let fresh = Features::new(self.features.max_queues);
                self.value(&fresh, fid, command.cdw11, view)
            }
        }
    }

    fn current(&self, fid: FeatureId, cdw11: u32, view: &View<'_>) -> Result<Value, Status> {
        self.value(&self.features, fid, cdw11, view)
    }

    fn value(&self, of: &Features, fid: FeatureId, cdw11: u32, view: &View<'_>) -> Result<Value, Status> {
        let dword = match fid {
            FeatureId::Arbitration => of.arbitration,
            FeatureId::PowerManagement => 0,
            FeatureId::TemperatureThreshold => temperature(cdw11),
            FeatureId::ErrorRecovery => of.error_recovery,
            FeatureId::VolatileWriteCache if has_cache(view) => {
                VolatileWriteCache::default().with_wce(true).bits()
            }
            FeatureId::NumberOfQueues if of.queues > 0 => NumberOfQueues::pairs(of.queues).bits(),
            FeatureId::WriteAtomicity => of.write_atomicity,
            FeatureId::AsyncEventConfiguration => of.async_events,
            FeatureId::KeepAliveTimer => self.keep_alive.kato_ms(),
            FeatureId::HostIdentifier => return self.host_identifier(cdw11),
            FeatureId::HostBehaviorSupport => return Ok(Value::Data(0, of.host_behavior.clone())),
            _ => return Err(Status::INVALID_FIELD.dnr()),
        };
        Ok(Value::Dword(dword))
    }

    /// Over Fabrics only the extended identifier exists (NVMe Base section 5.27.1.25).
    fn host_identifier(&self, cdw11: u32) -> Result<Value, Status> {
        if HostIdentifierSize::from_bits(cdw11).exhid() {
            Ok(Value::Data(HostIdentifierSize::default().with_exhid(true).bits(), self.host_id.0.to_vec()))
        } else {
            Err(Status::INVALID_FIELD.dnr())
        }
    }

    /// Set Features; returns dword 0 of the completion.
    pub(super) fn set_feature(
        &mut self,
        command: &SetFeatures,
        data: &[u8],
        view: &View<'_>,
    ) -> Result<u32, Status> {
        if command.cdw10.sv() {
            return Err(Status::FEATURE_NOT_SAVEABLE.dnr());
        }
        let fid = command.fid().ok_or(Status::INVALID_FIELD.dnr())?;
        match fid {
            FeatureId::AsyncEventConfiguration => self.features.async_events = command.value,
            FeatureId::Arbitration => self.features.arbitration = command.value,
            FeatureId::ErrorRecovery => self.features.error_recovery = command.value,
            FeatureId::WriteAtomicity => self.features.write_atomicity = command.value,
            // Power state 0 is the only one; no temperature is measured that could cross a threshold; the
            // cache below is the device's, it cannot be switched off for one host.
            FeatureId::PowerManagement if command.value & 0x1f == 0 => {}
            FeatureId::TemperatureThreshold => {}
            FeatureId::VolatileWriteCache if has_cache(view) => {
                if !VolatileWriteCache::from_bits(command.value).wce() {
                    return Err(Status::FEATURE_NOT_CHANGEABLE.dnr());
                }
            }
            FeatureId::NumberOfQueues => return self.set_queues(NumberOfQueues::from_bits(command.value)),
            FeatureId::KeepAliveTimer => return self.set_keep_alive(command.value, view),
            FeatureId::HostBehaviorSupport => self.set_host_behavior(data)?,
            FeatureId::HostIdentifier => return Err(Status::COMMAND_SEQUENCE_ERROR.dnr()),
            _ => return Err(Status::INVALID_FIELD.dnr()),
        }
        Ok(0)
    }

    fn set_queues(&mut self, asked: NumberOfQueues) -> Result<u32, Status> {
        if self.features.max_queues == 0 || asked.submission().max(asked.completion()) == QUEUES_INVALID {
            return Err(Status::INVALID_FIELD.dnr());
        }
        if self.queues.contains(&true) {
            return Err(Status::COMMAND_SEQUENCE_ERROR.dnr());
        }
        let granted = asked.qpairs().min(self.features.max_queues.into());
        self.features.queues = u16::try_from(granted).unwrap_or(self.features.max_queues);
        Ok(NumberOfQueues::pairs(self.features.queues).bits())
    }

    fn set_keep_alive(&mut self, kato_ms: u32, view: &View<'_>) -> Result<u32, Status> {
        if u128::from(kato_ms) > view.keep_alive_max.as_millis() {
            return Err(Status::KEEP_ALIVE_INVALID.dnr());
        }
        self.keep_alive = KeepAliveTimer::from_bits(kato_ms).rounded(KAS);
        Ok(0)
    }

    fn set_host_behavior(&mut self, data: &[u8]) -> Result<(), Status> {
        if data.len() != self.features.host_behavior.len() {
            return Err(Status::SGL_DATA_LENGTH_INVALID.dnr());
        }
        self.features.host_behavior.copy_from_slice(data);
        Ok(())
    }
}

fn has_cache(view: &View<'_>) -> bool {
    view.volume.is_some_and(|(_, namespace)| namespace.volatile_write_cache)
}

fn changeable(fid: FeatureId) -> bool {
    !matches!(fid, FeatureId::HostIdentifier | FeatureId::VolatileWriteCache)
}

/// Thresholds that no temperature crosses: none is measured.
fn temperature(cdw11: u32) -> u32 {
    let asked = TemperatureThreshold::from_bits(cdw11);
    let over = asked.thsel() == ThresholdType::Over.wire();
    if over { OVER_DEFAULT.into() } else { 0 }
}
