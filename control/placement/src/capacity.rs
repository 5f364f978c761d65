//! How much more of the same could be placed: CSI's `GetCapacity`.

use crate::cluster::Cluster;
use crate::model::{MAX_SIZE_BYTES, Request, RequestError, SIZE_STEP_BYTES};
use crate::query::Query;

/// Room for volumes like the one asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capacity {
    /// Over all pools that would take one: what they have left, each in whole steps of size.
    pub available_bytes: u64,
    /// The largest single volume; 0 if none would be taken.
    pub largest_bytes: u64,
}

impl Cluster {
    /// How much room there is for volumes like this one, whose own size does not matter. Replicas are not thought of:
    /// it is the room for one of them.
    ///
    /// # Errors
    /// [`RequestError`], where nothing like it could be placed.
    pub fn capacity(&self, like: &Request) -> Result<Capacity, RequestError> {
        let smallest = Request { size_bytes: SIZE_STEP_BYTES, ..like.clone() };
        let query = Query::new(&smallest, self)?;
        let mut capacity = Capacity::default();
        self.for_open(&query, |look, _| {
            let bytes = look.pool.books.largest_bytes(like.provisioning);
            let bytes = bytes - bytes % SIZE_STEP_BYTES;
            capacity.available_bytes += bytes;
            capacity.largest_bytes = capacity.largest_bytes.max(bytes.min(MAX_SIZE_BYTES));
        });
        Ok(capacity)
    }
}
