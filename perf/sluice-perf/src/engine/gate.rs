//! Where all jobs wait until the last one is connected and preconditioned, so that they start together or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Shared by all threads.
pub(crate) struct Gate {
    missing: AtomicUsize,
    aborted: AtomicBool,
}

impl Gate {
    /// Opens once `parts` have arrived.
    pub(crate) fn new(parts: usize) -> Self {
        Self { missing: AtomicUsize::new(parts), aborted: AtomicBool::new(false) }
    }

    /// One part is ready. The last one opens the gate.
    pub(crate) fn arrive(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether all parts arrived.
    pub(crate) fn is_open(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// One part will never be ready: nobody starts.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    /// Whether [`Gate::abort`] was called.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn opens_with_the_last() {
        let gate = Gate::new(2);
        gate.arrive();
        assert!(!gate.is_open());
        gate.arrive();
        assert!(gate.is_open() && !gate.is_aborted());
        gate.abort();
        assert!(gate.is_aborted());
    }
}
