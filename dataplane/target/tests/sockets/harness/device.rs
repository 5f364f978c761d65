//! A layer over the memory device: a gate that holds requests back while it is shut, and a record of what
//! was asked. With it a test decides what is in flight, instead of hoping.

use sluice_device::memory::MemoryOptions;
use sluice_device::{BlockDevice, Completion, DeviceInfo, MemoryDevice, Nanos, Op, Request};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard};

/// What the device and the test share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Which requests stay at the device.
    holds: Option<fn(Op) -> bool>,
    asked: Vec<Op>,
}

impl Gate {
    /// From now on every request stays at the device.
    pub(crate) fn shut(&self) {
        self.shut_for(|_| true);
    }

    /// From now on requests of one kind do.
    pub(crate) fn shut_for(&self, holds: fn(Op) -> bool) {
        self.state().holds = Some(holds);
    }

    /// Lets them go, when the reactor looks next.
    pub(crate) fn open(&self) {
        self.state().holds = None;
    }

    /// Operations in the order in which the device took them.
    pub(crate) fn asked(&self) -> Vec<Op> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

/// Longest Write Zeroes of the device: those of hosts come in pieces.
pub(crate) const WRITE_ZEROES_BLOCKS: u32 = 64;

/// The layer.
#[derive(Debug)]
pub(crate) struct GatedDevice {
    inner: MemoryDevice,
    info: DeviceInfo,
    gate: Gate,
    held: Vec<Request>,
}

impl GatedDevice {
    /// 256 MiB of zeroes; a volatile write cache if `cached`.
    pub(crate) fn new(gate: Gate, cached: bool) -> Self {
        let options = MemoryOptions { block_size: 4096, blocks: 1 << 16, ..MemoryOptions::default() };
        let inner = MemoryDevice::new("memory", &options).expect("there is address space");
        let max_write_zeroes_blocks = WRITE_ZEROES_BLOCKS;
        let info =
            DeviceInfo { volatile_write_cache: cached, max_write_zeroes_blocks, ..inner.info().clone() };
        Self { inner, info, gate, held: Vec::new() }
    }
}

impl BlockDevice for GatedDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        let room = self.info.queue_depth as usize - self.in_flight();
        let accepted = requests.len().min(room);
        let mut state = self.gate.state();
        for request in &mut requests[..accepted] {
            state.asked.push(request.op);
            if state.holds.is_some_and(|holds| holds(request.op)) {
                self.held.push(std::mem::take(request));
            } else {
                let taken = self.inner.submit(now, std::slice::from_mut(request));
                assert_eq!(taken, 1, "there is room");
            }
        }
        accepted
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        if self.gate.state().holds.is_none() {
            let taken = self.inner.submit(now, &mut self.held);
            self.held.drain(..taken);
        }
        self.inner.poll(now, completions)
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight() + self.held.len()
    }

    /// What is held waits for the test to wake the reactor.
    fn next_deadline(&self) -> Option<Nanos> {
        self.inner.next_deadline()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.inner.arm()
    }

    fn disarm(&mut self) {
        self.inner.disarm();
    }
}
