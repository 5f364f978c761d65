//! A drive's health, and what is worth telling of it. Pure.

use std::fmt;

use sluice_nvme::log::error::ErrorEntry;
use sluice_nvme::log::smart::{CriticalWarning, SmartLog};
use sluice_nvme::status::Status;

use crate::error::StartError;

/// The SMART log, as far as people and placement care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// What is critical now.
    pub warning: CriticalWarning,
    /// Composite temperature in kelvins.
    pub temperature_kelvin: u16,
    /// Spare blocks left, in percent.
    pub spare_percent: u8,
    /// Below this the spare is critical.
    pub spare_threshold_percent: u8,
    /// Life used, in percent; may exceed 100.
    pub used_percent: u8,
    /// Unrecovered errors of the media since manufacture.
    pub media_errors: u128,
    /// Entries of the error log since manufacture.
    pub error_entries: u128,
    /// Losses of power without notice since manufacture.
    pub unsafe_shutdowns: u128,
}

impl From<&SmartLog> for Health {
    fn from(log: &SmartLog) -> Self {
        Self {
            warning: log.critical_warning,
            temperature_kelvin: log.composite_temperature.get(),
            spare_percent: log.available_spare,
            spare_threshold_percent: log.spare_threshold,
            used_percent: log.percentage_used,
            media_errors: log.media_errors.get(),
            error_entries: log.error_entries.get(),
            unsafe_shutdowns: log.unsafe_shutdowns.get(),
        }
    }
}

impl Health {
    /// What is critical, in words.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        warnings(self.warning)
    }
}

/// Something about a drive that its owner should know. Never one per I/O.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The health was read.
    Health(Health),
    /// A warning became critical, or ceased to be; none set: all is well again.
    Warning(CriticalWarning),
    /// The media lost data: so many more unrecovered errors.
    MediaErrors {
        /// Since the last look.
        new: u128,
    },
    /// The controller logged an error; its latest.
    Error(Box<ErrorEntry>),
    /// The namespace changed under us: another size or format takes effect when the device is opened anew.
    NamespaceChanged,
    /// The drive is being sanitized.
    Erasing {
        /// How far it has come.
        percent: u8,
    },
    /// A command was aborted because it took too long.
    Aborted {
        /// How long it had been in flight.
        after_ms: u64,
    },
    /// The controller is being reset; what is in flight is sent again.
    Reset(ResetCause),
    /// The reset is over, and nothing was lost.
    Recovered,
    /// The device is given up: everything fails from now on.
    Gone(StartError),
}

/// Why a controller is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetCause {
    /// The caller wants it.
    Requested,
    /// It reports a fatal status.
    Fatal,
    /// A command stayed in flight although it was to be aborted.
    CommandTimeout,
    /// An admin command was not answered.
    AdminTimeout,
    /// It completed a command that there is not.
    UnknownCommand,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Health(health) => {
                let celsius = i32::from(health.temperature_kelvin) - 273;
                let Health { spare_percent, used_percent, media_errors, .. } = health;
                write!(
                    f,
                    "{celsius} C, spare {spare_percent} %, used {used_percent} %, {media_errors} media errors"
                )
            }
            Self::Warning(warning) if warning.bits() == 0 => f.write_str("no critical warning any more"),
            Self::Warning(warning) => write!(f, "critical warning: {}", warnings(*warning).join(", ")),
            Self::MediaErrors { new } => write!(f, "{new} new media errors: data of the drive are lost"),
            Self::Error(entry) => {
                let status = Status::from_cqe_field(entry.status.get());
                write!(f, "the controller logged an error at LBA {}: {status}", entry.lba)
            }
            Self::NamespaceChanged => f.write_str("the namespace changed: open the device anew"),
            Self::Erasing { percent } => write!(f, "sanitizing, {percent} % done"),
            Self::Aborted { after_ms } => write!(f, "a command was aborted after {after_ms} ms"),
            Self::Reset(cause) => write!(f, "the controller is reset: {cause}"),
            Self::Recovered => f.write_str("the controller is back"),
            Self::Gone(cause) => write!(f, "the device is given up: {cause}"),
        }
    }
}

impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "it was asked for",
            Self::Fatal => "it reports a fatal error",
            Self::CommandTimeout => "a command is stuck",
            Self::AdminTimeout => "an admin command is stuck",
            Self::UnknownCommand => "it completed a command that was not sent",
        })
    }
}

/// The warnings that are set, in words.
fn warnings(warning: CriticalWarning) -> Vec<&'static str> {
    let table = [
        (warning.spare(), "spare below its threshold"),
        (warning.temperature(), "temperature out of its range"),
        (warning.reliability(), "reliability degraded"),
        (warning.read_only(), "media read only"),
        (warning.memory_backup(), "backup of volatile memory failed"),
        (warning.persistent_memory(), "persistent memory region unreliable"),
    ];
    table.into_iter().filter_map(|(set, words)| set.then_some(words)).collect()
}

/// Tells what changed from one look at the health to the next.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    last: Option<Health>,
}

impl Watch {
    /// Takes the latest health; yields what is worth telling, the health itself last. The first look tells of every
    /// warning, but counts no errors of the past.
    pub(crate) fn look(&mut self, health: Health) -> impl Iterator<Item = Event> + use<> {
        let last = self.last.replace(health);
        let warned = last.map_or(CriticalWarning::default(), |last| last.warning);
        let warning = (warned != health.warning).then_some(Event::Warning(health.warning));
        let new = last.map_or(0, |last| health.media_errors.saturating_sub(last.media_errors));
        let media = (new > 0).then_some(Event::MediaErrors { new });
        [warning, media, Some(Event::Health(health))].into_iter().flatten()
    }

    /// Whether the error log has grown since the look before the last; what to read next.
    pub(crate) fn has_new_errors(&self, before: Option<u128>) -> bool {
        matches!((before, self.last), (Some(before), Some(last)) if last.error_entries > before)
    }

    /// Entries of the error log at the last look.
    pub(crate) fn error_entries(&self) -> Option<u128> {
        self.last.map(|last| last.error_entries)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn health(warning: u8, media_errors: u128) -> Health {
        let warning = CriticalWarning::from_bits(warning);
        Health { warning, media_errors, ..Health::from(&SmartLog::default()) }
    }

    #[test]
    fn changes_are_told_once() {
        let mut watch = Watch::default();
        let mut look = |warning, media_errors| {
            let events: Vec<Event> = watch.look(health(warning, media_errors)).collect();
            let (last, events) = events.split_last().unwrap();
            assert_eq!(*last, Event::Health(health(warning, media_errors)));
            events.iter().map(Event::to_string).collect::<Vec<_>>()
        };
        assert_eq!(look(0, 7), [""; 0], "errors of the past are no news");
        assert_eq!(look(0b1001, 7), ["critical warning: spare below its threshold, media read only"]);
        assert_eq!(look(0b1001, 9), ["2 new media errors: data of the drive are lost"]);
        assert_eq!(look(0, 9), ["no critical warning any more"]);
    }

    #[test]
    fn a_drive_that_is_ill_at_first_sight_is_told_of() {
        let events: Vec<String> =
            Watch::default().look(health(2, 0)).map(|event| event.to_string()).collect();
        assert_eq!(
            events,
            ["critical warning: temperature out of its range", "-273 C, spare 0 %, used 0 %, 0 media errors"]
        );
    }
}
