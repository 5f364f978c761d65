//! Discovery controllers: they live on the acceptor, because they belong to no device.

use super::directory::Directory;
use super::guest::Purpose;
use super::service::{AcceptService, Next};
use crate::config::Limits;
use crate::connection::Wire;
use crate::controller::{Answer, Controller, DiscoveryPage, Personality, View};
use crate::nqn;
use crate::service::Asked;
use crate::stats::IoStats;
use sluice_device::Nanos;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::connect::{CNTLID_ANY, ConnectAccepted, ConnectInvalid};
use sluice_nvme::log::discovery::{
    ASQSZ_MIN, AddressFamily, CNTLID_DYNAMIC, DiscoveryEntry, SubsystemType, TransportType, Treq,
};
use sluice_nvme::nqn::NqnField;
use sluice_nvme::qpair::Payload;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::text::set_ascii;
use std::net::SocketAddr;
use zerocopy::little_endian::U16;

/// Discovery controllers at once, besides handshakes.
pub(super) const DISCOVERY_CONTROLLERS: u32 = 1024;

impl AcceptService {
    pub(super) fn open_discovery(&mut self, now: Nanos, index: u32, sqe: &Sqe, asked: Asked) -> Next {
        if asked.qid != 0 {
            return self.refuse(now, index, sqe, ConnectInvalid::QID.into());
        }
        if asked.cntlid != CNTLID_ANY {
            return self.refuse(now, index, sqe, ConnectInvalid::CNTLID.into());
        }
        let open = self.guests.iter().filter(|(_, guest)| matches!(guest.purpose, Purpose::Discovery(_)));
        if open.count() >= DISCOVERY_CONTROLLERS as usize {
            return self.refuse(now, index, sqe, Status::CONNECT_CONTROLLER_BUSY.into());
        }
        let cntlid = self.next_cntlid;
        self.next_cntlid = if cntlid == 0xffef { 1 } else { cntlid + 1 };
        let Some(guest) = self.guests.get_mut(index) else { return Next::Gone };
        tracing::debug!(host = %asked.host.nqn, peer = %guest.peer, "discovery");
        let limits = &self.options.target.limits;
        let controller =
            Controller::new(Personality::Discovery, 0, cntlid, asked.host, asked.kato_ms, limits);
        guest.purpose = Purpose::Discovery(Box::new(controller));
        guest.wire.qpair.set_queue(0, asked.entries, asked.sq_flow_control);
        let accepted = ConnectAccepted::default().with_cntlid(cntlid).bits();
        guest.wire.qpair.respond(Cqe::new(sqe.cid.get(), Status::SUCCESS).with_dw0(accepted));
        self.handshakes -= 1;
        Next::Stay
    }

    pub(super) fn discovery_command(&mut self, index: u32, sqe: &Sqe, data: &[u8]) {
        let Some(guest) = self.guests.get_mut(index) else { return };
        let Purpose::Discovery(controller) = &mut guest.purpose else { return };
        let (host, address) = (controller.host_nqn.clone(), self.options.advertise.unwrap_or(guest.local));
        let directory = &self.directory;
        let view = View {
            limits: &discovery_limits(&self.options.target.limits),
            keep_alive_max: self.options.target.timeouts.keep_alive_max,
            subsystem_nqn: nqn::DISCOVERY,
            volume: None,
            stats: &IoStats::default,
            discovery: &|| discovery_page(directory, &host, address),
        };
        let answer = controller.admin(sqe, data, &view);
        carry_out(&mut guest.wire, sqe, answer);
    }

    /// The directory changed: an event for every host that asked for such.
    pub(super) fn announce(&mut self) {
        let Self { guests, ready, .. } = self;
        for (index, guest) in guests.iter_mut() {
            if let Purpose::Discovery(controller) = &mut guest.purpose
                && let Some(event) = controller.discovery_changed()
            {
                guest.wire.qpair.respond(event);
                guest.enqueue(ready, index);
            }
        }
    }
}

/// A discovery log of every volume there can be must fit one Get Log Page.
fn discovery_limits(limits: &Limits) -> Limits {
    Limits { max_transfer_bytes: 1 << 20, ..*limits }
}

fn carry_out(wire: &mut Wire<Vec<u8>>, sqe: &Sqe, answer: Answer) {
    let respond_data = |wire: &mut Wire<Vec<u8>>, cqe, data: Vec<u8>| {
        if let Ok(length) = u32::try_from(data.len()) {
            wire.respond_data(cqe, Payload::Buffer { buffer: data, length }, length.into());
        }
    };
    match answer {
        Answer::Hold => {}
        Answer::Complete(cqe) => wire.qpair.respond(cqe),
        Answer::Data(cqe, data) => respond_data(wire, cqe, data),
        Answer::DataAndEvent(cqe, data, event) => {
            respond_data(wire, cqe, data);
            wire.qpair.respond(event);
        }
        Answer::Aborted { abort, request } => {
            wire.qpair.respond(request);
            wire.qpair.respond(abort);
        }
        // A discovery controller has no I/O queues.
        Answer::Abort { .. } => wire.qpair.respond(Cqe::new(sqe.cid.get(), Status::INVALID_OPCODE.dnr())),
        Answer::Reset(cqe, waiting) => {
            for cid in waiting {
                wire.qpair.respond(Cqe::new(cid, Status::ABORTED_SQ_DELETION));
            }
            wire.qpair.respond(cqe);
        }
    }
}

fn discovery_page(directory: &Directory, host: &str, address: SocketAddr) -> DiscoveryPage {
    let (generation, subsystems) = directory.visible_to(host);
    let entries = subsystems.iter().map(|nqn| discovery_entry(nqn, address)).collect();
    DiscoveryPage { generation, entries }
}

fn discovery_entry(nqn: &str, address: SocketAddr) -> DiscoveryEntry {
    let family = if address.is_ipv4() { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
    let mut entry = DiscoveryEntry {
        trtype: TransportType::Tcp.wire(),
        adrfam: family.wire(),
        subtype: SubsystemType::Nvm.wire(),
        // 2: a secure channel is not required.
        treq: Treq::default().with_secure_channel(2).with_sq_flow_control_disable(true),
        portid: U16::new(1),
        cntlid: U16::new(CNTLID_DYNAMIC),
        asqsz: U16::new(ASQSZ_MIN),
        subnqn: NqnField::new(nqn).unwrap_or(NqnField::EMPTY),
        ..DiscoveryEntry::default()
    };
    set_ascii(&mut entry.trsvcid, &address.port().to_string());
    set_ascii(&mut entry.traddr, &address.ip().to_string());
    entry
}
