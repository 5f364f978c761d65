//! The acceptor's service: listeners and handshakes, and the rounds in which all guests are served.

use super::AcceptorOptions;
use super::directory::Directory;
use super::discovery::DISCOVERY_CONTROLLERS;
use super::guest::{Guest, Purpose};
use crate::config::TargetConfig;
use crate::connection::{Closed, Lingering, Wire};
use crate::nqn;
use crate::service::{Asked, ConnectRequest, Refusal, check_connect};
use rustix::fd::OwnedFd;
use sluice_device::Nanos;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::connect::{ConnectCommand, ConnectInvalid};
use sluice_nvme::fabrics::fabrics_type;
use sluice_nvme::opcode::{AdminOpcode, FabricsType};
use sluice_nvme::qpair::{ControllerEvent, ControllerParams, ControllerQpair};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_reactor::{Context, Flow, Service, Slab, Token};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Listeners' tokens begin here; those of guests are below.
const LISTENER: u64 = 1 << 63;
/// How often time limits are looked at.
const TICK_NS: u64 = 200_000_000;
/// How long a last response may take to be sent.
const LINGER_NS: u64 = 1_000_000_000;
/// Bytes read at once: a few of the largest capsules.
const SPACE_BYTES: usize = 64 << 10;

/// What the acceptor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Subsystems came or went.
    DirectoryChanged,
    /// Stop listening and end.
    Stop,
}

/// What becomes of a guest after a command.
pub(super) enum Next {
    Stay,
    /// Handed to a reactor, or closed.
    Gone,
}

pub(super) struct AcceptService {
    pub(super) options: AcceptorOptions,
    pub(super) directory: Directory,
    listeners: Vec<TcpListener>,
    watched: bool,
    pub(super) guests: Slab<Guest>,
    pub(super) handshakes: u32,
    /// Guests with something to read or to send.
    pub(super) ready: Vec<u32>,
    /// Closed connections whose hosts may still be reading the last PDU.
    lingering: Lingering,
    space: Box<[u8]>,
    next_generation: u32,
    pub(super) next_cntlid: u16,
    next_tick: Option<Nanos>,
    stopped: bool,
}

impl AcceptService {
    pub(super) fn new(options: AcceptorOptions, listeners: Vec<TcpListener>, directory: Directory) -> Self {
        let guests = Slab::new(options.target.pending_handshakes + DISCOVERY_CONTROLLERS);
        Self {
            options,
            directory,
            listeners,
            watched: false,
            guests,
            handshakes: 0,
            ready: Vec::new(),
            lingering: Lingering::default(),
            space: vec![0; SPACE_BYTES].into_boxed_slice(),
            next_generation: 0,
            next_cntlid: 1,
            next_tick: None,
            stopped: false,
        }
    }

    fn watch_listeners(&mut self, cx: &Context<'_>) {
        self.watched = true;
        for (index, listener) in (0u64..).zip(&self.listeners) {
            if let Err(error) = cx.watch(listener, Token(LISTENER | index)) {
                tracing::error!(%error, "cannot watch a listener");
            }
        }
    }

