//! Asynchronous events: requests that wait for something to happen, and happenings that wait for a request
//! (NVMe Base section 5.2).
//!
//! An event that was reported is masked until the host has read its log page; what happens meanwhile is in
//! that page, so one event is enough.

use crate::config::ASYNC_EVENT_REQUESTS;
use sluice_nvme::async_event::{AsyncEvent, NoticeEvent};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::feature::async_event_config::AsyncEventConfig;
use sluice_nvme::log::LogId;
use sluice_nvme::status::Status;

/// Where one kind of event stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Event {
    #[default]
    Quiet,
    /// Happened; no request was outstanding.
    Pending,
    /// Reported; the host has not read the log page.
    Masked,
    /// Happened again while masked.
    MaskedAndPending,
}

/// The events of one controller.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Command identifiers of outstanding requests, oldest first.
    requests: Vec<u16>,
    namespace: Event,
    discovery: Event,
    /// Whether the namespace is on the Changed Namespace List.
    pub(super) namespace_listed: bool,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { requests: Vec::with_capacity(ASYNC_EVENT_REQUESTS), ..Self::default() }
    }

    /// Takes a request. `Ok(None)`: it waits. `Ok(Some)`: it completes at once.
    pub(super) fn request(&mut self, cid: u16) -> Result<Option<Cqe>, Status> {
        if self.requests.len() == ASYNC_EVENT_REQUESTS {
            return Err(Status::AER_LIMIT_EXCEEDED.dnr());
        }
        self.requests.push(cid);
        Ok(self.report())
    }

    /// Takes a waiting request back, for Abort.
    pub(super) fn abort(&mut self, cid: u16) -> bool {
        let before = self.requests.len();
        self.requests.retain(|waiting| *waiting != cid);
        self.requests.len() < before
    }

    /// Forgets everything: the controller was reset, its requests are gone with it.
    pub(super) fn reset(&mut self) -> Vec<u16> {
        let requests = std::mem::take(&mut self.requests);
        *self = Self::new();
        requests
    }

    pub(super) fn namespace_changed(&mut self, wanted: AsyncEventConfig) -> Option<Cqe> {
        self.namespace_listed = true;
        if wanted.namespace_attribute() {
            self.namespace.happened();
        }
        self.report()
    }

    pub(super) fn discovery_changed(&mut self, wanted: AsyncEventConfig) -> Option<Cqe> {
        if wanted.discovery_change() {
            self.discovery.happened();
        }
        self.report()
    }

    /// The host has read a log page without asking to keep its event.
    pub(super) fn log_read(&mut self, page: LogId) -> Option<Cqe> {
        match page {
            LogId::ChangedNamespaces => {
                self.namespace_listed = false;
                self.namespace.read();
            }
            LogId::Discovery => self.discovery.read(),
            _ => return None,
        }
        self.report()
    }

    /// Completes the oldest request with a pending event, if there are both.
    fn report(&mut self) -> Option<Cqe> {
        let kinds = [
            (&mut self.namespace, NoticeEvent::NamespaceAttributeChanged),
            (&mut self.discovery, NoticeEvent::DiscoveryLogChange),
        ];
        let (event, notice) = kinds.into_iter().find(|(event, _)| **event == Event::Pending)?;
        if self.requests.is_empty() {
            return None;
        }
        *event = Event::Masked;
        let cid = self.requests.remove(0);
        Some(Cqe::new(cid, Status::SUCCESS).with_dw0(AsyncEvent::notice(notice).bits()))
    }
}

impl Event {
    fn happened(&mut self) {
        *self = match self {
            Self::Quiet | Self::Pending => Self::Pending,
            Self::Masked | Self::MaskedAndPending => Self::MaskedAndPending,
        };
    }

    fn read(&mut self) {
        *self = match self {
            Self::Quiet | Self::Masked | Self::Pending => Self::Quiet,
            // What happened while masked is in the page that was just read, unless it came in between;
            // a spurious event costs the host one more read.
            Self::MaskedAndPending => Self::Pending,
        };
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const WANTED: AsyncEventConfig = AsyncEventConfig::from_bits(1 << 8 | 1 << 31);
    const NAMESPACE_NOTICE: u32 = 0x0004_0002;
    const DISCOVERY_NOTICE: u32 = 0x0070_f002;

    fn reported(cqe: Option<Cqe>) -> Option<(u16, u32)> {
        cqe.map(|cqe| (cqe.cid.get(), cqe.dw0.get()))
    }

    #[test]
    fn an_event_completes_the_oldest_request_and_is_masked_until_read() {
        let mut events = Events::new();
        assert_eq!(events.request(7), Ok(None));
        assert_eq!(events.request(8), Ok(None));
        assert_eq!(reported(events.namespace_changed(WANTED)), Some((7, NAMESPACE_NOTICE)));
        assert_eq!(events.namespace_changed(WANTED), None, "masked");
        assert_eq!(reported(events.log_read(LogId::ChangedNamespaces)), Some((8, NAMESPACE_NOTICE)));
        assert_eq!(events.log_read(LogId::ChangedNamespaces), None);
    }

    #[test]
    fn an_event_waits_for_a_request() {
        let mut events = Events::new();
        assert_eq!(events.discovery_changed(WANTED), None);
        assert_eq!(reported(events.request(1).unwrap()), Some((1, DISCOVERY_NOTICE)));
    }

    #[test]
    fn an_unwanted_event_is_not_reported_but_listed() {
        let mut events = Events::new();
        assert_eq!(events.request(1), Ok(None));
        assert_eq!(events.namespace_changed(AsyncEventConfig::from_bits(0)), None);
        assert!(events.namespace_listed);
    }

    #[test]
    fn the_last_request_and_one_more() {
        let mut events = Events::new();
        for cid in 0..4 {
            assert_eq!(events.request(cid), Ok(None));
        }
        assert_eq!(events.request(4), Err(Status::AER_LIMIT_EXCEEDED.dnr()));
        assert!(events.abort(2));
        assert!(!events.abort(2));
        assert_eq!(events.request(4), Ok(None));
        assert_eq!(events.reset(), [0, 1, 3, 4]);
    }
}
