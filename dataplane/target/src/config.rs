//! Limits of a target: what a host may ask for, and what memory follows from it.
//!
//! Every value is checked by [`TargetConfig::check`] before a thread is started; the ranges are told
//! here and nowhere else.

use sluice_hugepages::Class;
use std::time::Duration;

/// In-capsule data that admin and Fabrics commands may always carry (NVMe/TCP section 3.3.1).
pub const ADMIN_IN_CAPSULE_BYTES: u32 = 8192;
/// Entries of an admin queue: the size the Linux host asks for.
pub const ADMIN_QUEUE_ENTRIES: u16 = 32;
/// Asynchronous Event Requests that a host may leave outstanding (AERL is this less one).
pub const ASYNC_EVENT_REQUESTS: usize = 4;
/// Entries of a controller's error log (ELPE is this less one).
pub const ERROR_LOG_ENTRIES: usize = 64;

/// What one reactor serves at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest data transfer of one command, in bytes: a power of two, 4 KiB to 1 MiB. Default 128 KiB.
    /// Hosts see it as MDTS.
    pub max_transfer_bytes: u32,
    /// Largest in-capsule data of an I/O command, in bytes: a multiple of 16, 0 to 64 KiB, at most
    /// [`Limits::max_transfer_bytes`]. Default 8 KiB. Hosts see it as IOCCSZ.
    pub in_capsule_bytes: u32,
    /// Largest number of entries of an I/O queue, 2 to 1024. Default 128. Hosts see it as CAP.MQES.
    pub queue_entries: u16,
    /// I/O queues of one controller, 1 to 128. Default 16.
    pub io_queues: u16,
    /// Connections (queues, admin ones too) of one reactor, 1 to 4096. Default 256.
    pub connections: u32,
    /// Memory for the data of commands in flight on one reactor, in bytes: 64 times
    /// [`Limits::max_transfer_bytes`] to 64 GiB. Default 64 MiB. When it is used up, sockets wait.
    pub buffer_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_transfer_bytes: 128 << 10,
            in_capsule_bytes: 8 << 10,
            queue_entries: 128,
            io_queues: 16,
            connections: 256,
            buffer_bytes: 64 << 20,
        }
    }
}

/// How long the target waits for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From accepting a socket to a complete Connect command; 100 ms to 60 s. Default 5 s.
    pub handshake: Duration,
    /// Longest keep-alive timeout a host may choose; 1 s to 1 h. Default 10 min. A host that chooses
    /// none (zero) has none.
    pub keep_alive_max: Duration,
    /// How long a shutdown waits for commands in flight, before the device is flushed; 0 to 60 s. Default 5 s.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            keep_alive_max: Duration::from_secs(600),
            drain: Duration::from_secs(5),
        }
    }
}

/// All that a target is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// Limits.
    pub limits: Limits,
    /// Waiting times.
    pub timeouts: Timeouts,
    /// Whether a host that asks for header digests gets them. Default yes.
    pub header_digest: bool,
    /// Whether a host that asks for data digests gets them. Default yes.
    pub data_digest: bool,
    /// Connections that may be in their handshake at once, all listeners together; 1 to 4096. Default 64.
    pub pending_handshakes: u32,
    /// Whether I/O goes through the scheduler. Without it nothing is held back or guaranteed: for comparison. Default
    /// yes.
    pub qos: bool,
    /// How long each of the two steps of a device's calibration lasts that goes before it is formatted; zero: it is
    /// not calibrated, and no Min can be promised on it. At most 10 minutes. Default zero.
    pub calibration: Duration,
    /// What reads and writes of one I/O unit carry at most, in bytes: a power of two, 4 KiB to 1 MiB. Default 16 KiB.
    pub unit_bytes: u32,
    /// Percent of a device's calibrated worst rate that may be promised as Min; 1 to 100. Default 80.
    pub promised_percent: u32,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            header_digest: true,
            data_digest: true,
            pending_handshakes: 64,
            qos: true,
            calibration: Duration::ZERO,
            unit_bytes: 16 << 10,
            promised_percent: 80,
        }
    }
}

