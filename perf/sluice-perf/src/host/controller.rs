//! The association with one subsystem: admin queue, what it tells about the namespace, I/O queues, keep alive.
//!
//! The order is that of NVMe over Fabrics: Connect of the admin queue, CAP, CC.EN, CSTS.RDY, Identify, Number of
//! Queues, Connect of each I/O queue.

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use sluice_nvme::fabrics::connect::{CNTLID_ANY, ConnectCdw10, ConnectCdw11, ConnectCommand, ConnectData};
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::feature::host_identifier::HostIdentifier;
use sluice_nvme::feature::number_of_queues::NumberOfQueues;
use sluice_nvme::feature::{FeatureId, SetFeatures};
use sluice_nvme::identify::active_list::NamespaceList;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::identify::{Cns, IDENTIFY_BYTES, IdentifyCommand};
use sluice_nvme::nqn::NqnField;
use sluice_nvme::opcode::AdminOpcode;
use sluice_nvme::property::{Cap, ControllerConfiguration, ControllerStatus, Property};
use sluice_nvme::qpair::{HostData, HostParams};
use sluice_nvme::sqe::Sqe;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::geometry::Geometry;
use crate::host::queue::{NOISE_STARTS, NOISE_STEP, QueueSettings};
use crate::host::wire::{Event, Outgoing, Wire};
use crate::host::{HostError, INPUT_BYTES, IoQueue};
use crate::num::{index32, nanos};
use crate::rng::Rng;
use crate::spec::{JobSpec, TcpTarget};

/// Entries of the admin queue.
const ADMIN_ENTRIES: u16 = 32;
const ADMIN_INPUT_BYTES: usize = 16 << 10;
/// Longest transfer where MDTS sets no limit, and at most.
const TRANSFER_BYTES: u32 = 4 << 20;
/// Keep alives sent per keep alive timeout.
const KEEP_ALIVES: u32 = 3;
/// Pause between two looks at CSTS.RDY.
const READY_PAUSE: Duration = Duration::from_millis(5);

/// An association.
pub(crate) struct Controller {
    admin: Wire,
    pub(crate) queues: Vec<IoQueue>,
    pub(crate) geometry: Geometry,
    keep_alive: KeepAlive,
}

/// When to tell the target that this host is alive.
struct KeepAlive {
    /// `u64::MAX` for never.
    interval_ns: u64,
    next_ns: u64,
    outstanding: bool,
}

/// A connected admin queue and how to add to it.
struct Setup<'a> {
    target: &'a TcpTarget,
    address: SocketAddr,
    deadline: Instant,
    admin: Wire,
    cntlid: u16,
}

impl Controller {
    /// Connects, finds the namespace and makes the I/O queues of `job`.
    ///
    /// # Errors
    /// Every variant of [`HostError`].
    pub(crate) fn connect(job: &JobSpec, target: &TcpTarget, timeout: Duration) -> Result<Self, HostError> {
        let mut setup = Setup::open(target, Instant::now() + timeout)?;
        let cap = setup.enable()?;
        let identity: IdentifyController = setup.identify("Identify Controller", Cns::Controller, 0)?;
        let nsid = setup.find_namespace()?;
        let namespace: IdentifyNamespace = setup.identify("Identify Namespace", Cns::Namespace, nsid)?;
        let geometry = geometry(&identity, &namespace)?;
        let entries = queue_entries(cap, job, target)?;
        setup.grant_queues(job.connections)?;
        let in_capsule_bytes = (identity.ioccsz.get() * 16).saturating_sub(64);
        let settings = QueueSettings { nsid, fua: job.fua, buffer_bytes: stamped_bytes(job, &geometry) };
        let noise = noise(job);
        let queues = (1..=job.connections).map(|qid| {
            let mut wire = setup.connect_queue(qid, entries, job.queue_depth)?;
            wire.qpair().set_in_capsule_bytes(in_capsule_bytes);
            Ok(IoQueue::new(wire, job.queue_depth, settings, Rc::clone(&noise)))
        });
        let queues = queues.collect::<Result<Vec<_>, HostError>>()?;
        Ok(Self { admin: setup.admin, queues, geometry, keep_alive: KeepAlive::new(target) })
    }

