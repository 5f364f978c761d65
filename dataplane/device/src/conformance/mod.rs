//! What every device and layer must do, as one function.
//!
//! A device's tests call [`run`] with a way to make the device; each case gets a fresh one, whose blocks may hold
//! anything. A case that fails panics with its name. The suite needs no clock: it follows the device's deadlines.

mod cases;
mod history;
mod rig;

use sluice_hugepages::{Class, Pool, PoolConfig};

use crate::BlockDevice;
use rig::Rig;

/// How a device differs from an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// It remembers nothing and reads as zeroes.
    pub forgetful: bool,
}

type Case = (&'static str, fn(&mut Rig<'_>));

const CASES: [Case; 13] = [
    ("it describes itself sensibly", cases::description),
    ("reads give what was written", cases::write_then_read),
    ("the end of the device holds", cases::ends),
    ("malformed requests fail and give their buffers back", cases::malformed),
    ("only the front of a long buffer is used", cases::long_buffer),
    ("write zeroes gives zeroes and nothing else", cases::write_zeroes),
    ("deallocate spares the neighbours", cases::deallocate),
    ("a whole clear of the longest kind works", cases::longest_clear),
    ("flush and forced writes work", cases::durability),
    ("the queue takes its depth and each tag comes back once", cases::queue_depth),
    ("empty calls do no harm", cases::empty_calls),
    ("idle means no deadline, and waiting means not idle", cases::idling),
    ("random histories agree with a model", history::random_histories),
];

/// Runs every case against a device of its own from `make`.
///
/// # Panics
/// When the device breaks a rule.
pub fn run<D: BlockDevice>(traits: Traits, mut make: impl FnMut(&Pool) -> D) {
    for (name, case) in CASES {
        let pool = pool();
        let mut rig = Rig::new(name, traits, pool.clone(), make(&pool));
        case(&mut rig);
        rig.finish();
    }
}

/// Buffers for the longest transfers of the suite and for many short ones.
fn pool() -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    let classes = vec![class(4096, 256), class(65_536, 64), class(1 << 20, 4), class(8 << 20, 2)];
    Pool::new(&PoolConfig { classes }).expect("memory for the suite's buffers")
}

#[cfg(test)]
mod test;
