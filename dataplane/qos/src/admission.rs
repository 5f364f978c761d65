//! Which Mins are promised: never more than the device was measured to keep.

/// Why a Min, or a change of the model, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The Mins together would exceed what the device guarantees.
    #[error(
        "a Min of {asked_iops} IOPS makes {total_iops} with the {promised_iops} promised already, and the device guarantees {guaranteed_iops}: ask for at most {free_iops}, or use another device"
    )]
    Exceeded {
        /// What was asked for, for one application or several together.
        asked_iops: u64,
        /// What the others have.
        promised_iops: u64,
        /// Both together.
        total_iops: u64,
        /// What can be promised.
        guaranteed_iops: u64,
        /// What is left of it.
        free_iops: u64,
    },
    /// Nobody knows yet what the device can keep.
    #[error(
        "the device was not calibrated, so no Min can be promised: calibrate it first, or ask for no Min"
    )]
    NotCalibrated,
}

/// What is guaranteed and what is promised on one device, in I/O units per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    guaranteed_iops: Option<u64>,
    promised_iops: u64,
}

impl Admission {
    /// Nothing promised; nothing can be until the device is calibrated.
    #[must_use]
    pub fn new(guaranteed_iops: Option<u64>) -> Self {
        Self { guaranteed_iops, promised_iops: 0 }
    }

    /// What can be promised in all; `None`: not calibrated.
    #[must_use]
    pub fn guaranteed_iops(&self) -> Option<u64> {
        self.guaranteed_iops
    }

    /// What is promised.
    #[must_use]
    pub fn promised_iops(&self) -> u64 {
        self.promised_iops
    }

    /// What can still be promised.
    #[must_use]
    pub fn free_iops(&self) -> u64 {
        self.guaranteed_iops.unwrap_or(0).saturating_sub(self.promised_iops)
    }

    /// Another guarantee. Promises made stand: if they exceed it, only lowering them is allowed until they fit.
    pub fn set_guaranteed(&mut self, guaranteed_iops: Option<u64>) {
        self.guaranteed_iops = guaranteed_iops;
    }

    /// Replaces promises of `old_iops` in all by `new_iops`. Asking for less or the same is never refused.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing is changed then.
    pub fn replace(&mut self, old_iops: u64, new_iops: u64) -> Result<(), AdmissionError> {
        let promised_iops = self.promised_iops.checked_sub(old_iops).expect("old promises are among all");
        let total_iops = promised_iops + new_iops;
        if new_iops > old_iops {
            let guaranteed_iops = self.guaranteed_iops.ok_or(AdmissionError::NotCalibrated)?;
            if total_iops > guaranteed_iops {
                let free_iops = guaranteed_iops.saturating_sub(promised_iops);
                let asked_iops = new_iops;
                return Err(AdmissionError::Exceeded {
                    asked_iops,
                    promised_iops,
                    total_iops,
                    guaranteed_iops,
                    free_iops,
                });
            }
        }
        self.promised_iops = total_iops;
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_last_iops_and_one_more() {
        let mut admission = Admission::new(Some(1000));
        admission.replace(0, 400).unwrap();
        let refused = admission.replace(0, 601);
        assert_eq!(
            refused,
            Err(AdmissionError::Exceeded {
                asked_iops: 601,
                promised_iops: 400,
                total_iops: 1001,
                guaranteed_iops: 1000,
                free_iops: 600
            })
        );
        assert_eq!(
            refused.unwrap_err().to_string(),
            "a Min of 601 IOPS makes 1001 with the 400 promised already, and the device guarantees 1000: ask for at \
             most 600, or use another device"
        );
        assert_eq!(admission.promised_iops(), 400);
        admission.replace(0, 600).unwrap();
        assert_eq!((admission.free_iops(), admission.replace(400, 401).is_err()), (0, true));
    }

    #[test]
    fn lowering_is_never_refused() {
        let mut admission = Admission::new(Some(1000));
        admission.replace(0, 1000).unwrap();
        admission.set_guaranteed(Some(500));
        admission.replace(1000, 900).unwrap();
        assert!(admission.replace(900, 901).is_err());
        admission.set_guaranteed(None);
        assert_eq!(admission.replace(0, 1), Err(AdmissionError::NotCalibrated));
        assert_eq!(admission.replace(900, 0), Ok(()));
        assert_eq!(admission.replace(0, 0), Ok(()));
    }
}
