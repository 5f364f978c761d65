//! What a drive in user space tells of itself: to the log, and to whoever asks the API.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sluice_nvme_pcie::{Event, Health};

/// Events kept; the oldest go first.
const EVENTS: usize = 32;

/// Shared by the reactor that hears the drive and the API that is asked for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriveWatch {
    told: Arc<Mutex<Told>>,
}

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The drive's SMART log.
    pub(crate) health: Option<Health>,
    /// Why the drive was given up. Its reactor still answers, with errors.
    pub(crate) lost: Option<String>,
    /// How far a sanitize has come.
    pub(crate) erasing_percent: Option<u8>,
    /// The last, oldest first; also of the drive before this one.
    pub(crate) events: VecDeque<Heard>,
    /// Of all drives that were opened as this device.
    pub(crate) counts: Counts,
    sequence: u64,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// From 1 on.
    pub(crate) sequence: u64,
    pub(crate) at: Instant,
    pub(crate) text: String,
}

/// How often something was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) aborts: u64,
    pub(crate) resets: u64,
    pub(crate) media_errors: u64,
    pub(crate) warnings: u64,
    pub(crate) losses: u64,
}

impl Told {
    fn take(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Health(health) => return self.health = Some(*health),
            Event::Erasing { percent } => return self.erasing_percent = Some(*percent),
            Event::Gone(cause) => {
                self.counts.losses += 1;
                self.lost = Some(cause.to_string());
            }
            Event::MediaErrors { new } => {
                let new = u64::try_from(*new).unwrap_or(u64::MAX);
                self.counts.media_errors = self.counts.media_errors.saturating_add(new);
            }
            Event::Reset(_) => self.counts.resets += 1,
            Event::Warning(_) => self.counts.warnings += 1,
            Event::Aborted { .. } => self.counts.aborts += 1,
            Event::Error(_) | Event::Recovered | Event::NamespaceChanged => {}
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.sequence += 1;
        self.events.push_back(Heard { sequence: self.sequence, at, text: event.to_string() });
    }
}

impl DriveWatch {
    /// What was heard until now.
    pub(crate) fn told(&self) -> Told {
        self.lock().clone()
    }

    /// Another drive is being opened, or this one again.
    pub(crate) fn forget(&self) {
        let mut told = self.lock();
        (told.health, told.lost, told.erasing_percent) = (None, None, None);
    }

    /// Takes an event. Called from the reactor's thread, a few times a minute at most.
    pub(crate) fn hear(&self, device: &str, event: &Event) {
        match event {
            Event::Health(_) | Event::Erasing { .. } => tracing::debug!(device, "{event}"),
            Event::Gone(_) | Event::MediaErrors { .. } | Event::Error(_) | Event::Reset(_) => {
                tracing::error!(device, "{event}");
            }
            Event::Warning(warning) if warning.bits() == 0 => tracing::info!(device, "{event}"),
            Event::Recovered => tracing::info!(device, "{event}"),
            Event::Warning(_) | Event::Aborted { .. } | Event::NamespaceChanged => {
                tracing::warn!(device, "{event}");
            }
        }
        self.lock().take(event, Instant::now());
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod test {
    use sluice_nvme_pcie::{ResetCause, StartError};

    use super::*;

    #[test]
    fn the_last_word_stands_until_another_drive_is_opened() {
        let watch = DriveWatch::default();
        assert!(watch.told().lost.is_none() && watch.told().health.is_none());
        watch.clone().hear("d", &Event::Gone(StartError::Gone));
        assert_eq!(watch.told().lost.as_deref(), Some("the controller does not answer: the drive is gone"));
        watch.forget();
        let told = watch.told();
        assert!(told.lost.is_none());
        assert_eq!((told.counts.losses, told.events.len()), (1, 1), "what happened has happened");
    }

    #[test]
    fn events_are_counted_and_the_last_are_kept() {
        let watch = DriveWatch::default();
        watch.hear("d", &Event::Erasing { percent: 7 });
        watch.hear("d", &Event::MediaErrors { new: 3 });
        for after_ms in 0..40 {
            watch.hear("d", &Event::Aborted { after_ms });
        }
        watch.hear("d", &Event::Reset(ResetCause::CommandTimeout));
        let told = watch.told();
        let counts = Counts { aborts: 40, resets: 1, media_errors: 3, ..Counts::default() };
        assert_eq!((told.erasing_percent, told.counts, told.events.len()), (Some(7), counts, EVENTS));
        let (first, last) = (&told.events[0], &told.events[EVENTS - 1]);
        assert_eq!((first.sequence, first.text.as_str()), (11, "a command was aborted after 9 ms"));
        assert_eq!((last.sequence, last.text.as_str()), (42, "the controller is reset: a command is stuck"));
    }
}
