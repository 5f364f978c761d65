//! One queue of an honest host, over a blocking socket.

use super::{BLOCK, HOST_NQN, PATIENCE, Target};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::connect::{CNTLID_ANY, ConnectCdw10, ConnectCdw11, ConnectCommand, ConnectData};
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::feature::host_identifier::HostIdentifier;
use sluice_nvme::nqn::NqnField;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::property::Property;
use sluice_nvme::qpair::{HostData, HostEvent, HostParams, HostQpair};
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::{IoControl, Sqe};
use sluice_nvme::status::Status;
use std::collections::HashMap;
use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

/// What a Connect asks for. The defaults are right for an admin queue.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) subsystem: String,
    pub(crate) host: String,
    pub(crate) host_id: [u8; 16],
    pub(crate) recfmt: u16,
    pub(crate) qid: u16,
    /// Zero-based.
    pub(crate) sqsize: u16,
    pub(crate) kato_ms: u32,
    pub(crate) cntlid: u16,
}

impl Connect {
    pub(crate) fn admin(subsystem: &str) -> Self {
        Self {
            subsystem: subsystem.to_owned(),
            host: HOST_NQN.to_owned(),
            host_id: [7; 16],
            recfmt: 0,
            qid: 0,
            sqsize: 31,
            kato_ms: 0,
            cntlid: CNTLID_ANY,
        }
    }

    /// The I/O queue `qid` of a controller, 128 entries.
    pub(crate) fn io(subsystem: &str, cntlid: u16, qid: u16) -> Self {
        Self { qid, cntlid, sqsize: 127, ..Self::admin(subsystem) }
    }

    /// Entry and data of the command, the data in the capsule.
    pub(crate) fn capsule(&self) -> (Sqe, Vec<u8>) {
        let name = |name: &str| NqnField::new(name).expect("a name that fits");
        let data = ConnectData {
            hostid: HostIdentifier(self.host_id),
            cntlid: U16::new(self.cntlid),
            reserved18: [0; 238],
            subnqn: name(&self.subsystem),
            hostnqn: name(&self.host),
            reserved768: [0; 256],
        };
        let command = ConnectCommand {
            cdw10: ConnectCdw10::default().with_recfmt(self.recfmt).with_qid(self.qid),
            cdw11: ConnectCdw11::default().with_sqsize(self.sqsize),
            kato_ms: self.kato_ms,
        };
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        sqe.set_sgl(Sgl::InCapsule { offset: 0, length: 1024 });
        (sqe, data.as_bytes().to_vec())
    }
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) cqe: Cqe,
    pub(crate) data: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> Status {
        self.cqe.status()
    }
}

/// The queue.
pub(crate) struct Host {
    stream: TcpStream,
    qpair: HostQpair<Vec<u8>>,
    input: Vec<u8>,
    arriving: HashMap<u16, Vec<u8>>,
    done: HashMap<u16, Reply>,
    next_cid: u16,
    /// The connection is over.
    pub(crate) closed: bool,
}

/// Command identifiers of a queue: as many as the deepest has entries.
const COMMANDS: u16 = 1024;

