//! The host's end with an owner that submits random commands and checks every byte that comes back.

use crate::random::{Random, pattern};
use crate::target::{ERROR, FLUSH, PATTERN, READ, RESULT, WRITE, ZEROES};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{HostData, HostEvent, HostParams, HostQpair};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::little_endian::{U16, U32};

const SIZES: [usize; 9] = [512, 512, 1024, 4096, 4096, 4100, 16384, 65536, 1 << 20];

struct Submitted {
    sqe: Sqe,
    length: usize,
    data: Vec<u8>,
}

pub(crate) struct Load {
    pub(crate) qpair: HostQpair<Vec<u8>>,
    pub(crate) peer_terminated: bool,
    pub(crate) wrong_data: bool,
    pub(crate) completed: usize,
    pub(crate) transport_errors: usize,
    to_submit: usize,
    submitted: Vec<Option<Submitted>>,
    input: Vec<u8>,
}

impl Load {
    pub(crate) fn new(params: &HostParams, in_capsule_bytes: u32, commands: usize) -> Self {
        let mut qpair = HostQpair::new(params);
        qpair.set_in_capsule_bytes(in_capsule_bytes);
        Self {
            qpair,
            peer_terminated: false,
            wrong_data: false,
            completed: 0,
            transport_errors: 0,
            to_submit: commands,
            submitted: (0..params.max_commands).map(|_| None).collect(),
            input: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.qpair.is_terminated()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.to_submit == 0 && self.submitted.iter().all(Option::is_none)
    }

    /// Submits a random command if there is a free identifier.
    pub(crate) fn submit(&mut self, random: &mut Random) {
        let free = self.submitted.iter().position(Option::is_none);
        let Some(slot) = free.filter(|_| self.to_submit > 0 && self.qpair.is_ready()) else {
            return;
        };
        self.to_submit -= 1;
        let mut sqe = Sqe {
            opcode: random.pick(&[READ, READ, WRITE, WRITE, WRITE, FLUSH]),
            cid: U16::new(u16::try_from(slot).expect("a slot is an identifier")),
            cdw13: U32::new(random.pick(&[PATTERN, PATTERN, PATTERN, ZEROES, ERROR, RESULT])),
            ..Sqe::default()
        };
        sqe.set_slba(random.next());
        let length = if random.one_in(40) { 1 << 20 } else { random.pick(&SIZES[..8]) };
        let data = match sqe.opcode {
            READ => HostData::In { length: u32::try_from(length).expect("at most 1 MiB") },
            WRITE => HostData::Out(pattern(sqe.slba(), length)),
            _ => HostData::None,
        };
        self.submitted[slot] = Some(Submitted { sqe, length, data: Vec::new() });
        self.qpair.submit(sqe, data, random.one_in(2));
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
        self.store(pending.context as usize, pending.offset, &bytes[..length]);
        self.qpair.received_payload(&bytes[..length]);
        length
    }

    fn store(&mut self, cid: usize, offset: u32, bytes: &[u8]) {
        let submitted = self.submitted[cid].as_mut().expect("data of an outstanding command");
        assert_eq!(submitted.data.len(), offset as usize, "data come in order");
        submitted.data.extend_from_slice(bytes);
    }

    fn act(&mut self, event: HostEvent<'_, Vec<u8>>) {
        match event {
            HostEvent::Data { cid, offset, bytes } => self.store(usize::from(cid), offset, bytes),
            HostEvent::Completion { cid, cqe, transferred, buffer } => {
                let submitted = self.submitted[usize::from(cid)].take().expect("an outstanding command");
                assert_eq!(transferred as usize, submitted.data.len());
                self.completed += 1;
                self.check(&submitted, &cqe, buffer);
            }
            HostEvent::PeerTerminated { .. } => self.peer_terminated = true,
            HostEvent::Initialized { .. } | HostEvent::Terminated => {}
        }
    }

    fn check(&mut self, submitted: &Submitted, cqe: &Cqe, buffer: Option<Vec<u8>>) {
        let Submitted { sqe, length, data } = submitted;
        if sqe.opcode == WRITE {
            assert_eq!(buffer.expect("the buffer comes back"), pattern(sqe.slba(), *length));
        } else {
            assert_eq!(buffer, None);
        }
        match (cqe.status(), sqe.cdw13.get()) {
            (Status::TRANSIENT_TRANSPORT_ERROR, _) => self.transport_errors += 1,
            (Status::UNRECOVERED_READ, ERROR) => {}
            (Status::SUCCESS, wish) => self.check_success(sqe, (*length, data), cqe, wish),
            _ => self.wrong_data = true,
        }
    }

    fn check_success(&mut self, sqe: &Sqe, (length, data): (usize, &[u8]), cqe: &Cqe, wish: u32) {
        let expected = match (sqe.opcode, wish) {
            (READ, ZEROES) => vec![0; length],
            (READ, _) => pattern(sqe.slba(), length),
            _ => Vec::new(),
        };
        let result = if wish == RESULT { sqe.slba() } else { 0 };
        self.wrong_data |= data != expected || cqe.result() != result;
    }
}
