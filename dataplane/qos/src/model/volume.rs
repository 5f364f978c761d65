//! What a volume or clone is given inside its application.

use super::SpecError;
use super::qos::{check_max, check_weight};

/// QoS of a volume or clone, or of a stream of background work, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VolumeQosSpec {
    /// Share of the application's service, 1 to 1000, against the weights of its other volumes.
    pub weight: u16,
    /// A cap of its own below the application's Max, in I/O units per second.
    pub max_iops: Option<u32>,
}

impl Default for VolumeQosSpec {
    /// Weight 100, no cap of its own.
    fn default() -> Self {
        Self { weight: 100, max_iops: None }
    }
}

/// QoS of a volume that is in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VolumeQos(VolumeQosSpec);

impl VolumeQos {
    /// Checks a specification.
    ///
    /// # Errors
    /// [`SpecError::Weight`], [`SpecError::MaxTooLow`], [`SpecError::TooManyIops`].
    pub fn new(spec: VolumeQosSpec) -> Result<Self, SpecError> {
        check_weight(spec.weight)?;
        spec.max_iops.map_or(Ok(()), check_max)?;
        Ok(Self(spec))
    }

    /// What was checked.
    #[must_use]
    pub fn spec(&self) -> &VolumeQosSpec {
        &self.0
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ranges_are_the_applications() {
        let with = |weight, max_iops| VolumeQos::new(VolumeQosSpec { weight, max_iops });
        assert!(with(1, Some(10)).is_ok() && with(1000, None).is_ok());
        assert_eq!(with(0, None), Err(SpecError::Weight { weight: 0 }));
        assert_eq!(with(1, Some(9)), Err(SpecError::MaxTooLow { max_iops: 9 }));
    }
}
