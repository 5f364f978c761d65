//! I/O commands from plan to response: buffers, requests, the volume's queue.
//!
//! The hot path of the target. Per command it costs a slot, a buffer and an entry in the batch; the
//! volume is called once per round, and the sockets too.

use crate::apps::Apps;
use crate::config::TargetConfig;
use crate::connection::{Connection, ConnectionKey, Namespace};
use crate::data::Data;
use crate::plan::{Extent, Plan, plan};
use crate::request::{PieceLimits, Request, State, capacity_bytes};
use crate::stats::Kind;
use crate::status::of_io_error;
use sluice_device::{Buffer, Completion, Nanos, Op, Pool};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::Payload;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::DigestError;
use sluice_qos::{Io, Kind as IoKind, Placement};
use sluice_reactor::Slab;
use sluice_volume::thin::{Background, ThinPool};
use sluice_volume::{VolumeIndex, VolumeIo};
use std::collections::VecDeque;

/// Completions taken from the volume at once: more than a round usually brings, small enough for the stack's caches.
const COMPLETIONS: usize = 256;

/// Slots taken from the scheduler at once.
const DUE: usize = 64;

/// A failed command, for its controller's error log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) connection: ConnectionKey,
    pub(crate) cid: u16,
    pub(crate) status: Status,
    pub(crate) lba: u64,
}

/// Everything between a qpair and the volume layer.
pub(crate) struct IoPath {
    pub(crate) volume: ThinPool,
    pub(crate) buffers: Pool,
    pub(crate) requests: Slab<Request>,
    /// Who goes next.
    pub(crate) apps: Apps,
    /// Whether hosts' I/O is scheduled.
    scheduled: bool,
    /// The scheduler's slots from here on are for the pool's work on the side.
    background_from: u32,
    /// Slots whose turn has come.
    due: Box<[u32]>,
    /// Connections with something to send.
    pub(crate) dirty: Vec<u32>,
    /// Commands that failed in this round.
    pub(crate) failures: Vec<Failure>,
    /// I/Os for the volume; those before `accepted` are gone.
    queue: Vec<VolumeIo>,
    accepted: usize,
    /// Requests in line for a buffer, oldest first.
    pub(super) waiting: VecDeque<u32>,
    /// How many of them, from the front, were not looked at since memory came free.
    pub(super) unseen: usize,
    completions: Vec<Completion>,
}

impl IoPath {
    /// Sized for `requests` commands at once; nothing is allocated later.
    pub(crate) fn new(mut volume: ThinPool, buffers: Pool, apps: Apps, config: &TargetConfig) -> Self {
        let requests = config.limits.requests();
        if config.qos {
            volume.schedule_background();
        }
        let slots = requests as usize;
        Self {
            volume,
            buffers,
            apps,
            scheduled: config.qos,
            background_from: requests,
            requests: Slab::new(requests),
            due: vec![0; DUE].into_boxed_slice(),
            dirty: Vec::with_capacity(slots),
            failures: Vec::with_capacity(slots),
            queue: Vec::with_capacity(slots),
            accepted: 0,
            waiting: VecDeque::with_capacity(slots),
            unseen: 0,
            completions: std::iter::repeat_with(Completion::default).take(COMPLETIONS).collect(),
        }
    }

    /// Whether one more command that brings its data can be taken: a Compare needs two buffers.
    pub(crate) fn has_room(&self, in_capsule_bytes: u32) -> bool {
        self.buffers.available(in_capsule_bytes) > 1
    }

    /// Takes a command off an I/O queue.
    pub(crate) fn command(
        &mut self,
        connection: &mut Connection,
        sqe: &Sqe,
        data: Result<&[u8], DigestError>,
        now: Nanos,
    ) {
        mark_dirty(&mut self.dirty, connection);
        let outcome = match connection.namespace {
            Some(namespace) => self.begin(connection, &namespace, sqe, data, now),
            None => Err(Status::INVALID_NAMESPACE.dnr()),
        };
        if let Err(status) = outcome {
            self.reject(connection, sqe, status);
        }
    }

