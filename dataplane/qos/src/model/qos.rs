//! What one application is promised on one device.

use super::SpecError;

/// Highest rate that can be asked for, in I/O units per second.
pub const MAX_IOPS: u32 = 100_000_000;
/// Lowest Max, in I/O units per second.
pub const MIN_OF_MAX_IOPS: u32 = 10;
/// Highest weight.
pub const MAX_WEIGHT: u16 = 1000;
/// Most I/O units that can be saved for bursts.
pub const MAX_CREDIT_UNITS: u64 = 4_000_000_000;

const MIN_BANDWIDTH: u64 = 1 << 20;
const MAX_BANDWIDTH: u64 = 1 << 40;

/// Going beyond Max for a while, paid with what was left unused below Max.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Burst {
    /// The ceiling, in I/O units per second; above Max.
    pub iops: u32,
    /// How long full credit lasts at the ceiling, in seconds; at least 1.
    pub credit_s: u32,
}

impl Burst {
    /// The I/O units above `max_iops` that full credit pays for.
    #[must_use]
    pub fn credit_units(self, max_iops: u32) -> u64 {
        u64::from(self.iops.saturating_sub(max_iops)) * u64::from(self.credit_s)
    }
}

/// Which guaranteed I/O goes first among the guaranteed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LatencyClass {
    /// In turn.
    #[default]
    Normal,
    /// Before the others'. Only what Min pays for: it cannot take more from them than was admitted.
    Low,
}

/// QoS as asked for. Rates are in I/O units, see [`UnitTable`](super::UnitTable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QosSpec {
    /// Guaranteed, per second, whenever asked for; 0: nothing is.
    pub min_iops: u32,
    /// Never exceeded, per second, but by a burst; `None`: as much as there is.
    pub max_iops: Option<u32>,
    /// Above Max.
    pub burst: Option<Burst>,
    /// Share of what is left when all Mins are met, 1 to 1000, against the other applications' weights.
    pub weight: u16,
    /// Never exceeded, reads and writes together.
    pub max_bytes_per_s: Option<u64>,
    /// Precedence among guaranteed I/O.
    pub latency: LatencyClass,
}

impl Default for QosSpec {
    /// No guarantee, no limit, weight 100.
    fn default() -> Self {
        Self {
            min_iops: 0,
            max_iops: None,
            burst: None,
            weight: 100,
            max_bytes_per_s: None,
            latency: LatencyClass::Normal,
        }
    }
}

/// QoS that holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Qos(QosSpec);

impl Qos {
    /// Checks a specification.
    ///
    /// # Errors
    /// [`SpecError`], the first rule that is broken.
    pub fn new(spec: QosSpec) -> Result<Self, SpecError> {
        check_weight(spec.weight)?;
        check_rate(spec.min_iops)?;
        if let Some(max_iops) = spec.max_iops {
            check_max(max_iops)?;
            if spec.min_iops > max_iops {
                return Err(SpecError::MinAboveMax { min_iops: spec.min_iops, max_iops });
            }
        }
        if let Some(burst) = spec.burst {
            check_burst(burst, spec.max_iops)?;
        }
        if let Some(bytes_per_s) = spec.max_bytes_per_s
            && !(MIN_BANDWIDTH..=MAX_BANDWIDTH).contains(&bytes_per_s)
        {
            return Err(SpecError::Bandwidth { bytes_per_s });
        }
        if spec.latency == LatencyClass::Low && spec.min_iops == 0 {
            return Err(SpecError::LatencyWithoutMin);
        }
        Ok(Self(spec))
    }

    /// What was checked.
    #[must_use]
    pub fn spec(&self) -> &QosSpec {
        &self.0
    }

    /// Guaranteed I/O units per second.
    #[must_use]
    pub fn min_iops(&self) -> u32 {
        self.0.min_iops
    }
}

pub(super) fn check_weight(weight: u16) -> Result<(), SpecError> {
    if (1..=MAX_WEIGHT).contains(&weight) { Ok(()) } else { Err(SpecError::Weight { weight }) }
}

