//! What the owner does with each event, and what must hold of it.

use super::{ControllerOwner, TRANSFER_MAX, Transfer};
use crate::fabrics::connect::ConnectCommand;
use crate::opcode::{AdminOpcode, DataTransfer};
use crate::qpair::ControllerEvent;
use crate::sqe::Sqe;

impl ControllerOwner {
    pub(super) fn act(&mut self, event: ControllerEvent<'_>) {
        assert!(!self.over, "an event after the end");
        match event {
            ControllerEvent::Initialized => assert_eq!(self.tally.commands, 0),
            ControllerEvent::Command { sqe, data } => {
                self.tally.data_digest_errors += u64::from(data.is_err());
                self.command(&sqe, data.is_ok_and(<[u8]>::is_empty));
            }
            ControllerEvent::Data { context, offset, bytes } => self.data(context, offset, bytes.len()),
            ControllerEvent::TransferDone { context, result } => {
                self.tally.transfers += 1;
                self.tally.data_digest_errors += u64::from(result.is_err());
                self.transfer_done(context);
            }
            ControllerEvent::PeerTerminated { .. } => {
                self.over = true;
                self.tally.peer_terminated += 1;
            }
            ControllerEvent::Terminated => {
                (self.over, self.failed) = (true, true);
                let error = self.qpair.error().expect("the error that ended it");
                self.tally.fatal[error.fes as usize] += 1;
            }
        }
        assert_eq!(self.qpair.is_terminated(), self.over);
        assert_eq!(self.qpair.outstanding() as usize, self.outstanding(), "commands outstanding");
    }

    fn command(&mut self, sqe: &Sqe, without_data: bool) {
        self.tally.commands += 1;
        if self.tally.commands == 1 && sqe.opcode == AdminOpcode::Fabrics.wire() {
            self.connect(sqe);
        }
        let length = sqe.sgl().length().min(TRANSFER_MAX);
        let cid = sqe.cid.get();
        let inbound = DataTransfer::of(sqe.opcode) == DataTransfer::HostToController;
        if inbound && without_data && length > 0 {
            self.request_data(cid, length);
        } else {
            self.answerable.push((cid, sqe.opcode));
        }
        assert!(self.outstanding() <= self.limit, "the queue's size");
    }

    fn connect(&mut self, sqe: &Sqe) {
        let command = ConnectCommand::from_sqe(sqe);
        let entries = command.cdw11.sqsize().clamp(2, 64);
        let flow_control = !command.cdw11.disable_sq_flow_control();
        self.qpair.set_queue(command.cdw10.qid(), entries, flow_control);
        self.limit = usize::from(entries);
    }

    fn request_data(&mut self, cid: u16, length: u32) {
        let free = self.transfers.iter().position(Option::is_none);
        let context = free.unwrap_or(self.transfers.len());
        self.transfers.resize(self.transfers.len().max(context + 1), None);
        self.transfers[context] = Some(Transfer { cid, length, received: 0 });
        self.qpair.request_data(cid, u32::try_from(context).expect("few transfers"), length);
    }

    fn transfer(&mut self, context: u32) -> &mut Option<Transfer> {
        &mut self.transfers[usize::try_from(context).expect("it fits")]
    }

    pub(super) fn data(&mut self, context: u32, offset: u32, length: usize) {
        let transfer = self.transfer(context).as_mut().expect("data of a transfer in progress");
        assert_eq!(offset, transfer.received, "payload in order");
        transfer.received += u32::try_from(length).expect("a piece is small");
        assert!(length > 0 && transfer.received <= transfer.length, "no more than was asked for");
    }

    fn transfer_done(&mut self, context: u32) {
        let transfer = self.transfer(context).take().expect("a transfer in progress");
        assert_eq!(transfer.received, transfer.length, "all that was asked for");
        self.answerable.push((transfer.cid, 1));
    }
}
