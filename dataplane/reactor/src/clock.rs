//! The monotonic clock, read once per round and passed down as a value.

use rustix::time::{ClockId, clock_gettime};
use sluice_device::Nanos;

/// The current monotonic time. A vDSO call: about 25 ns, so once per round, not per I/O.
#[must_use]
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    Nanos(seconds * 1_000_000_000 + nanoseconds)
}

#[cfg(test)]
mod test {
    use super::now;

    #[test]
    fn never_runs_backwards() {
        let mut last = now();
        for _ in 0..1_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