    fn reject(&mut self, connection: &mut Connection, sqe: &Sqe, status: Status) {
        let cid = sqe.cid.get();
        connection.stats.errors += 1;
        connection.respond(cid, status);
        self.failures.push(Failure { connection: connection.key, cid, status, lba: sqe.slba() });
    }

    fn begin(
        &mut self,
        connection: &mut Connection,
        namespace: &Namespace,
        sqe: &Sqe,
        data: Result<&[u8], DigestError>,
        now: Nanos,
    ) -> Result<(), Status> {
        let plan = plan(sqe, &namespace.shape)?;
        let data = data.map_err(|_| Status::TRANSIENT_TRANSPORT_ERROR)?;
        let from_host = plan.bytes_from_host(&namespace.shape);
        let in_capsule = from_host > 0 && matches!(sqe.sgl(), Sgl::InCapsule { .. });
        let expected = if in_capsule { from_host as usize } else { 0 };
        if data.len() != expected {
            return Err(Status::SGL_DATA_LENGTH_INVALID.dnr());
        }
        let mut request = Request::new(connection.key, sqe.cid.get(), namespace, plan, now);
        request.tag = request.tag.filter(|_| self.scheduled);
        if in_capsule {
            self.copy_in(&mut request, data)?;
        }
        self.enter(connection, request, now)
    }

    /// Takes all the memory of a command that brings its data. Were it to wait with half of it, commands that
    /// wait for each other's half could fill the pool.
    fn copy_in(&self, request: &mut Request, data: &[u8]) -> Result<(), Status> {
        if !request.take_memory(&self.buffers) {
            return Err(Status::COMMAND_INTERRUPTED);
        }
        if let Some(buffer) = &mut request.buffer {
            buffer.as_mut()[..data.len()].copy_from_slice(data);
        }
        request.data_here = true;
        Ok(())
    }

    /// Gives the request its slot and its memory, and starts it or leaves it in line.
    fn enter(&mut self, connection: &mut Connection, request: Request, now: Nanos) -> Result<(), Status> {
        // There is a slot for every entry of every queue; only a host that overruns its queue finds none.
        let slot = self.requests.insert(request).map_err(|_| Status::COMMAND_INTERRUPTED)?;
        connection.outstanding += 1;
        let request = self.requests.get(slot).expect("just put there");
        let (brings_data, wants_memory) = (request.data_here, request.wants_memory_first());
        if !wants_memory || (connection.waiting == 0 || brings_data) && self.acquire(connection, slot) {
            self.start(connection, slot, now);
        } else {
            self.wait_for_memory(connection, slot);
        }
        Ok(())
    }

