//! Every bit of every header flipped, with header digests in force.

use crate::{MAXH2CDATA, gathered};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{
    ControllerEvent, ControllerParams, ControllerQpair, HostData, HostEvent, HostParams, HostQpair, Payload,
};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{Fes, PduError, PduType};
use zerocopy::little_endian::U16;

struct Pair {
    host: HostQpair<Vec<u8>>,
    controller: ControllerQpair<Vec<u8>>,
}

fn pair() -> Pair {
    let host = HostParams { header_digest: true, data_digest: true, hpda: 0, max_r2t: 0, max_commands: 4 };
    let controller = ControllerParams {
        header_digest: true,
        data_digest: true,
        cpda: 0,
        max_h2c_data: MAXH2CDATA,
        in_capsule_bytes: 4096,
        max_commands: 4,
    };
    let mut pair = Pair { host: HostQpair::new(&host), controller: ControllerQpair::new(&controller) };
    let ic_req = pair.host_output();
    assert_eq!(pair.controller.receive(&ic_req).event, Some(ControllerEvent::Initialized));
    let ic_resp = pair.controller_output();
    assert!(matches!(pair.host.receive(&ic_resp).event, Some(HostEvent::Initialized { .. })));
    pair.host.set_in_capsule_bytes(4096);
    pair
}

impl Pair {
    fn host_output(&mut self) -> Vec<u8> {
        let sent = gathered(|out| self.host.transmit(out));
        self.host.transmitted(sent.len());
        sent
    }

    fn controller_output(&mut self) -> Vec<u8> {
        let sent = gathered(|out| self.controller.transmit(out));
        self.controller.transmitted(sent.len());
        sent
    }

    /// The host's command is taken by the controller; returns its capsule.
    fn submit(&mut self, data: HostData<Vec<u8>>, in_capsule: bool) -> Vec<u8> {
        let sqe = Sqe { opcode: 1, cid: U16::new(3), ..Sqe::default() };
        self.host.submit(sqe, data, in_capsule);
        self.host_output()
    }

    fn take(&mut self, capsule: &[u8]) {
        let event = self.controller.receive(capsule).event;
        assert!(matches!(event, Some(ControllerEvent::Command { .. })), "{event:?}");
    }
}

fn assert_header_error(what: &str, bit: usize, error: Option<PduError>) {
    let fes = error.unwrap_or_else(|| panic!("{what}: bit {bit} slipped through")).fes;
    let expected = [Fes::HeaderDigestError, Fes::InvalidPduHeaderField, Fes::PduSequenceError];
    assert!(expected.contains(&fes), "{what}: bit {bit} gave {fes}");
}

/// `make` brings a connection to the point where the PDU comes; the first `header` bytes are flipped bit by bit.
fn flip_towards_controller(what: &str, header: usize, make: impl Fn(&mut Pair) -> Vec<u8>) {
    for bit in 0..header * 8 {
        let mut pair = pair();
        let mut pdu = make(&mut pair);
        pdu[bit / 8] ^= 1 << (bit % 8);
        let event = pair.controller.receive(&pdu).event;
        if pdu[0] == PduType::H2cTermReq as u8 {
            // A flipped type that reads as TermReq, which has no digest, ends the connection as well.
            assert!(matches!(event, Some(ControllerEvent::PeerTerminated { .. })), "{what}");
            continue;
        }
        assert_eq!(event, Some(ControllerEvent::Terminated), "{what}: bit {bit}");
        assert_header_error(what, bit, pair.controller.error());
    }
}

fn flip_towards_host(what: &str, header: usize, make: impl Fn(&mut Pair) -> Vec<u8>) {
    for bit in 0..header * 8 {
        let mut pair = pair();
        let mut pdu = make(&mut pair);
        pdu[bit / 8] ^= 1 << (bit % 8);
        let event = pair.host.receive(&pdu).event;
        if pdu[0] == PduType::C2hTermReq as u8 {
            assert!(matches!(event, Some(HostEvent::PeerTerminated { .. })), "{what}");
            continue;
        }
        assert_eq!(event, Some(HostEvent::Terminated), "{what}: bit {bit}");
        assert_header_error(what, bit, pair.host.error());
    }
}

#[test]
fn every_flip_towards_the_controller_is_caught() {
    flip_towards_controller("CapsuleCmd", 76, |pair| pair.submit(HostData::In { length: 512 }, false));
    flip_towards_controller("CapsuleCmd with data", 76, |pair| {
        pair.submit(HostData::Out(vec![1; 512]), true)
    });
    flip_towards_controller("H2CData", 28, |pair| {
        let capsule = pair.submit(HostData::Out(vec![1; 512]), false);
        pair.take(&capsule);
        pair.controller.request_data(3, 0, 512);
        let r2t = pair.controller_output();
        assert_eq!(pair.host.receive(&r2t).event, None);
        pair.host_output()
    });
}

#[test]
fn every_flip_towards_the_host_is_caught() {
    let asked = |pair: &mut Pair, data| {
        let capsule = pair.submit(data, false);
        pair.take(&capsule);
    };
    flip_towards_host("CapsuleResp", 28, |pair| {
        asked(pair, HostData::None);
        pair.controller.respond(Cqe::new(3, Status::SUCCESS));
        pair.controller_output()
    });
    flip_towards_host("C2HData", 28, |pair| {
        asked(pair, HostData::In { length: 512 });
        pair.controller.respond_data(Cqe::new(3, Status::SUCCESS), Payload::Zeroes { length: 512 });
        pair.controller_output()
    });
    flip_towards_host("R2T", 28, |pair| {
        asked(pair, HostData::Out(vec![0; 512]));
        pair.controller.request_data(3, 0, 512);
        pair.controller_output()
    });
}

/// FEI of a header digest error is the digest that came.
#[test]
fn term_req_tells_the_digest_received() {
    let mut pair = pair();
    let mut capsule = pair.submit(HostData::None, false);
    capsule[20] ^= 0x10;
    let received = u32::from_le_bytes([capsule[72], capsule[73], capsule[74], capsule[75]]);
    assert_eq!(pair.controller.receive(&capsule).event, Some(ControllerEvent::Terminated));
    let error = (Fes::HeaderDigestError, received);
    crate::assert_term_req("digest", &pair.controller_output(), error, &capsule, 72);
}
