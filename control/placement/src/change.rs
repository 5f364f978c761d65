//! Changes of a volume where it is: more room, another Min.

use crate::cluster::{Cluster, Demand};
use crate::model::{MAX_MIN_IOPS, Name, PoolName, RequestError, Volume, check_size};
use crate::{Bytes, Refusal};

/// Why a volume stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No volume of this name is recorded.
    #[error("volume {volume} is not recorded")]
    UnknownVolume {
        /// The name.
        volume: Name,
    },
    /// Volumes do not shrink: a filesystem may be using the end.
    #[error("volume {volume} has {} and does not shrink to {}", Bytes(*size_bytes), Bytes(*asked_bytes))]
    Shrinks {
        /// The volume.
        volume: Name,
        /// Its size.
        size_bytes: u64,
        /// As given.
        asked_bytes: u64,
    },
    /// No volume could be like this.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// One of its pools does not take it.
    #[error("pool {pool} does not take the change: {refusal}")]
    Refused {
        /// The pool.
        pool: PoolName,
        /// The rule and its figures, for what is asked beyond what the volume has.
        refusal: Refusal,
    },
}

impl Cluster {
    /// Grows a volume in all its pools, or in none. The size it has already is no error.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed then.
    pub fn resize(&mut self, name: &str, size_bytes: u64) -> Result<(), ChangeError> {
        let volume = self.recorded(name)?;
        check_size(size_bytes)?;
        let Some(more_bytes) = size_bytes.checked_sub(volume.size_bytes) else {
            let (volume, old) = (volume.name.clone(), volume.size_bytes);
            return Err(ChangeError::Shrinks { volume, size_bytes: old, asked_bytes: size_bytes });
        };
        if more_bytes == 0 {
            return Ok(());
        }
        let demand = Demand { size_bytes: more_bytes, provisioning: volume.provisioning, more_iops: 0 };
        for pool in &volume.pools {
            let books = &self.pools[self.find(pool).expect("a pool with volumes is known")].books;
            let refusal = books.refuse_size(&demand).or_else(|| books.refuse_room(&demand));
            let refusal = refusal.or_else(|| books.refuse_fill(&demand));
            refusal.map_or(Ok(()), |refusal| Err(ChangeError::Refused { pool: pool.clone(), refusal }))?;
        }
        self.change(name, |volume| volume.size_bytes = size_bytes);
        Ok(())
    }

    /// Sets the Min that a volume asks for its application, in all its pools or in none. Less is never refused.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed then.
    pub fn set_min(&mut self, name: &str, min_iops: u32) -> Result<(), ChangeError> {
        let volume = self.recorded(name)?;
        if min_iops > MAX_MIN_IOPS {
            return Err(RequestError::MinIops { min_iops }.into());
        }
        let app = &self.apps[&volume.app];
        for name in &volume.pools {
            let pool = &self.pools[self.find(name).expect("a pool with volumes is known")];
            let after = app.promised_after(pool, volume.min_iops, min_iops);
            let more_iops = u64::from(after.saturating_sub(app.promised_iops(pool)));
            let demand = Demand { size_bytes: 0, provisioning: volume.provisioning, more_iops };
            let refusal = pool.books.refuse_iops(&demand);
            refusal.map_or(Ok(()), |refusal| Err(ChangeError::Refused { pool: name.clone(), refusal }))?;
        }
        self.change(name, |volume| volume.min_iops = min_iops);
        Ok(())
    }

    fn recorded(&self, name: &str) -> Result<&Volume, ChangeError> {
        self.volume(name).ok_or_else(|| ChangeError::UnknownVolume { volume: name.into() })
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Volume)) {
        let mut volume = self.release(name).expect("it was looked up");
        change(&mut volume);
        self.record(volume).expect("it was recorded with these pools, and its new figures are checked");
    }
}