/// A limit outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} = {value} is out of range: {range}")]
pub struct ConfigError {
    /// The option's name.
    pub option: &'static str,
    /// What was asked for.
    pub value: String,
    /// What is allowed.
    pub range: &'static str,
}

fn ensure(
    ok: bool,
    option: &'static str,
    value: impl ToString,
    range: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError { option, value: value.to_string(), range }) }
}

impl TargetConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The first option that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.limits.check()?;
        let Timeouts { handshake, keep_alive_max, drain } = self.timeouts;
        let (milli, second) = (Duration::from_millis, Duration::from_secs);
        ensure(
            (milli(100)..=second(60)).contains(&handshake),
            "handshake_timeout_ms",
            handshake.as_millis(),
            "100 to 60000",
        )?;
        ensure(
            (second(1)..=second(3600)).contains(&keep_alive_max),
            "keep_alive_max_ms",
            keep_alive_max.as_millis(),
            "1000 to 3600000",
        )?;
        ensure(drain <= second(60), "drain_timeout_ms", drain.as_millis(), "0 to 60000")?;
        let calibration = self.calibration;
        ensure(calibration <= second(600), "calibration_ms", calibration.as_millis(), "0 to 600000")?;
        let unit = self.unit_bytes;
        let power = unit.is_power_of_two() && (4096..=1 << 20).contains(&unit);
        ensure(power, "unit", unit, "a power of two from 4096 to 1048576")?;
        let promised = self.promised_percent;
        ensure((1..=100).contains(&promised), "promised_percent", promised, "1 to 100")?;
        let pending = self.pending_handshakes;
        ensure((1..=4096).contains(&pending), "pending_handshakes", pending, "1 to 4096")
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let transfer = self.max_transfer_bytes;
        let power = transfer.is_power_of_two() && (4096..=1 << 20).contains(&transfer);
        ensure(power, "max_transfer_bytes", transfer, "a power of two from 4096 to 1048576")?;
        let capsule = self.in_capsule_bytes;
        let fits = capsule.is_multiple_of(16) && capsule <= transfer.min(64 << 10);
        ensure(
            fits,
            "in_capsule_bytes",
            capsule,
            "a multiple of 16 from 0 to 65536, at most max_transfer_bytes",
        )?;
        ensure((2..=1024).contains(&self.queue_entries), "queue_entries", self.queue_entries, "2 to 1024")?;
        ensure((1..=128).contains(&self.io_queues), "io_queues", self.io_queues, "1 to 128")?;
        ensure((1..=4096).contains(&self.connections), "connections", self.connections, "1 to 4096")?;
        let least = 64 * u64::from(transfer);
        let enough = (least..=64 << 30).contains(&self.buffer_bytes);
        ensure(enough, "buffer_bytes", self.buffer_bytes, "64 times max_transfer_bytes to 68719476736")
    }

    /// Request slots of a reactor: every queue may be full at once, so a command never lacks one.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.connections * u32::from(self.queue_entries.max(ADMIN_QUEUE_ENTRIES))
    }

    /// How the data memory is cut. A quarter of it serves 4 KiB, the bread and butter; a quarter
    /// 16 KiB, database pages; the rest transfers of full size, which also serve as overflow of the others.
    #[must_use]
    pub fn buffer_classes(&self) -> Vec<Class> {
        let class = |buffer_bytes: u32, share: u64| Class {
            buffer_bytes,
            count: u32::try_from(share / u64::from(buffer_bytes)).unwrap_or(u32::MAX),
        };
        let (whole, quarter) = (self.buffer_bytes, self.buffer_bytes / 4);
        match self.max_transfer_bytes {
            4096 => vec![class(4096, whole)],
            large @ ..=16_384 => vec![class(4096, quarter), class(large, whole - quarter)],
            large => vec![class(4096, quarter), class(16_384, quarter), class(large, whole - 2 * quarter)],
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn limits(change: impl FnOnce(&mut Limits)) -> Option<&'static str> {
        let mut config = TargetConfig::default();
        change(&mut config.limits);
        config.check().err().map(|error| error.option)
    }

    #[test]
    fn every_limit_one_step_either_side() {
        assert_eq!(TargetConfig::default().check(), Ok(()));
        for (transfer, refused) in
            [(2048, true), (4096, false), (4097, true), (1 << 20, false), (2 << 20, true)]
        {
            let outcome = limits(|l| {
                (l.max_transfer_bytes, l.in_capsule_bytes, l.buffer_bytes) = (transfer, 0, 1 << 30)
            });
            assert_eq!(outcome.is_some(), refused, "{transfer}");
        }
        for (capsule, refused) in [(0, false), (15, true), (16, false), (65_536, false), (65_552, true)] {
            assert_eq!(limits(|l| l.in_capsule_bytes = capsule).is_some(), refused, "{capsule}");
        }
        assert_eq!(
            limits(|l| (l.max_transfer_bytes, l.in_capsule_bytes) = (4096, 4112)),
            Some("in_capsule_bytes")
        );
        for (entries, refused) in [(1, true), (2, false), (1024, false), (1025, true)] {
            assert_eq!(limits(|l| l.queue_entries = entries).is_some(), refused, "{entries}");
        }
        for (queues, refused) in [(0, true), (1, false), (128, false), (129, true)] {
            assert_eq!(limits(|l| l.io_queues = queues).is_some(), refused, "{queues}");
        }
        for (connections, refused) in [(0, true), (1, false), (4096, false), (4097, true)] {
            assert_eq!(limits(|l| l.connections = connections).is_some(), refused, "{connections}");
        }
        let least = 64 * (128 << 10);
        for (bytes, refused) in [(least - 1, true), (least, false), (64 << 30, false), ((64 << 30) + 1, true)]
        {
            assert_eq!(limits(|l| l.buffer_bytes = bytes).is_some(), refused, "{bytes}");
        }
    }

    #[test]
    fn every_timeout_one_step_either_side() {
        let refused = |change: fn(&mut TargetConfig, u64), value| {
            let mut config = TargetConfig::default();
            change(&mut config, value);
            config.check().is_err()
        };
        for (value, expected) in [(99, true), (100, false), (60_000, false), (60_001, true)] {
            assert_eq!(refused(|c, v| c.timeouts.handshake = Duration::from_millis(v), value), expected);
        }
        for (value, expected) in [(999, true), (1_000, false), (3_600_000, false), (3_600_001, true)] {
            assert_eq!(refused(|c, v| c.timeouts.keep_alive_max = Duration::from_millis(v), value), expected);
        }
        for (value, expected) in [(0, false), (60_000, false), (60_001, true)] {
            assert_eq!(refused(|c, v| c.timeouts.drain = Duration::from_millis(v), value), expected);
        }
        for (value, expected) in [(0, false), (600_000, false), (600_001, true)] {
            assert_eq!(refused(|c, v| c.calibration = Duration::from_millis(v), value), expected);
        }
        for (value, expected) in
            [(2048, true), (4096, false), (12_288, true), (1 << 20, false), (2 << 20, true)]
        {
            let set: fn(&mut TargetConfig, u64) = |c, v| c.unit_bytes = u32::try_from(v).unwrap();
            assert_eq!(refused(set, value), expected);
        }
        for (value, expected) in [(0, true), (1, false), (100, false), (101, true)] {
            let set: fn(&mut TargetConfig, u64) = |c, v| c.promised_percent = u32::try_from(v).unwrap();
            assert_eq!(refused(set, value), expected);
        }
        for (value, expected) in [(0, true), (1, false), (4096, false), (4097, true)] {
            let set: fn(&mut TargetConfig, u64) = |c, v| c.pending_handshakes = u32::try_from(v).unwrap();
            assert_eq!(refused(set, value), expected);
        }
    }

    #[test]
    fn buffer_classes_ascend_and_use_what_was_given() {
        for shift in 12..=20 {
            let limits = Limits { max_transfer_bytes: 1 << shift, ..Limits::default() };
            let classes = limits.buffer_classes();
            assert!(classes.is_sorted_by(|a, b| a.buffer_bytes < b.buffer_bytes));
            assert_eq!(classes.last().unwrap().buffer_bytes, 1 << shift);
            let sum: u64 = classes.iter().map(|c| u64::from(c.buffer_bytes) * u64::from(c.count)).sum();
            assert_eq!(sum, limits.buffer_bytes);
        }
    }
}
