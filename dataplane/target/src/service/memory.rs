//! The line for data memory.
//!
//! Data memory is shared by all connections, so two rules keep hosts from starving each other. Half of it is
//! for connections that hold none: each gets one command's worth, whatever the others hold. Of the other half
//! a connection may hold half as much as is free, for commands under way and responses not sent together;
//! its further commands wait in line. And one whose responses pile up is not read any further (see `receive`).
//! So hosts that stall, however greedily they began, leave room for a hundred more by default until they are
//! closed.
//!
//! What is read needs its memory only when its turn has come; a host that is held back by its limit holds none for its
//! reads, however deep its queue.

use super::io::{IoPath, live};
use crate::connection::Connection;
use crate::request::State;
use sluice_device::Nanos;
use sluice_nvme::status::Status;
use sluice_reactor::Slab;

/// Buffers that only commands with in-capsule data may take.
const RESERVED_BUFFERS: u32 = 16;
/// Requests in line that are looked at in one round, so that a long line costs the others little.
const LOOKS: usize = 256;

impl IoPath {
    /// Takes the memory a request needs, all or nothing. `false`: not now.
    pub(super) fn acquire(&mut self, connection: &mut Connection, slot: u32) -> bool {
        let Some(request) = self.requests.get_mut(slot) else { return true };
        let (needs, length) = (request.memory_bytes(), request.buffer_bytes());
        if needs == 0 {
            return true;
        }
        if !request.data_here {
            let held = connection.memory_bytes();
            let (free, all) = (self.buffers.available_bytes(length), self.buffers.total_bytes(length));
            if held > 0 && held + needs > free.saturating_sub(all / 2) / 2 {
                return false;
            }
            // Commands that come with their data must always find a place, or transfers that hold memory
            // could wait for a command that waits for memory.
            if self.buffers.available(length) <= RESERVED_BUFFERS {
                return false;
            }
        }
        let acquired = request.take_memory(&self.buffers);
        if acquired {
            connection.held_bytes += request.held_bytes;
        }
        acquired
    }

    /// Puts a request in line for memory.
    pub(super) fn wait_for_memory(&mut self, connection: &mut Connection, slot: u32) {
        connection.waiting += 1;
        self.waiting.push_back(slot);
    }

    /// Memory may have come free: everybody in line is to be looked at.
    pub(crate) fn look_again(&mut self) {
        self.unseen = self.waiting.len();
    }

    /// Gives requests in line another chance, oldest first. A connection over its share is passed over,
    /// so it holds up nobody but itself. Returns whether to come back.
    pub(crate) fn retry_waiting(&mut self, connections: &mut Slab<Connection>, now: Nanos) -> bool {
        let looks = self.unseen.min(LOOKS);
        self.unseen -= looks;
        for _ in 0..looks {
            let Some(slot) = self.waiting.pop_front() else { break };
            let Some(request) = self.requests.get(slot) else { continue };
            let Some(connection) = live(connections, request.connection) else {
                self.take_back(slot, now);
                self.requests.remove(slot);
                continue;
            };
            if request.aborted {
                connection.waiting -= 1;
                self.take_back(slot, now);
                self.finish(connection, slot, Status::ABORT_REQUESTED);
            } else if self.acquire(connection, slot) {
                connection.waiting -= 1;
                self.resume(connection, slot, now);
            } else {
                self.waiting.push_back(slot);
            }
        }
        looks > 0
    }

    /// A request in line has its memory: it goes on from where it stood.
    fn resume(&mut self, connection: &mut Connection, slot: u32, now: Nanos) {
        let Some(request) = self.requests.get(slot) else { return };
        if request.state != State::Parked {
            return self.start(connection, slot, now);
        }
        if connection.namespace.is_none() {
            self.take_back(slot, now);
            return self.finish(connection, slot, Status::INVALID_NAMESPACE.dnr());
        }
        if request.tag.is_some() {
            self.apps.scheduler.unpark(now, slot);
        }
        self.push(slot);
    }

    /// Takes a request that is not at the volume out of the scheduler, if that has it.
    fn take_back(&mut self, slot: u32, now: Nanos) {
        if self.requests.get(slot).is_some_and(|request| request.tag.is_some()) {
            self.apps.scheduler.remove(now, slot);
        }
    }
}
