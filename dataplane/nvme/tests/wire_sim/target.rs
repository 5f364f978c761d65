//! The controller's end with an owner that serves patterns: a read returns the bytes of its key, a write must bring
//! them. The key is the starting LBA; CDW13 says what else is wanted of the command.

use crate::random::{Random, pattern};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{ControllerEvent, ControllerParams, ControllerQpair, Payload};
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::DigestError;

pub(crate) const READ: u8 = 2;
pub(crate) const WRITE: u8 = 1;
pub(crate) const FLUSH: u8 = 0;

/// CDW13: answer with the key's bytes, with zeroes, with an error, or with a result in the completion.
pub(crate) const PATTERN: u32 = 0;
pub(crate) const ZEROES: u32 = 1;
pub(crate) const ERROR: u32 = 2;
pub(crate) const RESULT: u32 = 3;

/// A write whose data arrive by H2CData.
struct Arriving {
    sqe: Sqe,
    data: Vec<u8>,
}

pub(crate) struct Target {
    pub(crate) qpair: ControllerQpair<Vec<u8>>,
    pub(crate) peer_terminated: bool,
    pub(crate) wrong_data: bool,
    arriving: Vec<Option<Arriving>>,
    ready: Vec<(Sqe, Status)>,
    input: Vec<u8>,
}

impl Target {
    pub(crate) fn new(params: &ControllerParams, sq_flow_control: bool) -> Self {
        let mut qpair = ControllerQpair::new(params);
        qpair.set_queue(1, params.max_commands + 1, sq_flow_control);
        Self {
            qpair,
            peer_terminated: false,
            wrong_data: false,
            arriving: Vec::new(),
            ready: Vec::new(),
            input: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.qpair.is_terminated()
    }

    /// Takes bytes off the wire.
    pub(crate) fn receive(&mut self, bytes: &[u8], random: &mut Random) {
        let direct = self.read_in_place(bytes, random);
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(&bytes[direct..]);
        let mut at = 0;
        loop {
            let received = self.qpair.receive(&input[at..]);
            at += received.consumed;
            let Some(event) = received.event else { break };
            self.act(event);
        }
        input.drain(..at);
        self.input = input;
    }

    /// As an owner that reads the socket right into a buffer; returns how many bytes it took.
    fn read_in_place(&mut self, bytes: &[u8], random: &mut Random) -> usize {
        let Some(pending) = self.qpair.payload().filter(|_| self.input.is_empty() && random.one_in(2)) else {
            return 0;
        };
        let length = bytes.len().min(pending.remaining as usize);
        self.store(pending.context, pending.offset, &bytes[..length]);
        self.qpair.received_payload(&bytes[..length]);
        length
    }

    fn store(&mut self, context: u32, offset: u32, bytes: &[u8]) {
        let arriving = self.arriving[context as usize].as_mut().expect("a known context");
        assert_eq!(arriving.data.len(), offset as usize, "payload comes in order");
        arriving.data.extend_from_slice(bytes);
    }

    fn act(&mut self, event: ControllerEvent<'_>) {
        match event {
            ControllerEvent::Command { sqe, data } => self.command(sqe, data),
            ControllerEvent::Data { context, offset, bytes } => self.store(context, offset, bytes),
            ControllerEvent::TransferDone { context, result } => {
                let arrived = self.arriving[context as usize].take().expect("a known context");
                self.written(arrived.sqe, result.map(|()| &arrived.data[..]));
            }
            ControllerEvent::PeerTerminated { .. } => self.peer_terminated = true,
            ControllerEvent::Initialized | ControllerEvent::Terminated => {}
        }
    }

    fn command(&mut self, sqe: Sqe, data: Result<&[u8], DigestError>) {
        match (sqe.opcode, sqe.sgl()) {
            (WRITE, Sgl::Transport { length }) if length > 0 => {
                let context = u32::try_from(self.arriving.len()).expect("few");
                self.arriving.push(Some(Arriving { sqe, data: Vec::new() }));
                self.qpair.request_data(sqe.cid.get(), context, length);
            }
            (WRITE, _) => self.written(sqe, data),
            _ => self.ready.push((sqe, Status::SUCCESS)),
        }
    }

    fn written(&mut self, sqe: Sqe, data: Result<&[u8], DigestError>) {
        let status = match data {
            Err(_) => Status::TRANSIENT_TRANSPORT_ERROR,
            Ok(data) => {
                self.wrong_data |= data != pattern(sqe.slba(), data.len());
                Status::SUCCESS
            }
        };
        self.ready.push((sqe, status));
    }

    /// Answers one command, in any order.
    pub(crate) fn answer(&mut self, random: &mut Random) {
        if self.ready.is_empty() {
            return;
        }
        let (sqe, status) = self.ready.swap_remove(random.below(self.ready.len()));
        let wish = sqe.cdw13.get();
        let status = if wish == ERROR { Status::UNRECOVERED_READ } else { status };
        let mut cqe = Cqe::new(sqe.cid.get(), status);
        if wish == RESULT {
            cqe = cqe.with_result(sqe.slba());
        }
        // A corrupted length must not make this owner allocate gigabytes.
        let length = sqe.sgl().length().min(1 << 20);
        match (sqe.opcode, wish) {
            (READ, ZEROES) => self.qpair.respond_data(cqe, Payload::Zeroes { length }),
            (READ, PATTERN | RESULT) => {
                let buffer = pattern(sqe.slba(), length as usize);
                self.qpair.respond_data(cqe, Payload::Buffer { buffer, length });
            }
            _ => self.qpair.respond(cqe),
        }
    }
}