    /// Sends a Keep Alive when it is due and takes the answer to the last one. To be called every few milliseconds.
    pub(crate) fn attend(&mut self, now_ns: u64) -> Result<(), HostError> {
        let keep_alive = &mut self.keep_alive;
        if self.admin.receive()? > 0 {
            self.admin.events::<HostError>(|event| {
                keep_alive.outstanding &= !matches!(event, Event::Completion { .. });
                Ok(())
            })?;
        }
        if keep_alive.is_due(now_ns) {
            let sqe = Sqe { opcode: AdminOpcode::KeepAlive.wire(), ..Sqe::default() };
            self.admin.qpair().submit(sqe, HostData::None, false);
            keep_alive.outstanding = true;
        }
        self.admin.send()
    }

    /// What to wait for before sleeping.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.queues.iter().map(IoQueue::interest).chain([self.admin.interest()])
    }
}

impl KeepAlive {
    fn new(target: &TcpTarget) -> Self {
        let interval = target.keep_alive / KEEP_ALIVES;
        let interval_ns = if interval.is_zero() { u64::MAX } else { nanos(interval) };
        Self { interval_ns, next_ns: 0, outstanding: false }
    }

    fn is_due(&mut self, now_ns: u64) -> bool {
        let due = now_ns >= self.next_ns && self.interval_ns < u64::MAX && !self.outstanding;
        if due {
            self.next_ns = now_ns.saturating_add(self.interval_ns);
        }
        due
    }
}

impl<'a> Setup<'a> {
    /// Connects the admin queue.
    fn open(target: &'a TcpTarget, deadline: Instant) -> Result<Self, HostError> {
        let no_address = || HostError::NoAddress(target.address.clone());
        let mut addresses = target.address.to_socket_addrs().map_err(|_| no_address())?;
        let address = addresses.next().ok_or_else(no_address)?;
        let admin = Wire::open(address, &params(target, ADMIN_ENTRIES - 1), ADMIN_INPUT_BYTES, deadline)?;
        let mut setup = Self { target, address, deadline, admin, cntlid: CNTLID_ANY };
        setup.admin.qpair().set_in_capsule_bytes(CONNECT_LIMIT);
        let kato_ms = u32::try_from(target.keep_alive.as_millis()).unwrap_or(u32::MAX);
        let command = ConnectCommand { kato_ms, ..connect_command(0, ADMIN_ENTRIES - 1, target) };
        let (sqe, data) = setup.connect_parts(command)?;
        let (cqe, _) = setup.admin.execute("Connect", sqe, data, deadline)?;
        let accepted = sluice_nvme::fabrics::connect::ConnectAccepted::from_bits(cqe.dw0.get());
        setup.cntlid = accepted.cntlid();
        Ok(setup)
    }

    /// The Connect command and its data.
    fn connect_parts(&self, command: ConnectCommand) -> Result<(Sqe, HostData<Outgoing>), HostError> {
        let field = |nqn: &str| NqnField::new(nqn).map_err(|_| HostError::Nqn(nqn.to_owned()));
        let data = ConnectData {
            hostid: HostIdentifier(*self.target.host.id.as_bytes()),
            cntlid: U16::new(self.cntlid),
            subnqn: field(&self.target.nqn)?,
            hostnqn: field(&self.target.host.nqn)?,
            ..ConnectData::default()
        };
        let bytes: Box<[u8]> = data.as_bytes().into();
        let length = bytes.len();
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        Ok((sqe, HostData::Out(Outgoing::Owned { bytes, length })))
    }

