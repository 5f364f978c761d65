//! A drive that is shut down orderly when it is let go of.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::BorrowedFd;

use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Request};

use super::PciFunction;
use crate::NvmeDevice;

/// A drive in the hands of this process. Dropping it waits for the drive to have shut down, for some seconds at most.
pub struct Drive {
    device: NvmeDevice<PciFunction>,
    clock: fn() -> Nanos,
}

impl Drive {
    pub(super) fn new(device: NvmeDevice<PciFunction>, clock: fn() -> Nanos) -> Self {
        Self { device, clock }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let until = (self.clock)() + self.device.shut_down();
        while !self.device.has_shut_down() && (self.clock)() < until {
            std::thread::yield_now();
        }
    }
}

impl Deref for Drive {
    type Target = NvmeDevice<PciFunction>;

    fn deref(&self) -> &Self::Target {
        &self.device
    }
}

impl DerefMut for Drive {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.device
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device.fmt(f)
    }
}

impl BlockDevice for Drive {
    fn info(&self) -> &DeviceInfo {
        self.device.info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        self.device.submit(now, requests)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.device.poll(now, completions)
    }

    fn in_flight(&self) -> usize {
        self.device.in_flight()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        self.device.next_deadline()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.device.arm()
    }

    fn disarm(&mut self) {
        self.device.disarm();
    }
}
