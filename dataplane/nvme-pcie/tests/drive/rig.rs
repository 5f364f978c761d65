//! The drive under test, on the real clock.

use std::cell::RefCell;
use std::env;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Instant;

use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Pool, Request};
use sluice_hugepages::{Backing, Class, PoolConfig};
use sluice_nvme_pcie::vfio::{self, Drive, PciAddress};
use sluice_nvme_pcie::{Event, Options};

/// How long anything may take on a slow emulation.
const PATIENCE: Nanos = Nanos(60_000_000_000);

/// The drive's address; `None`: none was named, and that was said.
pub(crate) fn address() -> Option<PciAddress> {
    let Some(address) = env::var_os("SLUICE_DRIVE") else {
        println!("SKIPPED: SLUICE_DRIVE names no drive to overwrite");
        return None;
    };
    Some(address.to_str().expect("an address is text").parse().expect("SLUICE_DRIVE is a PCI address"))
}

/// Time since the first call.
pub(crate) fn now() -> Nanos {
    thread_local!(static BEGUN: Instant = Instant::now());
    Nanos(BEGUN.with(|begun| u64::try_from(begun.elapsed().as_nanos()).unwrap() + 1))
}

pub(crate) fn pool() -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    let classes = vec![class(4096, 512), class(65_536, 128), class(1 << 20, 8)];
    Pool::resident(&PoolConfig { classes }, &Backing::default()).unwrap()
}

pub(crate) type Events = Rc<RefCell<Vec<Event>>>;

/// Opens the drive; what it tells besides its health is collected.
pub(crate) fn open(address: PciAddress, options: &Options, pool: &Pool) -> (Drive, Events) {
    let events = Events::default();
    let seen = Rc::clone(&events);
    let observer = move |event| {
        if !matches!(event, Event::Health(_)) {
            println!("{event}");
            seen.borrow_mut().push(event);
        }
    };
    let options = Options { name: address.to_string(), ..options.clone() };
    (vfio::open(address, &options, pool, Box::new(observer), now).unwrap(), events)
}

/// The next completion.
pub(crate) fn wait(device: &mut impl BlockDevice) -> Completion {
    let begun = now();
    loop {
        let mut completion = Completion::default();
        if device.poll(now(), std::slice::from_mut(&mut completion)) == 1 {
            return completion;
        }
        assert!(now() < begun + PATIENCE, "a request never completed");
        std::thread::yield_now();
    }
}

/// Submits one request and waits for it.
pub(crate) fn run(device: &mut impl BlockDevice, mut request: Request) -> Completion {
    assert_eq!(device.submit(now(), std::slice::from_mut(&mut request)), 1);
    wait(device)
}

/// A device on the real clock for callers with a clock of their own, as the conformance suite is: it jumps to
/// deadlines, and commands that take real time would look late to it.
pub(crate) struct RealTime<D>(pub(crate) D);

impl<D: BlockDevice> BlockDevice for RealTime<D> {
    fn info(&self) -> &DeviceInfo {
        self.0.info()
    }

    fn submit(&mut self, _: Nanos, requests: &mut [Request]) -> usize {
        self.0.submit(now(), requests)
    }

    fn poll(&mut self, _: Nanos, completions: &mut [Completion]) -> usize {
        self.0.poll(now(), completions)
    }

    fn in_flight(&self) -> usize {
        self.0.in_flight()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        self.0.next_deadline().filter(|due| *due == Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.0.arm()
    }

    fn disarm(&mut self) {
        self.0.disarm();
    }
}
