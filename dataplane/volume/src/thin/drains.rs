//! When all I/O that was in flight at a moment is over: two counters instead of a table.
//!
//! Every volume I/O belongs to the epoch in which it was submitted. Whoever must wait for what is in flight now takes
//! a ticket, which ends the epoch; the ticket is drained once that epoch's I/O is over. At most two epochs have I/O
//! in flight, so a ticket taken while the last one is not drained ends the epoch a little later.

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    /// The current one.
    epoch: u64,
    /// By the epoch's lowest bit.
    in_flight: [usize; 2],
    /// The current epoch is to end as soon as the one before is drained.
    ending: bool,
}

impl Drains {
    /// Counts an I/O in; gives the epoch's lowest bit, to be given back to [`leave`](Self::leave).
    pub(crate) fn enter(&mut self) -> u32 {
        self.in_flight[self.bit()] += 1;
        u32::from(self.epoch & 1 == 1)
    }

    /// Counts an I/O out.
    pub(crate) fn leave(&mut self, bit: u32) {
        let count = &mut self.in_flight[bit as usize];
        *count = count.checked_sub(1).expect("who leaves has entered");
        if self.ending && self.in_flight[self.bit() ^ 1] == 0 {
            self.end_epoch();
        }
    }

    /// For whatever is in flight now.
    pub(crate) fn ticket(&mut self) -> u64 {
        let ticket = self.epoch;
        if self.in_flight[self.bit() ^ 1] == 0 {
            self.end_epoch();
        } else {
            self.ending = true;
        }
        ticket
    }

    /// Whether what was in flight when the ticket was taken is over.
    pub(crate) fn is_drained(&self, ticket: u64) -> bool {
        ticket < self.epoch && (ticket + 1 < self.epoch || self.in_flight[self.bit() ^ 1] == 0)
    }

    fn bit(&self) -> usize {
        usize::from(self.epoch & 1 == 1)
    }

    fn end_epoch(&mut self) {
        self.epoch += 1;
        self.ending = false;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_ticket_waits_for_what_was_there_and_for_nothing_else() {
        let mut drains = Drains::default();
        let early = drains.enter();
        let ticket = drains.ticket();
        let late = drains.enter();
        assert!(!drains.is_drained(ticket));
        drains.leave(late);
        assert!(!drains.is_drained(ticket));
        drains.leave(early);
        assert!(drains.is_drained(ticket));
        assert_eq!(drains.in_flight, [0; 2]);
    }

    #[test]
    fn a_second_ticket_ends_its_epoch_when_the_first_is_drained() {
        let mut drains = Drains::default();
        let first = drains.enter();
        let one = drains.ticket();
        let second = drains.enter();
        let two = drains.ticket();
        let three = drains.ticket();
        assert_eq!(two, three);
        drains.leave(first);
        assert!(drains.is_drained(one) && !drains.is_drained(two));
        let third = drains.enter();
        drains.leave(second);
        assert!(drains.is_drained(two));
        drains.leave(third);
    }

    #[test]
    fn idle_means_drained() {
        let mut drains = Drains::default();
        for _ in 0..5 {
            let ticket = drains.ticket();
            assert!(drains.is_drained(ticket));
        }
    }
}
