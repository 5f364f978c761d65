//! The submission queue as the controller sees it: how many commands are outstanding, and the head pointer that
//! responses report.
//!
//! With SQ flow control the head moves on by one with every answer, so that a slot is not free before its command is
//! done. Without it the field is reserved, except in the answer to Connect, where FFFFh grants the host's wish
//! (NVMe Base section 3.3.1.2.1).

/// SQHD in the answer to Connect when SQ flow control is off.
const SQHD_NO_FLOW_CONTROL: u16 = 0xffff;

/// The queue. outstanding <= limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    qid: u16,
    limit: u16,
    outstanding: u16,
    sqhd: u16,
    flow_control: bool,
}

impl Queue {
    /// Before Connect: takes `limit` commands.
    pub(super) const fn new(limit: u16) -> Self {
        Self { qid: 0, limit, outstanding: 0, sqhd: 0, flow_control: true }
    }

    /// Connect told the queue's size; its own answer is still to come.
    pub(super) fn connect(&mut self, qid: u16, entries: u16, flow_control: bool) {
        assert!(entries >= 2, "a submission queue has at least two entries");
        let sqhd = if flow_control { 0 } else { SQHD_NO_FLOW_CONTROL };
        *self = Self { qid, limit: entries, sqhd, flow_control, ..*self };
    }

    pub(super) const fn limit(&self) -> u16 {
        self.limit
    }

    pub(super) const fn outstanding(&self) -> u32 {
        self.outstanding as u32
    }

    pub(super) const fn is_admin(&self) -> bool {
        self.qid == 0
    }

    pub(super) const fn flow_control(&self) -> bool {
        self.flow_control
    }

    /// Takes a command; `false` if the host sent more than the queue holds.
    #[inline]
    pub(super) const fn take(&mut self) -> bool {
        let room = self.outstanding < self.limit;
        self.outstanding += room as u16;
        room
    }

    /// A command is answered: the SQHD of its answer.
    ///
    /// # Panics
    /// If none is outstanding.
    #[inline]
    pub(super) fn answer(&mut self) -> u16 {
        assert!(self.outstanding > 0, "an answer without a command");
        self.outstanding -= 1;
        if self.flow_control {
            self.sqhd = if self.sqhd + 1 == self.limit { 0 } else { self.sqhd + 1 };
            return self.sqhd;
        }
        core::mem::take(&mut self.sqhd)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn answers(queue: &mut Queue, count: usize) -> Vec<u16> {
        (0..count)
            .map(|_| {
                assert!(queue.take());
                queue.answer()
            })
            .collect()
    }

    #[test]
    fn head_wraps_with_flow_control() {
        let mut queue = Queue::new(2);
        queue.connect(1, 3, true);
        assert_eq!(answers(&mut queue, 5), [1, 2, 0, 1, 2]);
    }

    #[test]
    fn only_connect_reports_that_flow_control_is_off() {
        let mut queue = Queue::new(2);
        assert!(queue.take());
        queue.connect(1, 128, false);
        assert_eq!(queue.answer(), 0xffff);
        assert_eq!(answers(&mut queue, 3), [0, 0, 0]);
    }

    #[test]
    fn takes_as_many_commands_as_it_has_entries() {
        let mut queue = Queue::new(2);
        assert!(queue.take() && queue.take());
        assert!(!queue.take());
        assert_eq!(queue.outstanding(), 2);
        queue.answer();
        assert!(queue.take() && !queue.take());
    }
}
