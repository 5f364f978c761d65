//! The host's qpair with an owner that keeps every command identifier busy, with each kind of data.
//!
//! What must hold whatever the controller sends:
//! - `receive` consumes no more than it was given, and without an event wants more than is left;
//! - data come in order, for commands that asked for some, and no more than they asked for;
//! - a command completes once; its buffer comes back, then or when the connection is over;
//! - what is sent are whole PDUs; H2CTermReq comes once, last, and only after `Terminated`.

use super::Target;
use super::random::Random;
use super::wire::{for_each_pdu, write_some};
use crate::cqe::Cqe;
use crate::opcode::NvmOpcode;
use crate::qpair::{HostData, HostEvent, HostParams, HostQpair};
use crate::sqe::Sqe;
use crate::status::Status;
use crate::tcp::{C2hData, CapsuleResp, DigestFlags, Fes, IcResp, PduFlags, PduType, R2t};
use std::io::IoSlice;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

pub(super) const TARGETS: &[Target] =
    &[Target { name: "host_qpair", run: host_qpair, golden: golden_stream }];

/// Command identifiers in use.
const COMMANDS: u16 = 8;

/// Data of every command that has some, in bytes.
const LENGTH: u32 = 512;

/// Bytes of the input that choose the qpair's parameters and the owner's whims.
const CHOICE_BYTES: usize = 8;

/// A byte stream from the controller, behind eight bytes that choose parameters and the owner's doings.
pub fn host_qpair(input: &[u8]) {
    let Some((choices, stream)) = input.split_first_chunk::<CHOICE_BYTES>() else { return };
    let mut owner = HostOwner::new(choices);
    let (mut at, mut end) = (0, 0);
    while end < stream.len() {
        end += 1 + owner.random.below(stream.len() - end);
        at += owner.receive(&stream[at..end]);
        owner.do_something();
    }
    owner.finish();
}

/// What a command moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    In,
    InCapsule,
    ByR2t,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Nothing, Self::In, Self::InCapsule, Self::ByR2t];

    const fn has_buffer(self) -> bool {
        matches!(self, Self::InCapsule | Self::ByR2t)
    }
}

/// A command outstanding.
#[derive(Clone, Copy, Debug)]
struct Command {
    kind: Kind,
    received: u32,
}

struct HostOwner {
    qpair: HostQpair<Vec<u8>>,
    random: Random,
    /// By command identifier.
    commands: [Option<Command>; COMMANDS as usize],
    ready: bool,
    over: bool,
    failed: bool,
    term_reqs: u32,
    sent: Vec<u8>,
}

impl HostOwner {
    fn new(choices: &[u8; CHOICE_BYTES]) -> Self {
        let [digests, hpda, max_r2t, ..] = *choices;
        let params = HostParams {
            header_digest: digests & 1 != 0,
            data_digest: digests & 2 != 0,
            hpda: hpda % 32,
            max_r2t: u32::from(max_r2t),
            max_commands: COMMANDS,
        };
        Self {
            qpair: HostQpair::new(&params),
            random: Random::new(u64::from_le_bytes(*choices)),
            commands: [None; COMMANDS as usize],
            ready: false,
            over: false,
            failed: false,
            term_reqs: 0,
            sent: Vec::new(),
        }
    }

    fn receive(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        loop {
            at += self.read_into_place(&input[at..]);
            let received = self.qpair.receive(&input[at..]);
            assert!(received.consumed <= input.len() - at, "consumed more than there was");
            at += received.consumed;
            match received.event {
                Some(event) => self.act(event),
                None => break,
            }
        }
        let left = input.len() - at;
        assert!(if self.over { left == 0 } else { left < self.qpair.wants() }, "{left} bytes left");
        assert!(self.qpair.wants() <= self.qpair.max_pdu_bytes());
        at
    }

    /// At times takes pending data past `receive`.
    fn read_into_place(&mut self, input: &[u8]) -> usize {
        let Some(pending) = self.qpair.payload() else { return 0 };
        let most = input.len().min(usize::try_from(pending.remaining).expect("it fits"));
        if most == 0 || self.random.one_in(2) {
            return 0;
        }
        let taken = 1 + self.random.below(most);
        self.qpair.received_payload(&input[..taken]);
        self.data(u16::try_from(pending.context).expect("an identifier"), pending.offset, taken);
        taken
    }

