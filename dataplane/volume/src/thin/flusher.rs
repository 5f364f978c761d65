//! Device flushes: one in flight, shared by all who wait.
//!
//! Whoever needs what has completed by now to be durable takes a ticket. A flush in flight began too early for it;
//! the next serves all tickets taken meanwhile. On a device without volatile cache every ticket is done at once.

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Flusher {
    volatile: bool,
    /// The highest ticket given out.
    wanted: u64,
    /// The ticket that the flush in flight serves.
    flying: Option<u64>,
    /// The highest ticket served.
    done: u64,
}

impl Flusher {
    /// For a device with or without a volatile cache.
    pub(crate) fn new(volatile: bool) -> Self {
        Self { volatile, wanted: 0, flying: None, done: 0 }
    }

    /// For whatever has completed by now.
    #[must_use]
    pub(crate) fn ticket(&mut self) -> u64 {
        if self.volatile {
            self.wanted = self.flying.unwrap_or(self.done) + 1;
        }
        self.wanted
    }

    /// Whether what had completed when the ticket was taken is durable.
    pub(crate) fn is_done(&self, ticket: u64) -> bool {
        ticket <= self.done
    }

    /// Whether a flush is to be submitted now; if so, it counts as submitted.
    pub(crate) fn begin(&mut self) -> bool {
        let due = self.flying.is_none() && self.wanted > self.done;
        if due {
            self.flying = Some(self.wanted);
        }
        due
    }

    /// The flush in flight has completed.
    pub(crate) fn complete(&mut self) {
        self.done = self.flying.take().expect("one flush in flight");
    }

    /// Whether completed writes may be lost until flushed.
    pub(crate) fn is_volatile(&self) -> bool {
        self.volatile
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn tickets_share_the_next_flush() {
        let mut flusher = Flusher::new(true);
        let first = flusher.ticket();
        assert!(flusher.begin() && !flusher.begin());
        let (second, third) = (flusher.ticket(), flusher.ticket());
        flusher.complete();
        assert!(flusher.is_done(first) && !flusher.is_done(second));
        assert_eq!(second, third);
        assert!(flusher.begin());
        flusher.complete();
        assert!(flusher.is_done(third) && !flusher.begin());
    }

    #[test]
    fn without_a_cache_there_is_nothing_to_wait_for() {
        let mut flusher = Flusher::new(false);
        let ticket = flusher.ticket();
        assert!(flusher.is_done(ticket) && !flusher.begin());
    }
}
