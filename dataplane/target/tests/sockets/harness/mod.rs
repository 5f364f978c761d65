//! What the tests have in common.
//!
//! | module | what |
//! |---|---|
//! | [`target`] | a target in this process: production start-up, a memory device, a free port |
//! | [`device`] | that device's layer: holds requests back and writes down what was asked |
//! | [`wire`] | a connection of plain bytes, for what no honest host would send |
//! | [`pdu`] | those bytes: capsules and data with the digests in force |
//! | [`host`] | a host's queue, made of the qpair that the load generator uses |
//! | [`association`] | an admin queue with its I/O queues, and a witness that checks what it reads |

pub(crate) mod association;
pub(crate) mod device;
pub(crate) mod host;
pub(crate) mod pdu;
pub(crate) mod target;
pub(crate) mod wire;

use std::time::Duration;

pub(crate) use association::{Association, Witness};
pub(crate) use host::Host;
pub(crate) use target::{Target, VOLUME_BLOCKS};
pub(crate) use wire::Wire;

/// Far longer than anything here takes: a test that waits for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The name under which test hosts connect.
pub(crate) const HOST_NQN: &str = "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-0000-0000-000000000001";

/// Blocks of every volume here, in bytes.
pub(crate) const BLOCK: usize = 4096;

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// Memory of this process that is in use, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}
