//! From sockets to commands: the first step of a round.

use super::TargetService;
use super::drain::Life;
use super::io::{IoPath, live, mark_dirty};
use crate::connection::{Closed, Connection, ConnectionKey, Received, Role};
use sluice_device::Nanos;
use sluice_nvme::qpair::ControllerEvent;
use sluice_reactor::{Context, Token};

/// A connection quiet for so long is no longer read every round. An empty read costs 150 ns; epoll finds
/// the connection again within some rounds, or at once when the reactor sleeps.
const COOL_NS: u64 = 100_000;
/// The rest of a payload is read straight into its buffer from this size on; below, the copy costs
/// less than the second slice.
const DIRECT_BYTES: u32 = 8 << 10;

/// PDU-Type of a command capsule (NVMe/TCP section 3.6.2.1).
const PDU_TYPE_COMMAND: u8 = 0x04;

/// The token under which a connection is watched.
pub(super) fn token_of(key: ConnectionKey) -> Token {
    Token(u64::from(key.generation) << 32 | u64::from(key.index))
}

/// The connection that a token was made of.
pub(super) fn key_of(token: Token) -> ConnectionKey {
    let [a, b, c, d, e, f, g, h] = token.0.to_le_bytes();
    ConnectionKey { index: u32::from_le_bytes([a, b, c, d]), generation: u32::from_le_bytes([e, f, g, h]) }
}

impl TargetService {
    /// Reads every hot connection once. Returns whether any brought something.
    pub(super) fn receive_hot(&mut self, cx: &Context<'_>) -> bool {
        let mut hot = std::mem::take(&mut self.hot);
        let mut space = std::mem::take(&mut self.space);
        let mut any = false;
        hot.retain(|&key| {
            // Closed, and its slot perhaps given away.
            if live(&mut self.connections, key).is_none() {
                return false;
            }
            match self.receive(cx, key.index, &mut space) {
                Ok(received) => any |= received,
                Err(closed) => {
                    self.close(key.index, super::reason(closed));
                    any = true;
                }
            }
            self.stays_hot(key, cx)
        });
        self.space = space;
        // A command may have heated a connection while the list was out.
        hot.append(&mut self.hot);
        self.hot = hot;
        any
    }

    fn stays_hot(&mut self, key: ConnectionKey, cx: &Context<'_>) -> bool {
        let Some(connection) = live(&mut self.connections, key) else { return false };
        let quiet = cx.now.0.saturating_sub(connection.last_received.0) > COOL_NS;
        // One that has bytes left must not miss its edge. One that sent part of a PDU and no more may cool:
        // the rest will bring an edge.
        connection.hot = !quiet || connection.unread || connection.held_back;
        connection.hot
    }

    /// Reads one connection and carries out what it asks.
    fn receive(&mut self, cx: &Context<'_>, index: u32, space: &mut [u8]) -> Result<bool, Closed> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(false) };
        if connection.closing || connection.is_backlogged() {
            connection.unread = true;
            return Ok(false);
        }
        let received = read(connection, &mut self.io, space)?;
        connection.unread = !received.dry;
        if received.any {
            connection.last_received = cx.now;
        } else if received.filled == 0 {
            return Ok(false);
        }
        let consumed = self.consume(cx, index, &space[..received.filled]);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.wire.keep(&space[consumed..received.filled]);
        }
        Ok(received.any || consumed > 0)
    }

    /// Feeds bytes to the qpair and its events to whom they concern. Returns how many bytes it took.
    fn consume(&mut self, cx: &Context<'_>, index: u32, input: &[u8]) -> usize {
        let in_capsule_bytes = self.config.limits.in_capsule_bytes;
        let serving = self.life == Life::Serving;
        let mut at = 0;
        while let Some(connection) = self.connections.get_mut(index) {
            let may_take = serving && !connection.is_backlogged() && self.io.has_room(in_capsule_bytes);
            connection.held_back = !may_take && next_is_command(connection, input, at);
            if connection.closing || connection.held_back {
                break;
            }
            let received = connection.wire.qpair.receive(&input[at..]);
            at += received.consumed;
            match received.event {
                None if received.consumed == 0 => break,
                None => {}
                Some(ControllerEvent::Command { sqe, data }) => match connection.role {
                    Role::Io(_) if connection.outstanding < connection.entries && sqe.opcode != 0x7f => {
                        self.io.command(connection, &sqe, data, cx.now);
                    }
                    _ => self.slow_command(cx, index, &sqe, data),
                },
                Some(event) => data_event(connection, &mut self.io, event, cx.now),
            }
        }
        at
    }
}

/// Whether a command capsule comes next, which may bring data. Payload of a transfer already has its
/// memory and must never wait behind the lack of it.
fn next_is_command(connection: &Connection, input: &[u8], at: usize) -> bool {
    connection.wire.qpair.payload().is_none() && input.get(at) == Some(&PDU_TYPE_COMMAND)
}

/// One system call: payload to its buffer, the rest to `space`.
fn read(connection: &mut Connection, io: &mut IoPath, space: &mut [u8]) -> Result<Received, Closed> {
    let pending = connection.wire.qpair.payload().filter(|payload| payload.remaining >= DIRECT_BYTES);
    let Some(payload) = pending.filter(|_| connection.wire.carried() == 0) else {
        return connection.wire.receive(&mut [], space);
    };
    let request =
        io.requests.get_mut(payload.context).expect("a transfer's request lives until its data are here");
    let buffer = request.buffer.as_mut().expect("a request that receives has its buffer");
    let start = payload.offset as usize;
    let received = connection.wire.receive(&mut buffer[start..start + payload.remaining as usize], space)?;
    if received.direct > 0 {
        // The bytes are where they belong; the qpair still has to see them, for its digest and its count.
        connection.wire.qpair.received_payload(&buffer[start..start + received.direct]);
    }
    Ok(received)
}

/// Everything a qpair reports besides commands.
fn data_event(connection: &mut Connection, io: &mut IoPath, event: ControllerEvent<'_>, now: Nanos) {
    match event {
        ControllerEvent::Data { context, offset, bytes } => {
            let request =
                io.requests.get_mut(context).expect("a transfer's request lives until its data are here");
            let buffer = request.buffer.as_mut().expect("a request that receives has its buffer");
            let start = offset as usize;
            buffer[start..start + bytes.len()].copy_from_slice(bytes);
        }
        ControllerEvent::TransferDone { context, result } => {
            io.data_received(connection, context, result, now);
        }
        ControllerEvent::PeerTerminated { .. } | ControllerEvent::Terminated => {
            connection.closing = true;
            mark_dirty(&mut io.dirty, connection);
        }
        // The acceptor saw Initialized; commands are not for here.
        ControllerEvent::Initialized | ControllerEvent::Command { .. } => {}
    }
}
