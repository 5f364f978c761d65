//! A connection of plain bytes: whatever a test wants to send, and PDU by PDU what comes back.

use super::host::Connect;
use super::pdu::{Digests, common};
use super::{PATIENCE, Target};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::tcp::{CapsuleResp, DigestFlags, Fes, IcReq, IcResp, PduType, R2t, TermReq};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use zerocopy::{FromBytes, IntoBytes};

/// The connection.
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) digests: Digests,
}

/// A PDU from the target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pdu {
    pub(crate) kind: PduType,
    pub(crate) bytes: Vec<u8>,
}

impl Wire {
    /// Connected, and nothing said.
    pub(crate) fn open(target: &Target) -> Self {
        let stream = TcpStream::connect(target.address()).expect("the target listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, digests: Digests::default() }
    }

    /// Past ICReq and ICResp.
    pub(crate) fn initialized(target: &Target, digests: Digests) -> Self {
        let mut wire = Self::open(target);
        wire.send(IcReq::new(0, DigestFlags::new(digests.header, digests.data), 0).as_bytes());
        let answer = wire.pdu().expect("an ICResp");
        let (ic_resp, _) = IcResp::read_from_prefix(&answer.bytes).expect("whole");
        assert_eq!((answer.kind, ic_resp.dgst.header()), (PduType::IcResp, digests.header));
        wire.digests = digests;
        wire
    }

    /// Connected as the queue that `connect` names.
    pub(crate) fn connected(target: &Target, digests: Digests, connect: &Connect) -> Self {
        let mut wire = Self::initialized(target, digests);
        let cqe = wire.connect(connect);
        assert!(cqe.status().is_success(), "{:?}", cqe.status());
        wire
    }

    /// Sends a Connect and awaits its answer.
    pub(crate) fn connect(&mut self, connect: &Connect) -> Cqe {
        let (sqe, data) = connect.capsule();
        self.command(&sqe, &data);
        self.completion()
    }

    /// Sends bytes. A target that closes meanwhile is no failure here: what it said tells.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a command capsule.
    pub(crate) fn command(&mut self, sqe: &Sqe, data: &[u8]) {
        let capsule = self.digests.capsule(sqe, data);
        self.send(&capsule);
    }

    /// The next PDU; `None` at the end of the connection.
    pub(crate) fn pdu(&mut self) -> Option<Pdu> {
        self.header().map(|(kind, mut bytes)| {
            assert!(self.fill(&mut bytes[8..]), "the target closed in the midst of a PDU");
            Pdu { kind, bytes }
        })
    }

    /// Type and place of the next PDU, its common header filled in.
    fn header(&mut self) -> Option<(PduType, Vec<u8>)> {
        let mut bytes = vec![0; 8];
        if !self.fill(&mut bytes) {
            return None;
        }
        let header = common(&bytes).expect("eight bytes");
        bytes.resize(header.plen.get() as usize, 0);
        Some((PduType::from_wire(header.pdu_type).expect("a known type"), bytes))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        match self.stream.read_exact(bytes) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the target says nothing")
            }
            Err(_) => false,
        }
    }

    /// The next PDU, which is a response capsule.
    pub(crate) fn completion(&mut self) -> Cqe {
        let pdu = self.pdu().expect("an answer");
        assert_eq!(pdu.kind, PduType::CapsuleResp, "{pdu:?}");
        CapsuleResp::read_from_prefix(&pdu.bytes).expect("whole").0.cqe
    }

    /// The next PDU, which is an R2T.
    pub(crate) fn r2t(&mut self) -> R2t {
        let pdu = self.pdu().expect("an answer");
        assert_eq!(pdu.kind, PduType::R2t, "{pdu:?}");
        R2t::read_from_prefix(&pdu.bytes).expect("whole").0
    }

    /// The next PDU, which is a C2HTermReq, and the end of the connection after it. Returns status,
    /// information and the copy of the header.
    pub(crate) fn term_req(&mut self) -> (Option<Fes>, u32, Vec<u8>) {
        let pdu = self.pdu().expect("a C2HTermReq");
        assert_eq!(pdu.kind, PduType::C2hTermReq, "{pdu:?}");
        let (term_req, copy) = TermReq::read_from_prefix(&pdu.bytes).expect("whole");
        self.assert_closed();
        (term_req.fes(), term_req.fei.get(), copy.to_vec())
    }

    /// Nothing more comes, and the target has closed.
    pub(crate) fn assert_closed(&mut self) {
        assert_eq!(self.pdu(), None);
    }

    /// The same connection, for a thread that sends while another receives.
    pub(crate) fn clone(&self) -> Self {
        let stream = self.stream.try_clone().expect("a descriptor is left");
        Self { stream, digests: self.digests }
    }

    /// Ends the sending side.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next PDU; `None` also if the connection ends in the midst of one.
    pub(crate) fn pdu_or_end(&mut self) -> Option<Pdu> {
        let (kind, mut bytes) = self.header()?;
        self.fill(&mut bytes[8..]).then_some(Pdu { kind, bytes })
    }

    /// Takes the data of one command, and its response if it has one of its own.
    pub(crate) fn take_data(&mut self, length: usize) {
        let mut left = length;
        while left > 0 {
            let pdu = self.pdu().expect("data");
            assert_eq!(pdu.kind, PduType::C2hData);
            left -= pdu.bytes.len() - 24;
        }
        assert!(self.completion().status().is_success());
    }
}
