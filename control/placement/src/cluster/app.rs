//! Where an application's volumes are, and what it is promised there.

use std::collections::BTreeMap;

use super::{Pool, Word};
use crate::model::PoolName;

/// An application that has volumes.
#[derive(Debug, Clone, Default)]
pub(crate) struct App {
    shares: BTreeMap<Word, Share>,
}

/// What an application has in one pool.
#[derive(Debug, Clone)]
struct Share {
    pool: PoolName,
    /// How many volumes ask for each Min: the greatest is promised, and when its volume goes, the next.
    mins: BTreeMap<u32, u32>,
}

impl Share {
    fn promised_iops(&self) -> u32 {
        self.mins.last_key_value().map_or(0, |(min_iops, _)| *min_iops)
    }
}

impl App {
    /// What it is promised in a pool.
    pub(crate) fn promised_iops(&self, pool: &Pool) -> u32 {
        self.shares.get(&pool.word).map_or(0, Share::promised_iops)
    }

    /// What it would be promised there if a volume's Min were another.
    pub(crate) fn promised_after(&self, pool: &Pool, old_iops: u32, new_iops: u32) -> u32 {
        let share = self.shares.get(&pool.word);
        let rest = share.and_then(|share| {
            let others = |(min_iops, count): &(&u32, &u32)| **min_iops != old_iops || **count > 1;
            share.mins.iter().rev().find(others).map(|(min_iops, _)| *min_iops)
        });
        rest.unwrap_or(0).max(new_iops)
    }

    /// The pools in which it has volumes.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &PoolName> {
        self.shares.values().map(|share| &share.pool)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Another volume in a pool: how much more the pool promises.
    pub(crate) fn join(&mut self, pool: &Pool, min_iops: u32) -> u64 {
        let new = || Share { pool: pool.spec().name.clone(), mins: BTreeMap::new() };
        let share = self.shares.entry(pool.word).or_insert_with(new);
        let before = share.promised_iops();
        *share.mins.entry(min_iops).or_default() += 1;
        u64::from(share.promised_iops() - before)
    }

    /// A volume less in a pool: how much less the pool promises.
    pub(crate) fn leave(&mut self, pool: &Pool, min_iops: u32) -> u64 {
        let share = self.shares.get_mut(&pool.word).expect("a volume that leaves has joined");
        let before = share.promised_iops();
        let count = share.mins.get_mut(&min_iops).expect("a volume leaves with the Min it joined with");
        *count -= 1;
        if *count == 0 {
            share.mins.remove(&min_iops);
        }
        let less = before - share.promised_iops();
        if share.mins.is_empty() {
            self.shares.remove(&pool.word);
        }
        u64::from(less)
    }
}