    fn accept(&mut self, cx: &Context<'_>, listener: usize) {
        loop {
            let accepted = self.listeners[listener].accept();
            match accepted {
                Ok((stream, peer)) => self.welcome(cx, stream, peer),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Out of descriptors or memory: connections wait in the backlog until the next one comes.
                    tracing::warn!(%error, "cannot accept");
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, cx: &Context<'_>, stream: TcpStream, peer: SocketAddr) {
        let prepared = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
        let (Ok(()), Ok(local)) = (prepared, stream.local_addr()) else { return };
        if self.handshakes >= self.options.target.pending_handshakes {
            tracing::warn!(%peer, "too many handshakes at once: connection closed");
            return;
        }
        let timeout = u64::try_from(self.options.target.timeouts.handshake.as_nanos()).unwrap_or(u64::MAX);
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1) & (u32::MAX >> 1);
        let qpair = ControllerQpair::new(&qpair_params(&self.options.target));
        let guest = Guest {
            generation,
            wire: Wire::new(OwnedFd::from(stream), qpair, Vec::new()),
            peer,
            local,
            purpose: Purpose::Handshake,
            deadline: Nanos(cx.now.0.saturating_add(timeout)),
            last_received: cx.now,
            queued: false,
        };
        let Ok(index) = self.guests.insert(guest) else { return };
        self.handshakes += 1;
        let Some(guest) = self.guests.get(index) else { return };
        if cx.watch(guest.wire.socket(), token(index, generation)).is_err() {
            self.close(index, "cannot be watched");
        }
        self.next_tick.get_or_insert(Nanos(cx.now.0 + TICK_NS));
    }

    /// Serves one guest: reads once, then sends. Who may have more to say gets in line again behind the others.
    fn serve(&mut self, cx: &Context<'_>, index: u32) {
        let Some(guest) = self.guests.get_mut(index) else { return };
        guest.queued = false;
        let mut space = std::mem::take(&mut self.space);
        let outcome = self.read(cx, index, &mut space);
        self.space = space;
        match outcome {
            Err(closed) => {
                self.close(
                    index,
                    if closed == Closed::ByHost { "closed by the host" } else { "network error" },
                );
            }
            Ok(more) => {
                self.send(cx.now, index);
                let Self { guests, ready, .. } = self;
                if let Some(guest) = guests.get_mut(index).filter(|guest| more && !guest.is_backlogged()) {
                    guest.enqueue(ready, index);
                }
            }
        }
    }

    fn send(&mut self, now: Nanos, index: u32) {
        let Some(guest) = self.guests.get_mut(index) else { return };
        match guest.wire.flush() {
            Err(_) => self.close(index, "network error"),
            Ok(_) if matches!(guest.purpose, Purpose::Closing) && !guest.wire.qpair.has_output() => {
                if let Some(guest) = self.detach(index, "closed after its last response") {
                    self.lingering.keep(now, guest.wire.into_parts().0);
                    self.next_tick.get_or_insert(Nanos(now.0 + TICK_NS));
                }
            }
            Ok(_) => {}
        }
    }

    /// Reads a guest's socket once and carries out what it asks. Returns whether there may be more.
    fn read(&mut self, cx: &Context<'_>, index: u32, space: &mut [u8]) -> Result<bool, Closed> {
        let Some(guest) = self.guests.get_mut(index) else { return Ok(false) };
        // What stands in the way is sent first; a socket that takes it announces so.
        if matches!(guest.purpose, Purpose::Closing) {
            return Ok(false);
        }
        if guest.is_backlogged() {
            return Ok(true);
        }
        let received = guest.wire.receive(&mut [], space)?;
        if received.any {
            guest.last_received = cx.now;
        }
        let Some(consumed) = self.consume(cx, index, &space[..received.filled]) else { return Ok(false) };
        let Some(guest) = self.guests.get_mut(index) else { return Ok(false) };
        guest.wire.keep(&space[consumed..received.filled]);
        Ok(received.any || guest.is_backlogged())
    }

    /// Feeds the qpair. `None`: the guest is gone, and the rest of the bytes with it.
    fn consume(&mut self, cx: &Context<'_>, index: u32, input: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let guest = self.guests.get_mut(index)?;
            if matches!(guest.purpose, Purpose::Closing) {
                return Some(input.len());
            }
            if guest.is_backlogged() {
                return Some(at);
            }
            let received = guest.wire.qpair.receive(&input[at..]);
            at += received.consumed;
            match received.event {
                None => return Some(at),
                Some(ControllerEvent::Command { sqe, data: Ok(data) }) => {
                    if let Next::Gone = self.command(cx, index, &sqe, data, &input[at..]) {
                        return None;
                    }
                }
                Some(ControllerEvent::Command { sqe, data: Err(_) }) => {
                    guest.wire.qpair.respond(Cqe::new(sqe.cid.get(), Status::TRANSIENT_TRANSPORT_ERROR));
                }
                Some(ControllerEvent::Terminated | ControllerEvent::PeerTerminated { .. }) => {
                    self.finish(cx.now, index);
                }
                // No data are ever asked for here.
                Some(_) => {}
            }
        }
    }

    fn command(&mut self, cx: &Context<'_>, index: u32, sqe: &Sqe, data: &[u8], rest: &[u8]) -> Next {
        let Some(guest) = self.guests.get_mut(index) else { return Next::Gone };
        if let Purpose::Discovery(_) = guest.purpose {
            self.discovery_command(index, sqe, data);
            return Next::Stay;
        }
        let is_connect =
            sqe.opcode == AdminOpcode::Fabrics.wire() && fabrics_type(sqe) == Some(FabricsType::Connect);
        if !is_connect {
            guest.wire.qpair.respond(Cqe::new(sqe.cid.get(), Status::COMMAND_SEQUENCE_ERROR.dnr()));
            return Next::Stay;
        }
        let TargetConfig { limits, timeouts, .. } = &self.options.target;
        match check_connect(&ConnectCommand::from_sqe(sqe), data, limits, timeouts.keep_alive_max) {
            Err(refusal) => self.refuse(cx.now, index, sqe, refusal),
            Ok(asked) if asked.subsystem == nqn::DISCOVERY => self.open_discovery(cx.now, index, sqe, asked),
            Ok(asked) => self.hand_over(cx, index, sqe, data, rest, &asked),
        }
    }

    pub(super) fn refuse(&mut self, now: Nanos, index: u32, sqe: &Sqe, refusal: Refusal) -> Next {
        if let Some(guest) = self.guests.get_mut(index) {
            tracing::warn!(peer = %guest.peer, status = %refusal.status, "connect refused");
            guest.wire.qpair.respond(Cqe::new(sqe.cid.get(), refusal.status).with_dw0(refusal.dw0));
        }
        self.finish(now, index);
        Next::Stay
    }