impl Host {
    /// Connected and initialized; with both digests if `digests`.
    pub(crate) fn open(target: &Target, digests: bool) -> Self {
        let stream = TcpStream::connect(target.address()).expect("the target listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        let qpair = HostQpair::new(&HostParams {
            header_digest: digests,
            data_digest: digests,
            hpda: 0,
            max_r2t: 0,
            max_commands: COMMANDS,
        });
        let mut host = Self {
            stream,
            qpair,
            input: Vec::new(),
            arriving: HashMap::new(),
            done: HashMap::new(),
            next_cid: 0,
            closed: false,
        };
        host.transmit();
        while !host.qpair.is_ready() {
            host.receive();
            assert!(!host.closed, "the target closed before ICResp");
        }
        host
    }

    /// Sends a Connect; the reply has the controller's identifier, or says what was wrong.
    pub(crate) fn connect(&mut self, connect: &Connect, in_capsule_bytes: u32) -> Reply {
        let (sqe, data) = connect.capsule();
        self.qpair.set_in_capsule_bytes(in_capsule_bytes);
        self.run(sqe, HostData::Out(data), true)
    }

    /// Queues a command without sending it; returns its identifier.
    pub(crate) fn queue(&mut self, mut sqe: Sqe, data: HostData<Vec<u8>>, in_capsule: bool) -> u16 {
        while !self.qpair.is_free(self.next_cid) {
            self.next_cid = (self.next_cid + 1) % COMMANDS;
        }
        let cid = self.next_cid;
        self.next_cid = (cid + 1) % COMMANDS;
        sqe.cid = U16::new(cid);
        if let HostData::In { length } = &data {
            self.arriving.insert(cid, vec![0; *length as usize]);
        }
        self.qpair.submit(sqe, data, in_capsule);
        cid
    }

    /// Sends a command; returns its identifier.
    pub(crate) fn submit(&mut self, sqe: Sqe, data: HostData<Vec<u8>>, in_capsule: bool) -> u16 {
        let cid = self.queue(sqe, data, in_capsule);
        self.transmit();
        cid
    }

    /// Sends a command and awaits its reply.
    pub(crate) fn run(&mut self, sqe: Sqe, data: HostData<Vec<u8>>, in_capsule: bool) -> Reply {
        let cid = self.submit(sqe, data, in_capsule);
        self.wait(cid)
    }

    /// Awaits the reply of a command.
    pub(crate) fn wait(&mut self, cid: u16) -> Reply {
        loop {
            if let Some(reply) = self.done.remove(&cid) {
                return reply;
            }
            assert!(!self.closed, "the connection is over, and command {cid} has no reply");
            self.receive();
        }
    }

    /// Awaits the end of the connection; replies on the way are kept.
    pub(crate) fn until_closed(&mut self) {
        while !self.closed {
            self.receive();
        }
    }

    /// Replies that came and were not waited for.
    pub(crate) fn replies(&self) -> usize {
        self.done.len()
    }

    /// Sends what is queued, and the data that R2Ts ask for.
    pub(crate) fn transmit(&mut self) {
        while self.qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); 64];
            let count = self.qpair.transmit(&mut slices);
            match self.stream.write_vectored(&slices[..count]) {
                Ok(sent) => self.qpair.transmitted(sent),
                Err(_) => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    /// Takes what the socket has, at least something.
    fn receive(&mut self) {
        let mut space = [0; 64 << 10];
        match self.stream.read(&mut space) {
            Ok(count) if count > 0 => self.input.extend_from_slice(&space[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the target says nothing"),
            _ => self.closed = true,
        }
        self.digest();
        self.transmit();
    }

    fn digest(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        loop {
            let received = self.qpair.receive(rest);
            rest = &rest[received.consumed..];
            match received.event {
                None => break,
                Some(HostEvent::Data { cid, offset, bytes }) => {
                    let place = self.arriving.get_mut(&cid).expect("data that were asked for");
                    place[offset as usize..][..bytes.len()].copy_from_slice(bytes);
                }
                Some(HostEvent::Completion { cid, cqe, .. }) => {
                    let data = self.arriving.remove(&cid).unwrap_or_default();
                    self.done.insert(cid, Reply { cqe, data });
                }
                Some(HostEvent::Initialized { .. }) => {}
                Some(HostEvent::PeerTerminated { .. } | HostEvent::Terminated) => {
                    self.closed = true;
                    break;
                }
            }
        }
        self.input = rest.to_vec();
    }

    /// Writes whole blocks.
    pub(crate) fn write(&mut self, lba: u64, data: Vec<u8>, in_capsule: bool) -> Status {
        let sqe = io(NvmOpcode::Write, lba, data.len() / BLOCK);
        self.run(sqe, HostData::Out(data), in_capsule).status()
    }

    /// Reads whole blocks.
    pub(crate) fn read(&mut self, lba: u64, blocks: usize) -> Result<Vec<u8>, Status> {
        let length = u32::try_from(blocks * BLOCK).expect("a short transfer");
        let reply = self.run(io(NvmOpcode::Read, lba, blocks), HostData::In { length }, false);
        if reply.status().is_success() { Ok(reply.data) } else { Err(reply.status()) }
    }

    /// Property Get.
    pub(crate) fn property(&mut self, property: Property) -> u64 {
        let mut sqe = Sqe::default();
        PropertyCommand::get(property).write_get_to(&mut sqe);
        let reply = self.run(sqe, HostData::None, false);
        assert!(reply.status().is_success(), "{:?}", reply.status());
        reply.cqe.result()
    }

    /// Property Set of CC.
    pub(crate) fn configure(&mut self, cc: u64) -> Status {
        let mut sqe = Sqe::default();
        PropertyCommand::set(Property::Cc, cc).write_set_to(&mut sqe);
        self.run(sqe, HostData::None, false).status()
    }
}

/// An I/O command that covers `blocks` blocks.
pub(crate) fn io(opcode: NvmOpcode, lba: u64, blocks: usize) -> Sqe {
    let blocks = u32::try_from(blocks).expect("a short transfer");
    let cdw12 = U32::new(IoControl::of_blocks(blocks).cdw12());
    let mut sqe = Sqe { opcode: opcode.wire(), nsid: U32::new(1), cdw12, ..Sqe::default() };
    sqe.set_slba(lba);
    sqe
}
