//! A target in memory, as small as one can be, that loses connections or writes when a test wants it to.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use sluice_nvme::cqe::Cqe;
use sluice_nvme::dsm::DatasetManagement;
use sluice_nvme::fabrics::connect::ConnectCommand;
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::identify::active_list::NamespaceList;
use sluice_nvme::identify::capabilities::Oncs;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::lba_format::LbaFormat;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::identify::{Cns, IdentifyCommand};
use sluice_nvme::opcode::{AdminOpcode, FabricsType, NvmOpcode};
use sluice_nvme::property::{Cap, Property};
use sluice_nvme::qpair::{ControllerEvent, ControllerParams, ControllerQpair, Payload};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

pub(crate) const BLOCK: usize = 512;

/// What goes wrong. 0: nothing.
#[derive(Default)]
pub(crate) struct Faults {
    /// Every so many I/O commands the connection is closed instead of answered.
    pub(crate) cut_every: u64,
    /// Every so many writes one is acknowledged and forgotten.
    pub(crate) forget_every: u64,
}

struct Shared {
    disk: Mutex<Vec<u8>>,
    faults: Faults,
    commands: AtomicU64,
    writes: AtomicU64,
}

/// Serves `blocks` blocks until the process ends; the address it listens on.
pub(crate) fn serve(blocks: usize, faults: Faults) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let disk = Mutex::new(vec![0; blocks * BLOCK]);
    let shared = Arc::new(Shared { disk, faults, commands: AtomicU64::new(0), writes: AtomicU64::new(0) });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Connection::new(stream, shared).serve());
        }
    });
    address
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    qid: u16,
    /// Writes that wait for data, by command identifier.
    pending: Vec<(Sqe, Vec<u8>)>,
}

/// The answer to a command: completion and data, or the data it still needs.
enum Answer {
    Now(Cqe, Vec<u8>),
    NeedsData(u32),
    Hangup,
}

impl Connection {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        stream.set_nodelay(true).expect("a live socket");
        Self { stream, shared, qid: 0, pending: vec![(Sqe::default(), Vec::new()); 1024] }
    }

    fn serve(mut self) {
        let params = ControllerParams {
            header_digest: true,
            data_digest: true,
            cpda: 0,
            max_h2c_data: 8192,
            in_capsule_bytes: 4096,
            max_commands: 64,
        };
        let mut qpair = ControllerQpair::<Vec<u8>>::new(&params);
        let (mut input, mut filled) = (vec![0; 1 << 20], 0);
        while let Ok(bytes @ 1..) = self.stream.read(&mut input[filled..]) {
            filled += bytes;
            let mut at = 0;
            loop {
                let received = qpair.receive(&input[at..filled]);
                at += received.consumed;
                let Some(event) = received.event else { break };
                if !self.act(&mut qpair, event) {
                    return;
                }
            }
            input.copy_within(at..filled, 0);
            filled -= at;
            if self.send(&mut qpair).is_err() {
                return;
            }
        }
    }

    fn send(&mut self, qpair: &mut ControllerQpair<Vec<u8>>) -> std::io::Result<()> {
        while qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = qpair.transmit(&mut slices);
            let bytes = self.stream.write_vectored(&slices[..filled])?;
            qpair.transmitted(bytes);
        }
        Ok(())
    }

    /// False: hang up.
    fn act(&mut self, qpair: &mut ControllerQpair<Vec<u8>>, event: ControllerEvent<'_>) -> bool {
        match event {
            ControllerEvent::Initialized => true,
            ControllerEvent::Command { sqe, data } => {
                self.command(qpair, sqe, data.expect("digests are right"))
            }
            ControllerEvent::Data { context, offset, bytes } => {
                let start = usize::try_from(offset).expect("64-bit machine");
                let data = &mut self.pending[usize::try_from(context).expect("a command")].1;
                data[start..start + bytes.len()].copy_from_slice(bytes);
                true
            }
            ControllerEvent::TransferDone { context, .. } => {
                let index = usize::try_from(context).expect("a command");
                let (sqe, data) = std::mem::take(&mut self.pending[index]);
                self.answer(qpair, sqe, &data)
            }
            ControllerEvent::PeerTerminated { .. } | ControllerEvent::Terminated => false,
        }
    }

    fn command(&mut self, qpair: &mut ControllerQpair<Vec<u8>>, sqe: Sqe, data: &[u8]) -> bool {
        if sqe.opcode == AdminOpcode::Fabrics.wire()
            && sqe.nsid.get() == u32::from(FabricsType::Connect.wire())
        {
            let connect = ConnectCommand::from_sqe(&sqe);
            self.qid = connect.cdw10.qid();
            let entries = u16::try_from(connect.entries()).expect("short queues");
            qpair.set_queue(self.qid, entries, !connect.cdw11.disable_sq_flow_control());
        }
        self.answer(qpair, sqe, data)
    }

    fn answer(&mut self, qpair: &mut ControllerQpair<Vec<u8>>, sqe: Sqe, data: &[u8]) -> bool {
        match if self.qid == 0 || sqe.opcode == 0x7f { admin(&sqe) } else { self.io(&sqe, data) } {
            Answer::Now(cqe, data) if data.is_empty() => qpair.respond(cqe),
            Answer::Now(cqe, buffer) => {
                let length = u32::try_from(buffer.len()).expect("a transfer");
                qpair.respond_data(cqe, Payload::Buffer { buffer, length });
            }
            Answer::NeedsData(length) => {
                let cid = sqe.cid.get();
                let bytes = usize::try_from(length).expect("a transfer");
                self.pending[usize::from(cid)] = (sqe, vec![0; bytes]);
                qpair.request_data(cid, u32::from(cid), length);
            }
            Answer::Hangup => return false,
        }
        true
    }

    fn io(&self, sqe: &Sqe, data: &[u8]) -> Answer {
        let Shared { disk, faults, commands, writes } = &*self.shared;
        let strikes = |count: &AtomicU64, every: u64| {
            every > 0 && (count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every)
        };
        let mut disk = disk.lock().expect("no panic");
        let blocks = usize::try_from(sqe.nlb()).expect("a transfer");
        let start = usize::try_from(sqe.slba()).expect("64-bit machine") * BLOCK;
        let range = start..start + blocks * BLOCK;
        let done = Cqe::new(sqe.cid.get(), Status::SUCCESS);
        match NvmOpcode::from_wire(sqe.opcode) {
            Some(NvmOpcode::Write) if data.is_empty() => {
                return Answer::NeedsData(u32::try_from(blocks * BLOCK).expect("a transfer"));
            }
            _ if strikes(commands, faults.cut_every) => return Answer::Hangup,
            Some(NvmOpcode::Write) if strikes(writes, faults.forget_every) => {}
            Some(NvmOpcode::Write) => disk[range].copy_from_slice(data),
            Some(NvmOpcode::Read) => return Answer::Now(done, disk[range].to_vec()),
            Some(NvmOpcode::WriteZeroes) => disk[range].fill(0),
            Some(NvmOpcode::DatasetManagement) => {
                for range in DatasetManagement::from_sqe(sqe).ranges_in(data).expect("whole ranges") {
                    let first = usize::try_from(range.slba.get()).expect("64-bit machine") * BLOCK;
                    disk[first..first + usize::try_from(range.nlb.get()).expect("blocks") * BLOCK].fill(0);
                }
            }
            _ => return Answer::Now(Cqe::new(sqe.cid.get(), Status::INVALID_OPCODE), Vec::new()),
        }
        Answer::Now(done, Vec::new())
    }
}

