//! Measures a device that holds nothing yet, before it is formatted: what may be promised on it.
//!
//! On the reactor's thread, before it serves; it polls, and returns after about three times the given time.

use std::array;
use std::ops::Range;

use sluice_device::{BlockDevice, Completion, IoError, Nanos, Op, Pool, Request};
use sluice_qos::{Calibration, CalibrationIo, CostTable, DeviceProfile, Kind, ProfileError};
use sluice_reactor::clock;

/// Longest I/O of a calibration.
const LONGEST_BYTES: u32 = 128 << 10;
/// Deepest queue: more only makes latencies longer, for no device does so many at once.
const DEEPEST: u32 = 256;
/// What is written to at most: a sparse file should not become a full one.
const REGION_BYTES: u64 = 1 << 30;

/// Why a device has no profile. It can be used all the same, without promises.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CalibrateError {
    /// The device failed an I/O.
    #[error("{0}")]
    Io(IoError),
    /// It is too small, or takes too little at once.
    #[error("it has no room for I/O of 128 KiB")]
    TooSmall,
    /// What was found cannot be.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Measures `device` from byte `begin` on, whose data are lost, with `time` for each of the two steps at depth and a
/// quarter of it before each for the device to settle.
pub(crate) fn calibrate(
    device: &mut dyn BlockDevice,
    buffers: &Pool,
    begin: u64,
    time: Nanos,
) -> Result<DeviceProfile, CalibrateError> {
    let region = region(device, begin)?;
    let depth = device.info().queue_depth.min(buffers.available(LONGEST_BYTES)).min(DEEPEST);
    let mut run = Run {
        calibration: Calibration::new(clock::now(), depth.max(1), Nanos(time.0 / 4), time),
        begun: vec![Nanos::ZERO; DEEPEST as usize],
        free: (0..DEEPEST).collect(),
        region,
    };
    while run.calibration.step().is_some() {
        run.submit(device, buffers);
        if let Err(error) = run.complete(device) {
            // What is in flight must not meet what comes next.
            while device.in_flight() > 0 {
                let _ = run.complete(device);
            }
            return Err(error);
        }
    }
    release(device, &run.region)?;
    Ok(run.calibration.profile(&CostTable::default())?)
}

/// The blocks that are written to.
fn region(device: &dyn BlockDevice, begin: u64) -> Result<Range<u64>, CalibrateError> {
    let info = device.info();
    let end = info.size_bytes().min(begin + REGION_BYTES);
    let longest_blocks = u64::from(LONGEST_BYTES / info.block_size);
    let region = begin / u64::from(info.block_size)..end / u64::from(info.block_size);
    let fits = region.end.saturating_sub(region.start) >= longest_blocks
        && u64::from(info.max_transfer_blocks) >= longest_blocks;
    if fits { Ok(region) } else { Err(CalibrateError::TooSmall) }
}

/// A calibration at work.
struct Run {
    calibration: Calibration,
    /// When the I/O of each tag began.
    begun: Vec<Nanos>,
    /// Tags.
    free: Vec<u32>,
    region: Range<u64>,
}

impl Run {
    /// Everything that is asked for; a calibration never has more in flight than its depth.
    fn submit(&mut self, device: &mut dyn BlockDevice, buffers: &Pool) {
        let mut batch = Vec::new();
        while let Some(io) = self.calibration.next_io() {
            let tag = self.free.pop().expect("as many tags as the deepest queue");
            batch.push(self.request(device, buffers, tag, io));
        }
        let now = clock::now();
        batch.iter().for_each(|request| self.begun[request.tag as usize] = now);
        let accepted = device.submit(now, &mut batch);
        assert_eq!(accepted, batch.len(), "a device takes as many as its queue is deep");
    }

