//! What the pool keeps for the scheduler, as the words that it keeps: QoS of applications, and the device's profile.
//!
//! | word | QoS of an application | profile of a device |
//! |---|---|---|
//! | 0 | 1, the layout's version | 1, the layout's version |
//! | 1 | Min | read of 4 KiB in ns |
//! | 2 | Max; 0: none | read of 128 KiB in ns |
//! | 3 | ceiling of a burst; 0: none | write of 4 KiB in ns |
//! | 4 | its credit in s | write of 128 KiB in ns |
//! | 5 | weight | worst I/O units per second |
//! | 6 | bytes per second; 0: no limit | worst cost per second |
//! | 7 | 1: low latency | write factor in sixteenths |
//!
//! All others are zero. Words that this release does not understand are as if there were none.

use sluice_device::Nanos;
use sluice_qos::{AppSpec, Burst, DeviceProfile, LatencyClass, Qos, QosSpec, WriteFactor};
use sluice_volume::thin::{AppRecord, Label};

const VERSION: u64 = 1;

/// The record of an application.
pub(crate) fn app_record(spec: &AppSpec) -> AppRecord {
    let label = |(key, value): (&String, &String)| Label { key: key.clone(), value: value.clone() };
    AppRecord {
        name: spec.name.clone(),
        labels: spec.labels.iter().map(label).collect(),
        qos: qos_words(&spec.qos),
    }
}

/// What a record says; the default QoS if it is not understood.
pub(crate) fn app_spec(record: &AppRecord) -> AppSpec {
    let labels = record.labels.iter().map(|label| (label.key.clone(), label.value.clone())).collect();
    AppSpec { name: record.name.clone(), labels, qos: qos_of(&record.qos).unwrap_or_default() }
}

fn qos_words(qos: &QosSpec) -> [u64; 16] {
    let mut words = [0; 16];
    words[0] = VERSION;
    words[1] = qos.min_iops.into();
    words[2] = qos.max_iops.unwrap_or(0).into();
    if let Some(burst) = qos.burst {
        (words[3], words[4]) = (burst.iops.into(), burst.credit_s.into());
    }
    words[5] = qos.weight.into();
    words[6] = qos.max_bytes_per_s.unwrap_or(0);
    words[7] = u64::from(qos.latency == LatencyClass::Low);
    words
}

fn qos_of(words: &[u64; 16]) -> Option<QosSpec> {
    let narrow = |at: usize| u32::try_from(words[at]).ok();
    if words[0] != VERSION || words[8..].iter().any(|word| *word != 0) {
        return None;
    }
    let burst = match narrow(3)? {
        0 => None,
        iops => Some(Burst { iops, credit_s: narrow(4)? }),
    };
    let spec = QosSpec {
        min_iops: narrow(1)?,
        max_iops: narrow(2).filter(|iops| *iops > 0),
        burst,
        weight: u16::try_from(words[5]).ok()?,
        max_bytes_per_s: Some(words[6]).filter(|bytes| *bytes > 0),
        latency: if words[7] == 1 { LatencyClass::Low } else { LatencyClass::Normal },
    };
    Qos::new(spec).ok().map(|_| spec)
}

/// A profile's words.
pub(crate) fn profile_words(profile: &DeviceProfile) -> [u64; 32] {
    let mut words = [0; 32];
    words[0] = VERSION;
    let latencies = [profile.read_4k, profile.read_128k, profile.write_4k, profile.write_128k];
    words[1..5].copy_from_slice(&latencies.map(|latency| latency.0));
    (words[5], words[6]) = (profile.worst_iops, profile.worst_cost_per_s);
    words[7] = profile.write_factor.sixteenths().into();
    words
}

/// The profile that the words are, if they are one that can be.
pub(crate) fn profile_of(words: &[u64; 32]) -> Option<DeviceProfile> {
    if words[0] != VERSION || words[8..].iter().any(|word| *word != 0) {
        return None;
    }
    let profile = DeviceProfile {
        read_4k: Nanos(words[1]),
        read_128k: Nanos(words[2]),
        write_4k: Nanos(words[3]),
        write_128k: Nanos(words[4]),
        worst_iops: words[5],
        worst_cost_per_s: words[6],
        write_factor: WriteFactor::from_sixteenths(u32::try_from(words[7]).ok()?),
    };
    profile.check().ok().map(|()| profile)
}

#[cfg(test)]
mod test {
    use super::*;

    fn full() -> AppSpec {
        let qos = QosSpec {
            min_iops: 500,
            max_iops: Some(1000),
            burst: Some(Burst { iops: 2000, credit_s: 3 }),
            weight: 250,
            max_bytes_per_s: Some(1 << 30),
            latency: LatencyClass::Low,
        };
        let labels = [("tier".to_owned(), "gold".to_owned()), ("site".to_owned(), String::new())].into();
        AppSpec { name: "shop".into(), labels, qos }
    }

    #[test]
    fn applications_there_and_back() {
        let plain = AppSpec { name: "batch".into(), ..AppSpec::default() };
        for spec in [full(), plain] {
            assert_eq!(app_spec(&app_record(&spec)), spec);
        }
        let words = [1, 500, 1000, 2000, 3, 250, 1 << 30, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(app_record(&full()).qos, words);
    }

    #[test]
    fn qos_that_is_not_understood_is_the_default() {
        for (at, word) in [(0, 2), (1, 1 << 32), (2, 400), (5, 0), (8, 1)] {
            let mut record = app_record(&full());
            record.qos[at] = word;
            let spec = app_spec(&record);
            assert_eq!((spec.qos, spec.labels.len()), (QosSpec::default(), 2), "word {at}");
        }
    }

    #[test]
    fn profiles_there_and_back() {
        let profile = DeviceProfile {
            read_4k: Nanos(80_000),
            read_128k: Nanos(111_000),
            write_4k: Nanos(15_000),
            write_128k: Nanos(77_000),
            worst_iops: 200_000,
            worst_cost_per_s: 1 << 30,
            write_factor: WriteFactor::from_sixteenths(77),
        };
        let words = profile_words(&profile);
        assert_eq!(profile_of(&words), Some(profile));
        for (at, word) in [(0, 0), (1, 0), (5, 1), (31, 1)] {
            let mut other = words;
            other[at] = word;
            assert_eq!(profile_of(&other), None, "word {at}");
        }
    }
}