/// The admin queue, and Connect of any queue.
fn admin(sqe: &Sqe) -> Answer {
    let done = Cqe::new(sqe.cid.get(), Status::SUCCESS);
    if sqe.opcode == AdminOpcode::Identify.wire() {
        return Answer::Now(done, identify(sqe));
    }
    let dw0 = match AdminOpcode::from_wire(sqe.opcode) {
        Some(AdminOpcode::SetFeatures) => sqe.cdw11.get(),
        Some(AdminOpcode::Fabrics) => return Answer::Now(fabrics(sqe, done), Vec::new()),
        _ => 0,
    };
    Answer::Now(done.with_dw0(dw0), Vec::new())
}

fn fabrics(sqe: &Sqe, done: Cqe) -> Cqe {
    let get = sqe.nsid.get() == u32::from(FabricsType::PropertyGet.wire());
    match PropertyCommand::from_sqe(sqe).property().filter(|_| get) {
        Some(Property::Cap) => done.with_result(Cap::default().with_mqes(63).with_css_nvm(true).bits()),
        Some(Property::Csts) => done.with_dw0(1),
        _ => done,
    }
}

fn identify(sqe: &Sqe) -> Vec<u8> {
    match IdentifyCommand::from_sqe(sqe).cns() {
        Some(Cns::Controller) => {
            let oncs = Oncs::default().with_dataset_management(true).with_write_zeroes(true);
            let ioccsz = U32::new((64 + 4096) / 16);
            IdentifyController { mdts: 5, oncs, ioccsz, ..IdentifyController::default() }.as_bytes().to_vec()
        }
        Some(Cns::Namespace) => {
            let mut namespace = IdentifyNamespace { nsze: U64::new(8192), ..IdentifyNamespace::default() };
            namespace.lbaf[0] = LbaFormat::of_block_bytes(512);
            namespace.as_bytes().to_vec()
        }
        _ => NamespaceList::after(0, [1]).as_bytes().to_vec(),
    }
}
