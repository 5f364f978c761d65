//! A host as the controller's qpair meets it: mostly well-behaved, so that connections live long enough to reach
//! every state, with something wrong in one PDU of about forty.

use super::Target;
use super::controller::{ControllerOwner, Tally};
use super::frame::{Frame, restore_header_digest};
use super::mutate::mutate;
use super::random::Random;
use crate::fabrics::connect::{ConnectCdw11, ConnectCommand};
use crate::opcode::NvmOpcode;
use crate::qpair::ControllerParams;
use crate::sgl::Sgl;
use crate::sqe::Sqe;
use crate::tcp::{CapsuleCmd, DigestFlags, H2cData, IcReq, PduError, PduType, TermReq};
use zerocopy::IntoBytes;

pub(super) const TARGETS: &[Target] = &[Target {
    name: "controller_conversation",
    run: controller_conversation,
    golden: || (0..=255).collect(),
}];

/// Most PDUs of a conversation whose choices are a fuzzer's input.
const CONVERSATION_MAX: u32 = 200;

/// A scripted host against the controller's qpair; the input makes the choices on both sides.
pub fn controller_conversation(input: &[u8]) {
    let mut random = Random::from_input(input);
    let params = random_params(&mut random);
    let most = if random.has_input() { CONVERSATION_MAX } else { 1 };
    let _ = converse(&params, random, most);
}

/// Parameters by choice.
pub(super) fn random_params(random: &mut Random) -> ControllerParams {
    ControllerParams {
        header_digest: random.one_in(2),
        data_digest: random.one_in(2),
        cpda: u8::try_from(random.below(32)).expect("it is less than 32"),
        max_h2c_data: 4096,
        in_capsule_bytes: u32::try_from(random.below(3) * 4096).expect("it is small"),
        max_commands: 16,
    }
}

/// One connection from ICReq to its end, of at most `most` PDUs; returns how many there were and what they did.
pub(super) fn converse(params: &ControllerParams, random: Random, most: u32) -> (u32, Tally) {
    let mut owner = ControllerOwner::new(params, random);
    let mut script = HostScript::new(params);
    let mut stream = Vec::new();
    let mut pdus = 0;
    while pdus < most && !owner.is_over() {
        stream.extend(script.next(&mut owner));
        pdus += 1;
        let end = if owner.random.one_in(8) { owner.random.below(stream.len()) } else { stream.len() };
        let consumed = owner.receive(&stream[..end]);
        stream.drain(..consumed);
        owner.do_something();
    }
    owner.finish();
    (pdus, owner.tally)
}

/// The host's side of one connection.
pub(super) struct HostScript {
    frame: Frame,
    in_capsule_bytes: usize,
    max_h2c_data: u32,
    said_hello: bool,
    connected: bool,
    next_cid: u16,
}

impl HostScript {
    /// Asks for the digests that the controller is willing to use.
    pub(super) fn new(params: &ControllerParams) -> Self {
        Self {
            frame: Frame {
                header_digest: params.header_digest,
                data_digest: params.data_digest,
                align: (usize::from(params.cpda) + 1) * 4,
            },
            in_capsule_bytes: usize::try_from(params.in_capsule_bytes).expect("it is small"),
            max_h2c_data: params.max_h2c_data,
            said_hello: false,
            connected: false,
            next_cid: 0,
        }
    }

    /// The next PDU, or what stands in its place.
    pub(super) fn next(&mut self, owner: &mut ControllerOwner) -> Vec<u8> {
        let mut pdu = self.well_formed(owner);
        let random = &mut owner.random;
        match random.below(200) {
            0..=3 => self.corrupt(&mut pdu, random),
            4 => pdu = self.foreign(random),
            _ => {}
        }
        pdu
    }

    fn well_formed(&mut self, owner: &mut ControllerOwner) -> Vec<u8> {
        if !core::mem::replace(&mut self.said_hello, true) {
            let dgst = DigestFlags::new(self.frame.header_digest, self.frame.data_digest);
            return IcReq::new(0, dgst, 0).as_bytes().to_vec();
        }
        if !core::mem::replace(&mut self.connected, true) {
            return self.connect(&mut owner.random);
        }
        let serve = !owner.r2ts.is_empty() && owner.random.one_in(2);
        if serve || !(owner.has_room() || owner.random.one_in(1000)) {
            return self.serve_r2t(owner);
        }
        match owner.random.below(8) {
            0 => self.write(owner, true),
            1 => self.write(owner, false),
            _ => self.read(),
        }
    }

