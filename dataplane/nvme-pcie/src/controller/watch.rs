//! A running controller: its events, health and status, and aborts.

use sluice_device::Nanos;
use sluice_nvme::admin::abort::Abort;
use sluice_nvme::async_event::{AsyncEvent, EventType, NoticeEvent};
use sluice_nvme::identify::active_list::{NSID_ALL, NamespaceList};
use sluice_nvme::log::error::ErrorEntry;
use sluice_nvme::log::smart::SmartLog;
use sluice_nvme::log::{GetLogPage, LogId, LogRange};
use sluice_nvme::opcode::AdminOpcode;
use sluice_nvme::property::ControllerStatus;
use sluice_nvme::sqe::Sqe;
use zerocopy::FromBytes;

use super::admin::Purpose;
use super::{Change, Controller, Event};
use crate::hardware::Hardware;
use crate::health::{Health, ResetCause};
use crate::layout::Layout;
use crate::options::SECOND;
use crate::pointer::set_prp;
use crate::queue::Entry;

/// Between two looks at CSTS: how late a fatal status, or a drive that is gone, may be noticed under load.
const STATUS: Nanos = Nanos(100_000_000);

/// An admin command that does not touch the media may take so long.
const COMMAND: Nanos = Nanos(5 * SECOND.0);

/// When the periodic looks are due.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) status: Nanos,
    health: Nanos,
    /// The error log has something new.
    errors: bool,
    /// The list of changed namespaces is to be read, so that the controller tells of the next change.
    changes: bool,
}

impl<H: Hardware> Controller<H> {
    /// Asks for events, and for the health at once.
    pub(super) fn begin_watch(&mut self, now: Nanos) {
        self.due.status = now + STATUS;
        self.due.health = now;
        self.request_event();
    }

    /// One look at a running controller.
    pub(super) fn oversee(&mut self, status: ControllerStatus, now: Nanos) -> Change {
        if now >= self.due.status {
            self.due.status = now + STATUS;
        }
        if status.cfs() || !status.rdy() {
            return self.reset(ResetCause::Fatal, now);
        }
        while let Some(completion) = self.next_completion() {
            match completion {
                Ok((purpose, entry)) => self.take(purpose, &entry),
                Err(_) => return self.reset(ResetCause::UnknownCommand, now),
            }
        }
        if self.admin.is_overdue(now) {
            return self.reset(ResetCause::AdminTimeout, now);
        }
        self.read_due(now);
        Change::None
    }

    /// Asks the controller to abort an I/O command of queue `sqid`. False: it is busy with another abort.
    #[must_use]
    pub(crate) fn abort(&mut self, sqid: u16, cid: u16, now: Nanos) -> bool {
        if !self.is_running()
            || self.admin.is_busy_with(Purpose::Abort)
            || !self.admin.has_room(Purpose::Abort)
        {
            return false;
        }
        let mut entry = Sqe::default();
        Abort::default().with_sqid(sqid).with_cid(cid).write_to(&mut entry);
        self.submit_admin(entry, Purpose::Abort, Some(now + COMMAND));
        true
    }

    /// Reads what is due, one log at a time.
    fn read_due(&mut self, now: Nanos) {
        if !self.admin.has_room(Purpose::Health) {
            return;
        }
        if std::mem::take(&mut self.due.errors) {
            self.read_log(LogId::ErrorInformation, size_of::<ErrorEntry>() as u64, Purpose::Errors, now);
        } else if std::mem::take(&mut self.due.changes) {
            self.read_log(LogId::ChangedNamespaces, size_of::<NamespaceList>() as u64, Purpose::Changes, now);
        } else if now >= self.due.health {
            self.due.health = now + self.plan.options.health_interval;
            self.read_log(LogId::Smart, size_of::<SmartLog>() as u64, Purpose::Health, now);
        }
    }

    fn next_completion(&mut self) -> Option<Result<(Purpose, Entry), Entry>> {
        self.admin.next(self.hardware.as_ref()?, &self.memory)
    }

    fn submit_admin(&mut self, entry: Sqe, purpose: Purpose, deadline: Option<Nanos>) {
        if let Some(hardware) = &self.hardware {
            self.admin.submit(hardware, &self.memory, entry, purpose, deadline);
        }
    }

    fn request_event(&mut self) {
        let entry = Sqe { opcode: AdminOpcode::AsyncEventRequest.wire(), ..Sqe::default() };
        self.submit_admin(entry, Purpose::Event, None);
    }

    fn read_log(&mut self, page: LogId, length: u64, purpose: Purpose, now: Nanos) {
        let mut entry = Sqe::default();
        GetLogPage::new(page, NSID_ALL, LogRange { offset: 0, length }, false).write_to(&mut entry);
        set_prp(&mut entry, self.plan.layout.iova(Layout::DATA), 0);
        self.submit_admin(entry, purpose, Some(now + COMMAND));
    }

    /// Takes an admin completion. A log that cannot be read is no reason to stop serving.
    fn take(&mut self, purpose: Purpose, entry: &Entry) {
        let worked = entry.status.is_success();
        match purpose {
            Purpose::Event if worked => self.heard(AsyncEvent::from_bits(entry.result)),
            Purpose::Health if worked => self.learned_health(),
            Purpose::Errors if worked => self.learned_error(),
            // Refused: the controller takes no event requests. What it would tell is found by looking.
            Purpose::Event | Purpose::Health | Purpose::Errors => {}
            // An abort's success shows in the command's own completion; the changes were told with their event.
            Purpose::Abort | Purpose::Changes | Purpose::Startup => {}
        }
    }

    /// Something happened. The log that tells what is read next; until then the controller repeats no such event.
    fn heard(&mut self, event: AsyncEvent) {
        let notice = NoticeEvent::from_wire(event.information());
        match EventType::from_wire(event.event_type()) {
            Some(EventType::Error) => self.due.errors = true,
            Some(EventType::Smart) => self.due.health = Nanos::ZERO,
            Some(EventType::Notice) if notice == Some(NoticeEvent::NamespaceAttributeChanged) => {
                self.due.changes = true;
                self.tell(Event::NamespaceChanged);
            }
            _ => {}
        }
        self.request_event();
    }

    fn learned_health(&mut self) {
        let page = self.data();
        let Ok((log, _)) = SmartLog::read_from_prefix(page.as_slice()) else { return };
        let before = self.watch.error_entries();
        let events: Vec<Event> = self.watch.look(Health::from(&log)).collect();
        events.into_iter().for_each(|event| self.tell(event));
        self.due.errors |= self.watch.has_new_errors(before);
    }

    fn learned_error(&mut self) {
        let page = self.data();
        if let Ok((entry, _)) = ErrorEntry::read_from_prefix(page.as_slice())
            && entry.error_count.get() > 0
        {
            self.tell(Event::Error(Box::new(entry)));
        }
    }
}
