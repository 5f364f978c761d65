//! No allocation per command in steady state, for both machines, counted by the allocator itself.
//!
//! Buffers stand for the owner's pool: they are taken from a stock and put back when the machine drops them.

#![allow(unsafe_code, reason = "an allocator that counts is one")]

use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{
    ControllerEvent, ControllerParams, ControllerQpair, HostData, HostEvent, HostParams, HostQpair, Payload,
};
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::IoSlice;
use std::rc::Rc;
use zerocopy::little_endian::U16;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system allocator unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` with this layout, as `alloc` and `realloc` only pass on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as for `dealloc`; the caller's promise about `new_size` is the one that `System` asks for.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Shared, so that handing it over and dropping it does not allocate.
#[derive(Clone)]
struct Buffer(Rc<[u8]>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

const DEPTH: u16 = 32;
const LENGTH: u32 = 16384;

struct Pair {
    host: HostQpair<Buffer>,
    controller: ControllerQpair<Buffer>,
    buffer: Buffer,
    wire: Vec<u8>,
    completed: usize,
}

impl Pair {
    fn new(digests: bool) -> Self {
        let host = HostParams {
            header_digest: digests,
            data_digest: digests,
            hpda: 0,
            max_r2t: 0,
            max_commands: DEPTH,
        };
        let controller = ControllerParams {
            header_digest: digests,
            data_digest: digests,
            cpda: 0,
            max_h2c_data: 8192,
            in_capsule_bytes: 4096,
            max_commands: DEPTH,
        };
        Self {
            host: HostQpair::new(&host),
            controller: ControllerQpair::new(&controller),
            buffer: Buffer(vec![7; LENGTH as usize].into()),
            wire: Vec::with_capacity(4 << 20),
            completed: 0,
        }
    }

    /// A batch of reads, zero reads, flushes and writes, until all are done.
    fn round(&mut self) {
        for cid in 0..DEPTH {
            let sqe = Sqe { opcode: u8::from(cid % 2 == 0), cid: U16::new(cid), ..Sqe::default() };
            let data = match cid % 4 {
                0 | 2 => HostData::Out(self.buffer.clone()),
                1 => HostData::In { length: LENGTH },
                _ => HostData::None,
            };
            self.host.submit(sqe, data, false);
        }
        while self.host.has_output() || self.controller.has_output() {
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        send(&mut self.wire, |out| self.host.transmit(out));
        self.host.transmitted(self.wire.len());
        self.deliver_to_controller();
        send(&mut self.wire, |out| self.controller.transmit(out));
        self.controller.transmitted(self.wire.len());
        self.deliver_to_host();
    }

    fn deliver_to_controller(&mut self) {
        let mut rest = &self.wire[..];
        loop {
            let received = self.controller.receive(rest);
            rest = &rest[received.consumed..];
            match received.event {
                Some(ControllerEvent::Command { sqe, .. }) => {
                    answer(&mut self.controller, &sqe, &self.buffer)
                }
                Some(ControllerEvent::TransferDone { context, .. }) => {
                    let cid = u16::try_from(context).expect("the identifier was given");
                    self.controller.respond(Cqe::new(cid, Status::SUCCESS));
                }
                Some(_) => {}
                None => break,
            }
        }
    }

    fn deliver_to_host(&mut self) {
        let mut rest = &self.wire[..];
        loop {
            let received = self.host.receive(rest);
            rest = &rest[received.consumed..];
            match received.event {
                Some(HostEvent::Completion { .. }) => self.completed += 1,
                Some(_) => {}
                None => break,
            }
        }
    }
}

fn answer(controller: &mut ControllerQpair<Buffer>, sqe: &Sqe, buffer: &Buffer) {
    let cid = sqe.cid.get();
    let cqe = Cqe::new(cid, Status::SUCCESS);
    match (sqe.opcode, sqe.sgl()) {
        (1, Sgl::Transport { length }) => controller.request_data(cid, u32::from(cid), length),
        (_, Sgl::Transport { length: 0 }) => controller.respond(cqe),
        (_, Sgl::Transport { length }) if cid % 8 == 1 => {
            controller.respond_data(cqe, Payload::Zeroes { length });
        }
        (_, sgl) => {
            let payload = Payload::Buffer { buffer: buffer.clone(), length: sgl.length() };
            controller.respond_data(cqe, payload);
        }
    }
}

fn send<'a>(wire: &mut Vec<u8>, gather: impl FnOnce(&mut [IoSlice<'a>]) -> usize) {
    let mut slices = [IoSlice::new(&[]); 256];
    let filled = gather(&mut slices);
    wire.clear();
    slices[..filled].iter().for_each(|slice| wire.extend_from_slice(slice));
}

#[test]
fn none_per_command() {
    for digests in [false, true] {
        let mut pair = Pair::new(digests);
        pair.exchange();
        assert!(pair.host.is_ready());
        pair.round();
        let before = (ALLOCATIONS.get(), pair.completed);
        (0..50).for_each(|_| pair.round());
        assert_eq!(pair.completed - before.1, 50 * usize::from(DEPTH));
        assert_eq!(ALLOCATIONS.get(), before.0, "allocations with digests {digests}");
    }
}