    fn act(&mut self, event: HostEvent<'_, Vec<u8>>) {
        assert!(!self.over, "an event after the end");
        match event {
            HostEvent::Initialized { .. } => self.ready = true,
            HostEvent::Data { cid, offset, bytes } => self.data(cid, offset, bytes.len()),
            HostEvent::Completion { cid, cqe, transferred, buffer } => {
                assert_eq!(cqe.cid.get(), cid);
                self.completed(cid, transferred, buffer.is_some());
            }
            HostEvent::PeerTerminated { .. } => self.over = true,
            HostEvent::Terminated => (self.over, self.failed) = (true, true),
        }
        assert_eq!(self.qpair.is_terminated(), self.over);
    }

    fn data(&mut self, cid: u16, offset: u32, length: usize) {
        let command = self.commands[usize::from(cid)].as_mut().expect("data of an outstanding command");
        assert_eq!((command.kind, offset), (Kind::In, command.received), "data in order, where asked for");
        command.received += u32::try_from(length).expect("a piece is small");
        assert!(length > 0 && command.received <= LENGTH, "no more than was asked for");
    }

    fn completed(&mut self, cid: u16, transferred: u32, has_buffer: bool) {
        let command = self.commands[usize::from(cid)].take().expect("completion of an outstanding command");
        assert_eq!(has_buffer, command.kind.has_buffer(), "the buffer comes back");
        assert!(command.kind != Kind::In || transferred == command.received);
        assert!(self.qpair.is_free(cid));
    }

    fn do_something(&mut self) {
        for cid in 0..COMMANDS {
            if self.ready && !self.over && self.qpair.is_free(cid) && !self.random.one_in(4) {
                self.submit(cid);
            }
        }
        if !self.random.one_in(8) {
            self.send();
        }
    }

    /// The kind is the identifier's, so that a recorded stream can suit it.
    fn submit(&mut self, cid: u16) {
        let kind = Kind::ALL[usize::from(cid) % Kind::ALL.len()];
        let sqe = Sqe { opcode: NvmOpcode::Write.wire(), cid: U16::new(cid), ..Sqe::default() };
        let data = match kind {
            Kind::Nothing => HostData::None,
            Kind::In => HostData::In { length: LENGTH },
            Kind::InCapsule | Kind::ByR2t => HostData::Out(vec![self.random.byte(); LENGTH as usize]),
        };
        self.qpair.set_in_capsule_bytes(LENGTH);
        self.qpair.submit(sqe, data, kind == Kind::InCapsule);
        self.commands[usize::from(cid)] = Some(Command { kind, received: 0 });
    }

    fn send(&mut self) {
        let mut sent = core::mem::take(&mut self.sent);
        while self.qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.qpair.transmit(&mut slices);
            let bytes = write_some(&slices[..filled], &mut self.random, &mut sent);
            self.qpair.transmitted(bytes);
        }
        for_each_pdu(&sent, |pdu_type, _| self.see(pdu_type));
        sent.clear();
        self.sent = sent;
    }

    fn see(&mut self, pdu_type: PduType) {
        assert_eq!(self.term_reqs, 0, "nothing follows H2CTermReq");
        match pdu_type {
            PduType::H2cTermReq => self.term_reqs += 1,
            PduType::IcReq | PduType::CapsuleCmd | PduType::H2cData => {}
            other => panic!("{other:?} is the controller's"),
        }
    }

    /// The stream is over: all is sent, and the end gives back every buffer.
    fn finish(&mut self) {
        self.send();
        assert_eq!(self.term_reqs, u32::from(self.failed), "one H2CTermReq after a fatal error");
        if !self.over {
            self.receive(&[]);
            self.qpair.terminate(Fes::PduSequenceError, 0);
        }
        for cid in 0..COMMANDS {
            let expected = self.commands[usize::from(cid)].is_some_and(|command| command.kind.has_buffer());
            assert_eq!(self.qpair.reclaim(cid).is_some(), expected, "the buffer of command {cid}");
        }
    }
}

/// ICResp, and an answer to the first command of each kind.
fn golden_stream() -> Vec<u8> {
    let mut stream = vec![0; CHOICE_BYTES];
    let respond = |stream: &mut Vec<u8>, cid| {
        let cqe = Cqe::new(cid, Status::SUCCESS);
        stream.extend(CapsuleResp::new(PduFlags::NONE, 24, cqe).as_bytes());
    };
    stream.extend(IcResp::new(0, DigestFlags::new(false, false), 4096).as_bytes());
    respond(&mut stream, 0);
    let flags = PduFlags::NONE.with_last_pdu(true).with_success(true);
    stream.extend(C2hData::new(flags, 24, 24 + LENGTH, 1, (0, LENGTH)).as_bytes());
    stream.resize(stream.len() + LENGTH as usize, 0x5a);
    respond(&mut stream, 2);
    stream.extend(R2t::new(PduFlags::NONE, 24, 3, 0, (0, LENGTH)).as_bytes());
    respond(&mut stream, 3);
    stream
}