    /// Sends the connection to the reactor of its volume.
    fn hand_over(
        &mut self,
        cx: &Context<'_>,
        index: u32,
        sqe: &Sqe,
        data: &[u8],
        rest: &[u8],
        asked: &Asked,
    ) -> Next {
        let Some(reactor) = self.directory.reactor_of(&asked.subsystem) else {
            return self.refuse(cx.now, index, sqe, ConnectInvalid::SUBNQN.into());
        };
        // The ICResp, if it has not gone out yet: only what is not sent may not be handed over.
        let Some(guest) = self.guests.get_mut(index) else { return Next::Gone };
        if guest.wire.flush().is_err() || guest.wire.qpair.has_output() {
            self.close(index, "does not take the ICResp");
            return Next::Gone;
        }
        let Some(guest) = self.take(index) else { return Next::Gone };
        cx.unwatch(guest.wire.socket());
        let peer = guest.peer;
        let (socket, qpair, _) = guest.wire.into_parts();
        let request =
            ConnectRequest { socket, qpair, carry: rest.to_vec(), peer, sqe: *sqe, data: data.to_vec() };
        if reactor.connect(Box::new(request)).is_err() {
            tracing::warn!(%peer, "the reactor's ring is full: connection closed");
        }
        Next::Gone
    }

    /// The guest gets its last response and goes.
    fn finish(&mut self, now: Nanos, index: u32) {
        let Some(guest) = self.guests.get_mut(index) else { return };
        if matches!(guest.purpose, Purpose::Handshake) {
            self.handshakes -= 1;
        }
        guest.purpose = Purpose::Closing;
        guest.deadline = Nanos(now.0 + LINGER_NS);
    }

    fn take(&mut self, index: u32) -> Option<Guest> {
        let guest = self.guests.remove(index)?;
        if matches!(guest.purpose, Purpose::Handshake) {
            self.handshakes -= 1;
        }
        Some(guest)
    }

    fn close(&mut self, index: u32, why: &'static str) {
        drop(self.detach(index, why));
    }

    fn detach(&mut self, index: u32, why: &'static str) -> Option<Guest> {
        let guest = self.take(index)?;
        tracing::debug!(peer = %guest.peer, why, "connection closed");
        Some(guest)
    }

    fn tick(&mut self, now: Nanos) {
        if self.next_tick.is_none_or(|at| at > now) {
            return;
        }
        let overdue: Vec<(u32, &'static str)> =
            self.guests.iter().filter_map(|(index, guest)| Some((index, guest.overdue(now)?))).collect();
        for (index, why) in overdue {
            self.close(index, why);
        }
        self.lingering.expire(now);
        let idle = self.guests.is_empty() && self.lingering.is_empty();
        self.next_tick = (!idle).then_some(Nanos(now.0 + TICK_NS));
    }
}

impl Service for AcceptService {
    type Message = Message;

    fn message(&mut self, _: &Context<'_>, message: Message) {
        match message {
            Message::DirectoryChanged => self.announce(),
            Message::Stop => self.stopped = true,
        }
    }

    fn ready(&mut self, cx: &Context<'_>, token: Token) {
        if token.0 & LISTENER != 0 {
            let index = usize::try_from(token.0 & !LISTENER).unwrap_or(usize::MAX);
            return self.accept(cx, index);
        }
        let (index, generation) = parts(token);
        let Self { guests, ready, .. } = self;
        if let Some(guest) = guests.get_mut(index).filter(|guest| guest.generation == generation) {
            guest.enqueue(ready, index);
        }
    }

    fn round(&mut self, cx: &Context<'_>) -> Flow {
        if self.stopped {
            return Flow::Stop;
        }
        if !self.watched {
            self.watch_listeners(cx);
        }
        let mut ready = std::mem::take(&mut self.ready);
        let busy = !ready.is_empty();
        for index in ready.drain(..) {
            self.serve(cx, index);
        }
        // Serving one may have made another ready; the room of the old list is kept.
        ready.append(&mut self.ready);
        self.ready = ready;
        self.tick(cx.now);
        if busy { Flow::Busy } else { Flow::Idle }
    }

    fn next_deadline(&self) -> Option<Nanos> {
        self.next_tick
    }
}

fn token(index: u32, generation: u32) -> Token {
    Token(u64::from(generation) << 32 | u64::from(index))
}

fn parts(token: Token) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = token.0.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

fn qpair_params(target: &TargetConfig) -> ControllerParams {
    ControllerParams {
        header_digest: target.header_digest,
        data_digest: target.data_digest,
        cpda: 0,
        max_h2c_data: target.limits.max_transfer_bytes,
        in_capsule_bytes: target.limits.in_capsule_bytes,
        max_commands: crate::config::ADMIN_QUEUE_ENTRIES,
    }
}