    fn entry(&mut self, opcode: NvmOpcode) -> Sqe {
        self.next_cid = self.next_cid.wrapping_add(1);
        Sqe { opcode: opcode.wire(), cid: self.next_cid.into(), nsid: 1.into(), ..Sqe::default() }
    }

    fn connect(&mut self, random: &mut Random) -> Vec<u8> {
        let mut sqe = self.entry(NvmOpcode::Fabrics);
        let cdw11 = ConnectCdw11::default().with_sqsize(31).with_disable_sq_flow_control(random.one_in(2));
        ConnectCommand { cdw11, ..ConnectCommand::default() }.write_to(&mut sqe);
        self.capsule(sqe, &[0; 1024])
    }

    fn read(&mut self) -> Vec<u8> {
        let mut sqe = self.entry(NvmOpcode::Read);
        sqe.set_sgl(Sgl::Transport { length: 4096 });
        self.capsule(sqe, &[])
    }

    fn write(&mut self, owner: &mut ControllerOwner, in_capsule: bool) -> Vec<u8> {
        let mut sqe = self.entry(NvmOpcode::Write);
        let length = 1 + owner.random.below(self.in_capsule_bytes.max(8192));
        let wire_length = u32::try_from(length).expect("it is small");
        if in_capsule && length <= self.in_capsule_bytes {
            sqe.set_sgl(Sgl::InCapsule { offset: 0, length: wire_length });
            return self.capsule(sqe, &vec![owner.random.byte(); length]);
        }
        sqe.set_sgl(Sgl::Transport { length: wire_length });
        self.capsule(sqe, &[])
    }

    /// The next H2CData of any open R2T, rarely longer than MAXH2CDATA or than
    /// what was asked for; a command if there is no R2T after all.
    fn serve_r2t(&mut self, owner: &mut ControllerOwner) -> Vec<u8> {
        if owner.r2ts.is_empty() {
            return self.read();
        }
        let at = owner.random.below(owner.r2ts.len());
        let most = if owner.random.one_in(300) { u32::MAX } else { self.max_h2c_data };
        let excess = if owner.random.one_in(300) { 4 } else { 0 };
        let r2t = &mut owner.r2ts[at];
        let length = (r2t.end - r2t.next).min(most) + excess;
        let (cid, ttag, start) = (r2t.cid, r2t.ttag, r2t.next);
        r2t.next += length;
        let last = r2t.next == r2t.end;
        if r2t.next >= r2t.end {
            owner.r2ts.swap_remove(at);
        }
        let data = vec![0xa5; usize::try_from(length).expect("it is small")];
        let (pdo, plen) = self.frame.extent(24, data.len());
        let flags = self.frame.flags(true).with_last_pdu(last);
        self.frame.pdu(&H2cData::new(flags, pdo, plen, cid, ttag, (start, length)), &data)
    }

    fn capsule(&self, sqe: Sqe, data: &[u8]) -> Vec<u8> {
        let (pdo, plen) = self.frame.extent(72, data.len());
        self.frame.pdu(&CapsuleCmd::new(self.frame.flags(!data.is_empty()), pdo, plen, sqe), data)
    }

    /// Breaks the PDU, half the time behind the back of the header digest.
    fn corrupt(&self, pdu: &mut Vec<u8>, random: &mut Random) {
        if random.one_in(4) {
            let at = random.below(pdu.len());
            pdu[at] ^= 1;
            return;
        }
        let header = pdu.len().min(if random.one_in(2) { 24 } else { 72 });
        let tail = pdu.split_off(header);
        mutate(pdu, random);
        pdu.extend(tail);
        if self.frame.header_digest && random.one_in(2) {
            restore_header_digest(pdu);
        }
    }

    /// A PDU of a type that has no business here, or no PDU at all.
    fn foreign(&self, random: &mut Random) -> Vec<u8> {
        match random.below(4) {
            0 => IcReq::new(0, DigestFlags::new(false, false), 0).as_bytes().to_vec(),
            1 => TermReq::new(PduType::H2cTermReq, PduError::SEQUENCE, 0).as_bytes().to_vec(),
            2 => TermReq::new(PduType::C2hTermReq, PduError::SEQUENCE, 0).as_bytes().to_vec(),
            _ => (0..=random.below(256)).map(|_| random.byte()).collect(),
        }
    }
}