    /// Enables the controller and waits until it is ready.
    fn enable(&mut self) -> Result<Cap, HostError> {
        let cap = Cap::from_bits(self.property(Property::Cap)?);
        let cc = ControllerConfiguration::default().with_en(true).with_iosqes(6).with_iocqes(4);
        let mut sqe = Sqe::default();
        PropertyCommand::set(Property::Cc, u64::from(cc.bits())).write_set_to(&mut sqe);
        self.admin.execute("Property Set CC", sqe, HostData::None, self.deadline)?;
        while !self.is_ready()? {
            if Instant::now() >= self.deadline {
                return Err(HostError::NotReady);
            }
            std::thread::sleep(READY_PAUSE);
        }
        Ok(cap)
    }

    fn is_ready(&mut self) -> Result<bool, HostError> {
        let bits = self.property(Property::Csts)?;
        let csts = ControllerStatus::from_bits(u32::try_from(bits).map_err(|_| HostError::NotReady)?);
        if csts.cfs() { Err(HostError::NotReady) } else { Ok(csts.rdy()) }
    }

    fn property(&mut self, property: Property) -> Result<u64, HostError> {
        let mut sqe = Sqe::default();
        PropertyCommand::get(property).write_get_to(&mut sqe);
        let (cqe, _) = self.admin.execute("Property Get", sqe, HostData::None, self.deadline)?;
        Ok(cqe.result())
    }

    fn identify<T: FromBytes + KnownLayout + Immutable>(
        &mut self,
        doing: &'static str,
        cns: Cns,
        nsid: u32,
    ) -> Result<T, HostError> {
        let mut sqe = Sqe::default();
        IdentifyCommand::new(cns, nsid).write_to(&mut sqe);
        let data = HostData::In { length: IDENTIFY_BYTES };
        let (_, answer) = self.admin.execute(doing, sqe, data, self.deadline)?;
        T::read_from_bytes(&answer).map_err(|_| HostError::Short(doing))
    }

    /// The namespace asked for if it is active, or the first active one.
    fn find_namespace(&mut self) -> Result<u32, HostError> {
        let after = self.target.nsid.map_or(0, |nsid| nsid.saturating_sub(1));
        let list: NamespaceList =
            self.identify("Identify active namespaces", Cns::ActiveNamespaceList, after)?;
        let first = list.iter().next().ok_or(HostError::NoNamespace)?;
        match self.target.nsid {
            Some(nsid) if nsid != first => Err(HostError::NoNamespace),
            _ => Ok(first),
        }
    }

    fn grant_queues(&mut self, wanted: u16) -> Result<(), HostError> {
        let mut sqe = Sqe::default();
        SetFeatures::new(FeatureId::NumberOfQueues, NumberOfQueues::pairs(wanted).bits()).write_to(&mut sqe);
        let (cqe, _) =
            self.admin.execute("Set Features Number of Queues", sqe, HostData::None, self.deadline)?;
        let granted = NumberOfQueues::from_bits(cqe.dw0.get()).qpairs();
        if granted < u32::from(wanted) { Err(HostError::Queues { granted }) } else { Ok(()) }
    }

    fn connect_queue(&mut self, qid: u16, entries: Entries, depth: u16) -> Result<Wire, HostError> {
        let mut wire = Wire::open(self.address, &params(self.target, depth), INPUT_BYTES, self.deadline)?;
        let (sqe, data) = self.connect_parts(connect_command(qid, entries.0, self.target))?;
        wire.execute("Connect of an I/O queue", sqe, data, self.deadline)?;
        Ok(wire)
    }
}

/// In-capsule data of the admin queue, NVMe/TCP "Command Capsule".
const CONNECT_LIMIT: u32 = 8192;

/// SQSIZE: entries of a queue, zero-based.
#[derive(Clone, Copy)]
struct Entries(u16);