    fn request(&self, device: &dyn BlockDevice, buffers: &Pool, tag: u32, io: CalibrationIo) -> Request {
        let blocks = io.bytes / device.info().block_size;
        let places = (self.region.end - self.region.start) / u64::from(blocks);
        let place = (u128::from(io.place) * u128::from(places)) >> 64;
        let lba =
            self.region.start + u64::try_from(place).expect("below the number of places") * u64::from(blocks);
        let op = if io.kind == Kind::Write { Op::Write { fua: false } } else { Op::Read };
        Request { tag, op, lba, blocks, buffer: buffers.take(io.bytes) }
    }

    fn complete(&mut self, device: &mut dyn BlockDevice) -> Result<(), CalibrateError> {
        let mut completions: [Completion; 32] = array::from_fn(|_| Completion::default());
        let count = device.poll(clock::now(), &mut completions);
        let now = clock::now();
        let mut outcome = Ok(());
        for completion in &completions[..count] {
            outcome = outcome.and(completion.result);
            let begun = self.begun[completion.tag as usize];
            self.free.push(completion.tag);
            self.calibration.completed(now, Nanos(now.0.saturating_sub(begun.0)));
        }
        outcome.map_err(CalibrateError::Io)
    }
}

/// Gives back what was written to, where the device can: a file stays sparse.
fn release(device: &mut dyn BlockDevice, region: &Range<u64>) -> Result<(), CalibrateError> {
    let most = u64::from(device.info().max_deallocate_blocks);
    let mut lba = region.start;
    while most > 0 && lba < region.end {
        let blocks = (region.end - lba).min(most);
        let blocks = u32::try_from(blocks).expect("a device's limit is a u32");
        let mut request = [Request { tag: 0, op: Op::Deallocate, lba, blocks, buffer: None }];
        assert_eq!(device.submit(clock::now(), &mut request), 1, "nothing else is in flight");
        let mut completion = [Completion::default()];
        while device.poll(clock::now(), &mut completion) == 0 {
            std::hint::spin_loop();
        }
        completion[0].result.map_err(CalibrateError::Io)?;
        lba += u64::from(blocks);
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use sluice_device::error::{ErrorDevice, Fault, Faults};
    use sluice_device::memory::MemoryOptions;
    use sluice_device::{BlockDevice, IoError, MemoryDevice, Nanos, Op, Pool};
    use sluice_hugepages::{Class, PoolConfig};

    use super::{CalibrateError, calibrate};

    const TIME: Nanos = Nanos(2_000_000);

    fn pool() -> Pool {
        let classes = vec![Class { buffer_bytes: 128 << 10, count: 64 }];
        Pool::new(&PoolConfig { classes }).expect("memory")
    }

    fn memory(blocks: u64) -> MemoryDevice {
        let options = MemoryOptions { blocks, queue_depth: 32, ..MemoryOptions::default() };
        MemoryDevice::new("m", &options).expect("memory")
    }

    #[test]
    fn a_device_is_measured_and_left_as_it_was() {
        let (mut device, pool) = (memory(4096), pool());
        let free = pool.available(128 << 10);
        // Whether the figures are believed depends on the machine; that there are some does not.
        match calibrate(&mut device, &pool, 1 << 20, TIME) {
            Ok(profile) => assert!(profile.worst_iops > 0),
            Err(CalibrateError::Profile(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!((device.in_flight(), pool.available(128 << 10)), (0, free));
    }

    #[test]
    fn a_device_that_fails_is_left_idle() {
        let (faults, pool) = (Faults::new(1), pool());
        let write = Op::Write { fua: false };
        faults.add(Fault { after: 250, ..Fault::next(write, 1, IoError::Internal) });
        let mut device = ErrorDevice::new(memory(4096), &faults);
        let outcome = calibrate(&mut device, &pool, 1 << 20, TIME);
        assert!(matches!(outcome, Err(CalibrateError::Io(IoError::Internal))), "{outcome:?}");
        assert_eq!(device.in_flight(), 0);
    }

    #[test]
    fn a_device_without_room_is_not() {
        let outcome = calibrate(&mut memory(256 + 31), &pool(), 1 << 20, TIME);
        assert!(matches!(outcome, Err(CalibrateError::TooSmall)), "{outcome:?}");
    }
}