fn check_rate(iops: u32) -> Result<(), SpecError> {
    if iops <= MAX_IOPS { Ok(()) } else { Err(SpecError::TooManyIops { iops }) }
}

pub(super) fn check_max(max_iops: u32) -> Result<(), SpecError> {
    check_rate(max_iops)?;
    if max_iops < MIN_OF_MAX_IOPS { Err(SpecError::MaxTooLow { max_iops }) } else { Ok(()) }
}

fn check_burst(burst: Burst, max_iops: Option<u32>) -> Result<(), SpecError> {
    let max_iops = max_iops.ok_or(SpecError::BurstWithoutMax)?;
    check_rate(burst.iops)?;
    if burst.iops <= max_iops {
        return Err(SpecError::BurstBelowMax { burst_iops: burst.iops, max_iops });
    }
    let units = burst.credit_units(max_iops);
    if !(1..=MAX_CREDIT_UNITS).contains(&units) {
        return Err(SpecError::BurstCredit { credit_s: burst.credit_s, units });
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    fn check(change: impl FnOnce(&mut QosSpec)) -> Result<Qos, SpecError> {
        let mut spec = QosSpec::default();
        change(&mut spec);
        Qos::new(spec)
    }

    #[test]
    fn one_step_either_side_of_each_bound() {
        assert!(check(|spec| spec.weight = 1).is_ok() && check(|spec| spec.weight = 1000).is_ok());
        assert_eq!(check(|spec| spec.weight = 0), Err(SpecError::Weight { weight: 0 }));
        assert_eq!(check(|spec| spec.weight = 1001), Err(SpecError::Weight { weight: 1001 }));
        assert!(check(|spec| spec.min_iops = MAX_IOPS).is_ok());
        assert_eq!(
            check(|spec| spec.min_iops = MAX_IOPS + 1),
            Err(SpecError::TooManyIops { iops: MAX_IOPS + 1 })
        );
        assert!(check(|spec| spec.max_iops = Some(10)).is_ok());
        assert_eq!(check(|spec| spec.max_iops = Some(9)), Err(SpecError::MaxTooLow { max_iops: 9 }));
        assert!(check(|spec| spec.max_bytes_per_s = Some(1 << 20)).is_ok());
        let low = (1 << 20) - 1;
        assert_eq!(
            check(|spec| spec.max_bytes_per_s = Some(low)),
            Err(SpecError::Bandwidth { bytes_per_s: low })
        );
    }

    #[test]
    fn min_may_equal_max_and_not_exceed_it() {
        let with = |min_iops| {
            check(|spec| {
                spec.min_iops = min_iops;
                spec.max_iops = Some(500);
            })
        };
        assert!(with(500).is_ok());
        assert_eq!(with(501), Err(SpecError::MinAboveMax { min_iops: 501, max_iops: 500 }));
    }

    #[test]
    fn a_burst_goes_beyond_max_and_can_be_counted() {
        let with = |max_iops, iops, credit_s| {
            check(|spec| {
                spec.max_iops = max_iops;
                spec.burst = Some(Burst { iops, credit_s });
            })
        };
        assert!(with(Some(100), 101, 1).is_ok());
        assert_eq!(with(None, 101, 1), Err(SpecError::BurstWithoutMax));
        assert_eq!(with(Some(100), 100, 1), Err(SpecError::BurstBelowMax { burst_iops: 100, max_iops: 100 }));
        assert_eq!(with(Some(100), 101, 0), Err(SpecError::BurstCredit { credit_s: 0, units: 0 }));
        assert!(with(Some(100), 1_000_100, 4000).is_ok());
        let units = 4_001_000_000;
        assert_eq!(with(Some(100), 1_000_100, 4001), Err(SpecError::BurstCredit { credit_s: 4001, units }));
    }

    #[test]
    fn the_latency_class_needs_a_min() {
        assert_eq!(check(|spec| spec.latency = LatencyClass::Low), Err(SpecError::LatencyWithoutMin));
        let backed = |spec: &mut QosSpec| (spec.latency, spec.min_iops) = (LatencyClass::Low, 1);
        assert!(check(backed).is_ok());
    }
}