    /// A request has its memory: ask the host for data, or submit.
    pub(super) fn start(&mut self, connection: &mut Connection, slot: u32, now: Nanos) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        match request.bytes_from_host() {
            from_host @ 1.. if !request.data_here => {
                request.state = State::Receiving;
                connection.receiving += 1;
                connection.wire.qpair.request_data(request.cid, slot, from_host);
                mark_dirty(&mut self.dirty, connection);
            }
            _ => self.submit(connection, slot, now),
        }
    }

    /// All of the host's data are here, or their digest is wrong.
    pub(crate) fn data_received(
        &mut self,
        connection: &mut Connection,
        slot: u32,
        result: Result<(), DigestError>,
        now: Nanos,
    ) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        request.data_here = true;
        connection.receiving -= 1;
        match result {
            Ok(()) if request.aborted => self.finish(connection, slot, Status::ABORT_REQUESTED),
            Ok(()) => self.submit(connection, slot, now),
            Err(_) => self.finish(connection, slot, Status::TRANSIENT_TRANSPORT_ERROR),
        }
    }

    /// Queues the first piece of a request for the volume.
    fn submit(&mut self, connection: &mut Connection, slot: u32, now: Nanos) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        match piece_limits(connection).map(|limits| request.first_piece(&limits)) {
            Some(piece) => self.queue_piece(connection, slot, piece, now),
            // The volume was unpublished while the command waited.
            None => self.finish(connection, slot, Status::INVALID_NAMESPACE.dnr()),
        }
    }

    fn queue_piece(
        &mut self,
        connection: &mut Connection,
        slot: u32,
        piece: Option<Result<(Op, Extent), Status>>,
        now: Nanos,
    ) {
        match piece {
            Some(Ok((op, extent))) => {
                if self.schedule(slot, op, extent, now) == Placement::Go {
                    self.go(connection, slot);
                }
            }
            Some(Err(status)) => self.finish(connection, slot, status),
            None => self.finish(connection, slot, Status::SUCCESS),
        }
    }

    /// Asks the scheduler: now, or in its turn.
    fn schedule(&mut self, slot: u32, op: Op, extent: Extent, now: Nanos) -> Placement {
        let request = self.requests.get_mut(slot).expect("a request is scheduled while it is there");
        (request.op, request.extent) = (op, extent);
        request.state = State::Held;
        let bytes = u64::from(extent.blocks) << request.block_shift;
        match request.tag {
            Some(tag) => self.apps.scheduler.enqueue(now, Io { slot, tag, kind: kind_of(op), bytes }),
            None => Placement::Go,
        }
    }

    /// A request's turn has come. A read takes its memory now; if there is none, it stands in line for it, behind its
    /// connection's others, and takes no room at the device meanwhile.
    fn go(&mut self, connection: &mut Connection, slot: u32) {
        let request = self.requests.get(slot).expect("the scheduler names slots it was given");
        if request.wants_memory_first() || connection.waiting == 0 && self.acquire(connection, slot) {
            return self.push(slot);
        }
        let request = self.requests.get_mut(slot).expect("as a moment ago");
        request.state = State::Parked;
        if request.tag.is_some() {
            self.apps.scheduler.park(slot);
        }
        self.wait_for_memory(connection, slot);
    }

    /// Puts a request into the volume's batch.
    pub(super) fn push(&mut self, slot: u32) {
        let request = self.requests.get_mut(slot).expect("a request goes to the volume while it is there");
        request.state = State::Submitted;
        let Extent { lba, blocks } = request.extent;
        let (volume, op) = (request.volume, request.op);
        let buffer = request.buffer_for(op);
        self.queue.push(VolumeIo { tag: slot, volume, op, lba, blocks, buffer });
    }

    /// Takes note of work on the side that is done: others may go in its place. Returns whether there was any.
    fn complete_background(&mut self, now: Nanos) -> bool {
        let mut any = false;
        while let Some(slot) = self.volume.background_done() {
            self.apps.scheduler.complete(now, self.background_from + slot);
            any = true;
        }
        any
    }

    /// Puts the pool's work on the side in line with all else.
    fn ask_for_background(&mut self, now: Nanos) {
        while let Some(Background { slot, op, bytes }) = self.volume.background() {
            let io = Io {
                slot: self.background_from + slot,
                tag: self.apps.background(),
                kind: kind_of(op),
                bytes,
            };
            if self.apps.scheduler.enqueue(now, io) == Placement::Go {
                self.volume.go_background(slot);
            }
        }
    }

    /// Queues what is due, for the volume.
    pub(crate) fn dispatch(&mut self, connections: &mut Slab<Connection>, now: Nanos) {
        self.ask_for_background(now);
        loop {
            let mut due = std::mem::take(&mut self.due);
            let count = self.apps.scheduler.dispatch(now, &mut due);
            for &slot in &due[..count] {
                if slot >= self.background_from {
                    self.volume.go_background(slot - self.background_from);
                    continue;
                }
                let request = self.requests.get(slot).expect("the scheduler names slots it was given");
                // What waits goes with its connection.
                let connection = live(connections, request.connection).expect("a connection has requests");
                self.go(connection, slot);
            }
            let filled = count == due.len();
            self.due = due;
            if !filled {
                break;
            }
        }
    }

    /// Hands the round's batch to the volume. Returns whether anything went.
    pub(crate) fn submit_queue(&mut self, now: Nanos) -> bool {
        if self.accepted == self.queue.len() {
            return false;
        }
        let accepted = self.volume.submit(now, &mut self.queue[self.accepted..]);
        self.accepted += accepted;
        if self.accepted == self.queue.len() {
            self.queue.clear();
            self.accepted = 0;
        }
        accepted > 0
    }

    /// Takes completions and queues responses. Returns whether there were any.
    pub(crate) fn complete(&mut self, connections: &mut Slab<Connection>, now: Nanos) -> bool {
        let mut completions = std::mem::take(&mut self.completions);
        let count = self.volume.poll(now, &mut completions);
        for completion in &mut completions[..count] {
            self.complete_one(connections, std::mem::take(completion), now);
        }
        self.completions = completions;
        self.complete_background(now) || count > 0
    }

    fn complete_one(&mut self, connections: &mut Slab<Connection>, completion: Completion, now: Nanos) {
        let Completion { tag: slot, result, zeroes, buffer } = completion;
        let request = self.requests.get_mut(slot).expect("the volume returns the tags it was given");
        if request.tag.is_some() {
            self.apps.scheduler.complete(now, slot);
        }
        let Some(connection) = live(connections, request.connection) else {
            // The host is gone; its buffers return to the pool here.
            self.requests.remove(slot);
            return;
        };
        if let Err(error) = result {
            return self.finish(connection, slot, of_io_error(error));
        }
        match request.plan {
            Plan::Read(_) => self.finish_read(connection, slot, zeroes, buffer, now),
            Plan::Compare(_) => {
                let status = request.compare(zeroes, buffer.as_deref());
                self.finish_timed(connection, slot, status, now);
            }
            Plan::WriteZeroes { .. } | Plan::Deallocate { .. } => {
                match piece_limits(connection).map(|limits| request.next_piece(&limits)) {
                    // Unpublished under the command: what is left of it is not carried out.
                    None => self.finish(connection, slot, Status::INVALID_NAMESPACE.dnr()),
                    Some(None) => self.finish_timed(connection, slot, Status::SUCCESS, now),
                    Some(piece) => self.queue_piece(connection, slot, piece, now),
                }
            }
            Plan::Write { .. } | Plan::Flush => self.finish_timed(connection, slot, Status::SUCCESS, now),
        }
    }

    fn finish_read(
        &mut self,
        connection: &mut Connection,
        slot: u32,
        zeroes: bool,
        buffer: Option<Buffer>,
        now: Nanos,
    ) {
        let Some(request) = self.requests.remove(slot) else { return };
        let length = request.transfer_bytes();
        let (payload, memory_bytes) = match buffer {
            Some(buffer) if !zeroes => {
                let memory_bytes = capacity_bytes(&buffer);
                (Payload::Buffer { buffer: Data::Pool(buffer), length }, memory_bytes)
            }
            _ => (Payload::Zeroes { length }, u64::from(length)),
        };
        self.release(connection, &request);
        connection.stats.record(Kind::Read, u64::from(length), request.started, now);
        connection.wire.respond_data(Cqe::new(request.cid, Status::SUCCESS), payload, memory_bytes);
    }

    fn finish_timed(&mut self, connection: &mut Connection, slot: u32, status: Status, now: Nanos) {
        if let (true, Some(request)) = (status.is_success(), self.requests.get(slot)) {
            connection.stats.record(request.kind(), request.bytes(), request.started, now);
        }
        self.finish(connection, slot, status);
    }

    /// Answers a command without data and frees what it held.
    pub(super) fn finish(&mut self, connection: &mut Connection, slot: u32, status: Status) {
        let Some(request) = self.requests.remove(slot) else { return };
        self.release(connection, &request);
        connection.respond(request.cid, status);
        if !status.is_success() {
            connection.stats.errors += 1;
            let (cid, lba) = (request.cid, request.lba());
            self.failures.push(Failure { connection: connection.key, cid, status, lba });
        }
    }

    fn release(&mut self, connection: &mut Connection, request: &Request) {
        connection.outstanding -= 1;
        connection.held_bytes -= request.held_bytes;
        mark_dirty(&mut self.dirty, connection);
    }

    /// Aborts a command if it has not been submitted yet (NVMe Base section 5.1). Returns whether it will be.
    pub(crate) fn abort(&mut self, connection: &mut Connection, cid: u16, now: Nanos) -> bool {
        let key = connection.key;
        let found = self.requests.iter_mut().find(|(_, r)| r.connection == key && r.cid == cid);
        match found {
            Some((_, request))
                if matches!(request.state, State::Waiting | State::Receiving | State::Parked) =>
            {
                request.aborted = true;
                true
            }
            Some((slot, request)) if request.state == State::Held => {
                self.apps.scheduler.remove(now, slot);
                self.finish(connection, slot, Status::ABORT_REQUESTED);
                true
            }
            _ => false,
        }
    }

    /// Forgets the requests of a closed connection, except those at the volume: their buffers are in use
    /// until they complete.
    pub(crate) fn forget(&mut self, connection: ConnectionKey, now: Nanos) {
        let goes = |request: &Request| {
            request.connection == connection && matches!(request.state, State::Receiving | State::Held)
        };
        let gone: Vec<u32> =
            self.requests.iter().filter(|(_, request)| goes(request)).map(|(slot, _)| slot).collect();
        for slot in gone {
            if self.requests.remove(slot).is_some_and(|request| request.state == State::Held) {
                self.apps.scheduler.remove(now, slot);
            }
        }
    }

    /// Fails what waits for its turn at a volume that is no longer published.
    pub(crate) fn fail_held(&mut self, connections: &mut Slab<Connection>, volume: VolumeIndex, now: Nanos) {
        let held = |request: &Request| request.volume == volume && request.state == State::Held;
        let slots: Vec<u32> =
            self.requests.iter().filter(|(_, request)| held(request)).map(|(slot, _)| slot).collect();
        for slot in slots {
            self.apps.scheduler.remove(now, slot);
            let connection = self.requests.get(slot).map(|request| request.connection);
            match connection.and_then(|key| live(connections, key)) {
                Some(connection) => self.finish(connection, slot, Status::INVALID_NAMESPACE.dnr()),
                None => drop(self.requests.remove(slot)),
            }
        }
    }
}

fn kind_of(op: Op) -> IoKind {
    match op {
        Op::Read => IoKind::Read,
        Op::Write { .. } => IoKind::Write,
        Op::WriteZeroes { .. } => IoKind::WriteZeroes,
        Op::Deallocate => IoKind::Deallocate,
        Op::Flush => IoKind::Flush,
    }
}

/// The connection a key names, if it still lives.
pub(crate) fn live(connections: &mut Slab<Connection>, key: ConnectionKey) -> Option<&mut Connection> {
    connections.get_mut(key.index).filter(|connection| connection.key == key)
}

/// Puts a connection on the list of those with something to send, once.
pub(crate) fn mark_dirty(dirty: &mut Vec<u32>, connection: &mut Connection) {
    if !connection.dirty {
        connection.dirty = true;
        dirty.push(connection.key.index);
    }
}

/// `None`: the volume is no longer published.
fn piece_limits(connection: &Connection) -> Option<PieceLimits> {
    connection.namespace.as_ref().map(|namespace| PieceLimits {
        write_zeroes_blocks: namespace.write_zeroes_blocks,
        deallocate_blocks: namespace.deallocate_blocks,
        blocks_in_namespace: namespace.shape.blocks,
    })
}
