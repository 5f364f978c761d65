//! The controller's qpair with an owner that does anything a target might: answers at once or late, in any order,
//! asks for data, reads payload into its place, sends in part.
//!
//! What must hold whatever the host sends:
//! - `receive` consumes no more than it was given, and without an event wants more than is left;
//! - payload of a transfer comes in order and exactly as much as was asked for;
//! - the commands outstanding are those handed out and not answered, within the queue's size;
//! - what is sent are whole PDUs; C2HTermReq comes once, last, and only after `Terminated`;
//! - nothing is handed out after the end.

mod act;
mod answer;

use super::Target;
use super::random::Random;
use crate::qpair::{ControllerParams, ControllerQpair};
use crate::sqe::Sqe;
use crate::tcp::{DigestFlags, IcReq};
use zerocopy::IntoBytes;

pub(super) const TARGETS: &[Target] =
    &[Target { name: "controller_qpair", run: controller_qpair, golden: golden_stream }];

/// Most data that the owner asks for or returns, in bytes.
const TRANSFER_MAX: u32 = 16 * 1024;

/// Bytes of the input that choose the qpair's parameters and the owner's whims.
const CHOICE_BYTES: usize = 8;

/// A byte stream from the host, behind eight bytes that choose parameters and the owner's doings.
pub fn controller_qpair(input: &[u8]) {
    let Some((choices, stream)) = input.split_first_chunk::<CHOICE_BYTES>() else { return };
    let mut owner = ControllerOwner::new(&params(choices), Random::new(u64::from_le_bytes(*choices)));
    let (mut at, mut end) = (0, 0);
    while end < stream.len() {
        end += 1 + owner.random.below(stream.len() - end);
        at += owner.receive(&stream[at..end]);
        owner.do_something();
    }
    owner.finish();
}

fn params(choices: &[u8; CHOICE_BYTES]) -> ControllerParams {
    let [digests, cpda, in_capsule, commands, ..] = *choices;
    ControllerParams {
        header_digest: digests & 1 != 0,
        data_digest: digests & 2 != 0,
        cpda: cpda % 32,
        max_h2c_data: 4096,
        in_capsule_bytes: u32::from(in_capsule % 4) * 4096,
        max_commands: u16::from(commands % 32) + 1,
    }
}

/// Data on their way from the host.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    cid: u16,
    length: u32,
    received: u32,
}

/// An R2T that was sent and not yet served in full.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenR2t {
    pub(super) cid: u16,
    pub(super) ttag: u16,
    pub(super) next: u32,
    pub(super) end: u32,
}

/// What happened on a connection: shows that a run gets everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) transfers: u64,
    pub(super) data_digest_errors: u64,
    pub(super) peer_terminated: u64,
    /// By Fatal Error Status.
    pub(super) fatal: [u64; 7],
}

/// The owner.
pub(super) struct ControllerOwner {
    qpair: ControllerQpair<Vec<u8>>,
    pub(super) random: Random,
    /// Commands that may be answered: their identifiers and opcodes.
    answerable: Vec<(u16, u8)>,
    /// By context.
    transfers: Vec<Option<Transfer>>,
    /// As the host sees them.
    pub(super) r2ts: Vec<OpenR2t>,
    limit: usize,
    pub(super) tally: Tally,
    /// Terminated or terminated by the peer.
    over: bool,
    failed: bool,
    term_reqs: u32,
    sent: Vec<u8>,
}

impl ControllerOwner {
    pub(super) fn new(params: &ControllerParams, random: Random) -> Self {
        Self {
            qpair: ControllerQpair::new(params),
            random,
            answerable: Vec::new(),
            transfers: Vec::new(),
            r2ts: Vec::new(),
            limit: usize::from(params.max_commands),
            tally: Tally::default(),
            over: false,
            failed: false,
            term_reqs: 0,
            sent: Vec::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the host may send another command without breaking its queue's bound.
    pub(super) fn has_room(&self) -> bool {
        self.outstanding() < self.limit
    }

    fn outstanding(&self) -> usize {
        self.answerable.len() + self.transfers.iter().flatten().count()
    }

    /// Lets the qpair have `input`; returns how much of it is dealt with.
    pub(super) fn receive(&mut self, input: &[u8]) -> usize {
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

    /// At times takes pending payload past `receive`, as a target does that reads right into the buffer.
    fn read_into_place(&mut self, input: &[u8]) -> usize {
        let Some(pending) = self.qpair.payload().filter(|_| !self.over) else { return 0 };
        assert!(pending.remaining > 0);
        let most = input.len().min(usize::try_from(pending.remaining).expect("it fits"));
        if most == 0 || self.random.one_in(2) {
            return 0;
        }
        let taken = 1 + self.random.below(most);
        self.qpair.received_payload(&input[..taken]);
        self.data(pending.context, pending.offset, taken);
        taken
    }
}

/// ICReq and a few commands without data, digests off.
fn golden_stream() -> Vec<u8> {
    let mut stream = vec![0, 0, 2, 31, 0, 0, 0, 0];
    stream.extend(IcReq::new(0, DigestFlags::new(false, false), 0).as_bytes());
    for cid in 0..4 {
        stream.extend([4, 0, 72, 0, 72, 0, 0, 0]);
        let mut sqe = Sqe { opcode: 2, cid: cid.into(), nsid: 1.into(), ..Sqe::default() };
        sqe.set_sgl(crate::sgl::Sgl::Transport { length: 4096 });
        stream.extend(sqe.as_bytes());
    }
    stream
}