/// A queue that holds `job`'s depth. With submission queue flow control one entry always stays empty.
fn queue_entries(cap: Cap, job: &JobSpec, target: &TcpTarget) -> Result<Entries, HostError> {
    let (mqes, depth) = (cap.mqes(), job.queue_depth);
    let longest = if target.sq_flow_control { u32::from(mqes) } else { u32::from(mqes) + 1 };
    if u32::from(depth) > longest {
        return Err(HostError::Depth { longest });
    }
    Ok(Entries(depth.min(mqes).max(1)))
}

fn params(target: &TcpTarget, max_commands: u16) -> HostParams {
    let TcpTarget { header_digest, data_digest, .. } = *target;
    HostParams { header_digest, data_digest, hpda: 0, max_r2t: 0, max_commands }
}

fn connect_command(qid: u16, sqsize: u16, target: &TcpTarget) -> ConnectCommand {
    ConnectCommand {
        cdw10: ConnectCdw10::default().with_qid(qid),
        cdw11: ConnectCdw11::default()
            .with_sqsize(sqsize)
            .with_disable_sq_flow_control(qid > 0 && !target.sq_flow_control),
        kato_ms: 0,
    }
}

fn geometry(identity: &IdentifyController, namespace: &IdentifyNamespace) -> Result<Geometry, HostError> {
    let format = namespace.lbaf[usize::from(namespace.flbas.index_low() | namespace.flbas.index_high() << 4)];
    let block_bytes = format.block_bytes().filter(|_| format.ms() == 0).ok_or(HostError::Format)?;
    // MPSMIN is 4 KiB on every controller that this host enables.
    let mdts_bytes =
        4096_u32.checked_shl(u32::from(identity.mdts)).filter(|_| identity.mdts > 0 && identity.mdts < 20);
    let max_transfer_bytes = mdts_bytes.unwrap_or(TRANSFER_BYTES).min(TRANSFER_BYTES);
    Ok(Geometry {
        block_bytes,
        blocks: namespace.nsze.get(),
        max_transfer_bytes,
        deallocate: identity.oncs.dataset_management(),
        write_zeroes: identity.oncs.write_zeroes(),
    })
}

/// The longest write that carries stamps; 0 without verification.
fn stamped_bytes(job: &JobSpec, geometry: &Geometry) -> usize {
    let sweep = geometry.length(geometry.sweep_blocks());
    if job.verify.is_some() { sweep.max(index32(job.sizes.largest())) } else { 0 }
}

/// What writes without stamps carry: incompressible, so that nothing on the way can shrink it.
fn noise(job: &JobSpec) -> Rc<[u8]> {
    let mut rng = Rng::new(job.seed);
    let length = index32(job.sizes.largest()).next_multiple_of(8) + NOISE_STARTS * NOISE_STEP;
    let mut noise = vec![0; length];
    for word in noise.chunks_exact_mut(8) {
        word.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    noise.into()
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::spec::Target;

    #[test]
    fn depth_fits_the_queue() {
        let target = TcpTarget::new("a:1", "nqn");
        let flow = TcpTarget { sq_flow_control: true, ..target.clone() };
        let job = |depth| JobSpec { queue_depth: depth, ..JobSpec::new("a", Target::Null { bytes: 1 }) };
        let cap = Cap::default().with_mqes(127);
        let entries = |depth, target| queue_entries(cap, &job(depth), target).ok().map(|entries| entries.0);
        assert_eq!(
            [1, 127, 128, 129].map(|depth| entries(depth, &target)),
            [Some(1), Some(127), Some(127), None]
        );
        assert_eq!([126, 127, 128].map(|depth| entries(depth, &flow)), [Some(126), Some(127), None]);
    }

    #[test]
    fn keep_alives_are_spaced() {
        let mut keep_alive = KeepAlive::new(&TcpTarget::new("a:1", "nqn"));
        assert!(keep_alive.is_due(7));
        assert!(!keep_alive.is_due(8) && keep_alive.is_due(5_000_000_007));
        let never = TcpTarget { keep_alive: Duration::ZERO, ..TcpTarget::new("a:1", "nqn") };
        assert!(!KeepAlive::new(&never).is_due(u64::MAX));
    }
}
