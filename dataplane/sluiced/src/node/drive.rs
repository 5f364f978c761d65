//! What a drive in user space tells of itself: to the log, and to whoever asks the API.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_nvme_pcie::{Event, Health};

/// Shared by the reactor that hears the drive and the API that is asked for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriveWatch {
    told: Arc<Mutex<Told>>,
}

/// The last that was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The drive's SMART log.
    pub(crate) health: Option<Health>,
    /// Why the drive was given up. Its reactor still answers, with errors.
    pub(crate) lost: Option<String>,
}

impl DriveWatch {
    /// The last that was heard since the drive was opened.
    pub(crate) fn told(&self) -> Told {
        self.lock().clone()
    }

    /// Another drive is being opened.
    pub(crate) fn forget(&self) {
        *self.lock() = Told::default();
    }

    /// Takes an event. Called from the reactor's thread, a few times a minute at most.
    pub(crate) fn hear(&self, device: &str, event: &Event) {
        match event {
            Event::Health(health) => {
                tracing::debug!(device, "{event}");
                self.lock().health = Some(*health);
            }
            Event::Gone(cause) => {
                tracing::error!(device, "{event}");
                self.lock().lost = Some(cause.to_string());
            }
            Event::MediaErrors { .. } | Event::Error(_) | Event::Reset(_) => {
                tracing::error!(device, "{event}")
            }
            Event::Warning(warning) if warning.bits() == 0 => tracing::info!(device, "{event}"),
            Event::Recovered => tracing::info!(device, "{event}"),
            Event::Warning(_) | Event::Aborted { .. } | Event::NamespaceChanged => {
                tracing::warn!(device, "{event}")
            }
        }
    }

    /// Every change is one assignment, so a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod test {
    use sluice_nvme_pcie::StartError;

    use super::*;

    #[test]
    fn the_last_word_stands_until_another_drive_is_opened() {
        let watch = DriveWatch::default();
        assert!(watch.told().lost.is_none() && watch.told().health.is_none());
        watch.clone().hear("d", &Event::Gone(StartError::Gone));
        assert_eq!(watch.told().lost.as_deref(), Some("the controller does not answer: the drive is gone"));
        watch.forget();
        assert!(watch.told().lost.is_none());
    }
}
