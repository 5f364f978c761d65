//! The admin command set: one command in, one answer out.

use super::features::Value;
use super::properties::Change;
use super::{Controller, Personality, View};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::fabrics_type;
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::feature::{GetFeatures, SetFeatures};
use sluice_nvme::identify::IdentifyCommand;
use sluice_nvme::log::GetLogPage;
use sluice_nvme::opcode::{AdminOpcode, FabricsType};
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::{PSDT_SGL, Sqe};
use sluice_nvme::status::Status;

/// What to do about an admin command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Complete it.
    Complete(Cqe),
    /// Complete it with data.
    Data(Cqe, Vec<u8>),
    /// It waits: an Asynchronous Event Request.
    Hold,
    /// It waited, and completes together with the one given: a log page was read and the next event is due.
    DataAndEvent(Cqe, Vec<u8>, Cqe),
    /// Abort a command of an I/O queue, then complete with whether that was possible.
    Abort {
        /// The Abort command's own identifier.
        cid: u16,
        /// The queue of the command to abort.
        sqid: u16,
        /// The command to abort.
        target: u16,
    },
    /// An Asynchronous Event Request was aborted: complete both.
    Aborted {
        /// The Abort command's completion.
        abort: Cqe,
        /// The aborted request's.
        request: Cqe,
    },
    /// The controller was reset: close its I/O queues, complete with this. Requests for events that
    /// waited are aborted with it.
    Reset(Cqe, Vec<u16>),
}

impl Controller {
    /// Answers an admin command. `data` are its in-capsule data.
    pub(crate) fn admin(&mut self, sqe: &Sqe, data: &[u8], view: &View<'_>) -> Answer {
        let cid = sqe.cid.get();
        let answer = match AdminOpcode::from_wire(sqe.opcode) {
            // FUSES says that there are no fused operations.
            Some(_) if sqe.fuse() != 0 => Err(Status::INVALID_FIELD.dnr()),
            Some(AdminOpcode::Fabrics) => self.fabrics(sqe),
            // Until it is enabled a controller takes only Fabrics commands (NVMe Base section 3.5.1).
            Some(_) if !self.properties.is_ready() => Err(Status::COMMAND_SEQUENCE_ERROR.dnr()),
            Some(opcode) => self.admin_enabled(opcode, sqe, data, view),
            None => Err(Status::INVALID_OPCODE.dnr()),
        };
        answer.unwrap_or_else(|status| {
            self.log_error(0, cid, status, 0);
            Answer::Complete(Cqe::new(cid, status))
        })
    }

    fn admin_enabled(
        &mut self,
        opcode: AdminOpcode,
        sqe: &Sqe,
        data: &[u8],
        view: &View<'_>,
    ) -> Result<Answer, Status> {
        let done = Cqe::new(sqe.cid.get(), Status::SUCCESS);
        let io_only = self.personality == Personality::Volume;
        match opcode {
            AdminOpcode::Identify => {
                let page = self.identify(&IdentifyCommand::from_sqe(sqe), view)?;
                Ok(Answer::Data(done, sized(page, sqe, view)?))
            }
            AdminOpcode::GetLogPage => self.get_log_page(sqe, view),
            AdminOpcode::KeepAlive => Ok(Answer::Complete(done)),
            AdminOpcode::AsyncEventRequest => {
                Ok(self.events.request(sqe.cid.get())?.map_or(Answer::Hold, Answer::Complete))
            }
            AdminOpcode::GetFeatures => match self.get_feature(&GetFeatures::from_sqe(sqe), view)? {
                Value::Dword(value) => Ok(Answer::Complete(done.with_dw0(value))),
                Value::Data(value, data) => Ok(Answer::Data(done.with_dw0(value), sized(data, sqe, view)?)),
            },
            AdminOpcode::SetFeatures => {
                let value = self.set_feature(&SetFeatures::from_sqe(sqe), data, view)?;
                Ok(Answer::Complete(done.with_dw0(value)))
            }
            AdminOpcode::Abort if io_only => Ok(self.abort(sqe)),
            _ => Err(Status::INVALID_OPCODE.dnr()),
        }
    }

    fn fabrics(&mut self, sqe: &Sqe) -> Result<Answer, Status> {
        let done = Cqe::new(sqe.cid.get(), Status::SUCCESS);
        let command = PropertyCommand::from_sqe(sqe);
        match fabrics_type(sqe) {
            Some(FabricsType::PropertyGet) => {
                Ok(Answer::Complete(done.with_result(self.properties.get(&command)?)))
            }
            Some(FabricsType::PropertySet) => match self.properties.set(&command)? {
                Change::None => Ok(Answer::Complete(done)),
                Change::Reset => {
                    let waiting = self.events.reset();
                    Ok(Answer::Reset(done, waiting))
                }
            },
            // The queue is connected already.
            Some(FabricsType::Connect) => Err(Status::COMMAND_SEQUENCE_ERROR.dnr()),
            Some(FabricsType::Disconnect) => Err(Status::INVALID_QUEUE_TYPE.dnr()),
            _ => Err(Status::INVALID_OPCODE.dnr()),
        }
    }

    fn get_log_page(&mut self, sqe: &Sqe, view: &View<'_>) -> Result<Answer, Status> {
        let done = Cqe::new(sqe.cid.get(), Status::SUCCESS);
        let command = GetLogPage::from_sqe(sqe);
        let (id, page) = self.log_page(&command, view)?;
        let part = command.range().of(&page).ok_or(Status::INVALID_FIELD.dnr())?.to_vec();
        let data = sized(part, sqe, view)?;
        let event = if command.cdw10.rae() { None } else { self.events.log_read(id) };
        Ok(match event {
            None => Answer::Data(done, data),
            Some(event) => Answer::DataAndEvent(done, data, event),
        })
    }

    /// Abort names the queue in the low and the command in the high half of CDW10 (NVMe Base section 5.1).
    fn abort(&mut self, sqe: &Sqe) -> Answer {
        let [s0, s1, c0, c1] = sqe.cdw10.get().to_le_bytes();
        let (sqid, target) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([c0, c1]));
        let cid = sqe.cid.get();
        if sqid == 0 && self.events.abort(target) {
            let request = Cqe::new(target, Status::ABORT_REQUESTED);
            return Answer::Aborted { abort: Cqe::new(cid, Status::SUCCESS), request };
        }
        Answer::Abort { cid, sqid, target }
    }
}

/// Exactly as many bytes as the host made room for: what a page lacks is zero, what it has too much is cut.
fn sized(mut data: Vec<u8>, sqe: &Sqe, view: &View<'_>) -> Result<Vec<u8>, Status> {
    if sqe.psdt() != PSDT_SGL {
        return Err(Status::INVALID_FIELD.dnr());
    }
    match sqe.sgl() {
        Sgl::Transport { length: 0 } => Err(Status::SGL_DATA_LENGTH_INVALID.dnr()),
        Sgl::Transport { length } if length > view.limits.max_transfer_bytes => {
            Err(Status::INVALID_FIELD.dnr())
        }
        Sgl::Transport { length } => {
            data.resize(length as usize, 0);
            Ok(data)
        }
        _ => Err(Status::SGL_TYPE_INVALID.dnr()),
    }
}
