//! What calibration found out about a device.

use sluice_device::Nanos;

use crate::model::WriteFactor;

/// A device's figures. Latencies are means of an otherwise idle device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceProfile {
    /// A random read of 4 KiB.
    pub read_4k: Nanos,
    /// A read of 128 KiB.
    pub read_128k: Nanos,
    /// A random write of 4 KiB.
    pub write_4k: Nanos,
    /// A write of 128 KiB.
    pub write_128k: Nanos,
    /// What it keeps up at its worst, in I/O units per second: random I/O of a whole unit, 70 % reads, all it takes.
    pub worst_iops: u64,
    /// The same in device cost per second.
    pub worst_cost_per_s: u64,
    /// What a write costs against a read.
    pub write_factor: WriteFactor,
}

/// A figure that no device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A latency out of bounds.
    #[error(
        "calibration found {what} to take {latency}: nothing takes less than 200 ns or more than 10 s; calibrate again on an idle device, or give the figures by hand"
    )]
    Latency {
        /// Of what.
        what: &'static str,
        /// The figure.
        latency: Nanos,
    },
    /// A rate out of bounds.
    #[error(
        "calibration found {worst_iops} IOPS: nothing does less than 20 or more than 100 million; calibrate again on an idle device, or give the figures by hand"
    )]
    Rate {
        /// The figure.
        worst_iops: u64,
    },
}

impl DeviceProfile {
    /// Whether the figures can be a device's; one disturbed measurement must not decide what is admitted for years.
    ///
    /// # Errors
    /// [`ProfileError`], the first figure out of bounds.
    pub fn check(&self) -> Result<(), ProfileError> {
        let latencies = [
            ("a read of 4 KiB", self.read_4k),
            ("a read of 128 KiB", self.read_128k),
            ("a write of 4 KiB", self.write_4k),
            ("a write of 128 KiB", self.write_128k),
        ];
        for (what, latency) in latencies {
            if !(200..=10_000_000_000).contains(&latency.0) {
                return Err(ProfileError::Latency { what, latency });
            }
        }
        if !(20..=100_000_000).contains(&self.worst_iops) {
            return Err(ProfileError::Rate { worst_iops: self.worst_iops });
        }
        Ok(())
    }

    /// The unloaded latency of an I/O of so many bytes: a straight line through the two that were measured.
    pub(super) fn unloaded(&self, write: bool, bytes: u64) -> Nanos {
        let (small, large) =
            if write { (self.write_4k, self.write_128k) } else { (self.read_4k, self.read_128k) };
        let slope = large.0.saturating_sub(small.0);
        Nanos(small.0 + slope.saturating_mul(bytes.saturating_sub(4096)) / (131_072 - 4096))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const PROFILE: DeviceProfile = DeviceProfile {
        read_4k: Nanos(80_000),
        read_128k: Nanos(111_000),
        write_4k: Nanos(15_000),
        write_128k: Nanos(77_000),
        worst_iops: 200_000,
        worst_cost_per_s: 1 << 30,
        write_factor: WriteFactor::START,
    };

    #[test]
    fn latencies_lie_on_a_line() {
        let of = |write, bytes| PROFILE.unloaded(write, bytes).0;
        assert_eq!([4096, 8192, 131_072].map(|bytes| of(false, bytes)), [80_000, 81_000, 111_000]);
        assert_eq!([512, 131_072, 258_048].map(|bytes| of(true, bytes)), [15_000, 77_000, 139_000]);
    }

    #[test]
    fn what_no_device_has_is_refused() {
        assert_eq!(PROFILE.check(), Ok(()));
        for ns in [199, 10_000_000_001] {
            let what = "a write of 4 KiB";
            let profile = DeviceProfile { write_4k: Nanos(ns), ..PROFILE };
            assert_eq!(profile.check(), Err(ProfileError::Latency { what, latency: Nanos(ns) }));
        }
        for worst_iops in [19, 100_000_001] {
            let profile = DeviceProfile { worst_iops, ..PROFILE };
            assert_eq!(profile.check(), Err(ProfileError::Rate { worst_iops }));
        }
        for worst_iops in [20, 100_000_000] {
            assert_eq!(DeviceProfile { worst_iops, ..PROFILE }.check(), Ok(()));
        }
    }
}
