//! mClock as the paper has it: tags per request, given when it arrives. Slow, small, and obviously right.
//!
//! - reservation: `R = max(R of the one before + 1/min, now)`
//! - limit: `L = max(L of the one before + 1/max, now)`
//!
//! and a proportion per client: `P = P + 1/weight` with each service, and not before virtual time when it comes back.
//! Served is the smallest R that is due; if none is, the smallest P among those whose L is due, and then the R of all
//! that its client has left, and will have, is taken back by 1/min: only service by reservation debits it.
//!
//! Two things are not the paper's, both about what is carried over when others come and go. Service by reservation puts
//! P ahead of virtual time by at most 64 units of weight 1, or a client whose Min was above its share would pay for it
//! long after the others have gone. And a client that its limit held back is like one that was idle: P does not fall
//! behind virtual time, or it would have saved up what its limit forbade.
//! Times are integers of picoseconds, so a thousand million requests are less than a millisecond off.

use std::collections::VecDeque;

const PER_S: u64 = 1_000_000_000_000;
const PER_NS: u64 = 1000;
const SHARE: u64 = 1 << 40;
const MOST_AHEAD: u64 = 64 * SHARE;

#[derive(Debug, Clone, Copy, Default)]
struct Tags {
    reservation: u64,
    limit: u64,
}

/// An application of the model.
#[derive(Debug)]
pub(crate) struct Client {
    min: u64,
    max: Option<u64>,
    weight: u64,
    pub(crate) served: u64,
    queue: VecDeque<Tags>,
    last: Tags,
    proportion: u64,
    held: bool,
}

impl Client {
    pub(crate) fn new(min: u64, max: Option<u64>, weight: u64) -> Self {
        Self {
            min,
            max,
            weight,
            served: 0,
            queue: VecDeque::new(),
            last: Tags::default(),
            proportion: 0,
            held: false,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    fn arrive(&mut self, now: u64, virtual_time: u64) {
        let after =
            |last: u64, rate: u64| last.saturating_add(PER_S.checked_div(rate).unwrap_or(u64::MAX)).max(now);
        let tags = Tags {
            reservation: after(self.last.reservation, self.min),
            limit: self.max.map_or(0, |max| after(self.last.limit, max)),
        };
        if self.queue.is_empty() {
            self.proportion = self.proportion.max(virtual_time);
        }
        self.queue.push_back(tags);
        self.last = tags;
    }

    /// The first request, if its limit is due.
    fn first(&self, now: u64) -> Option<&Tags> {
        self.queue.front().filter(|tags| tags.limit <= now)
    }

    fn take_back_reservation(&mut self) {
        let Some(step) = PER_S.checked_div(self.min) else { return };
        for tags in self.queue.iter_mut().chain([&mut self.last]) {
            tags.reservation = tags.reservation.saturating_sub(step);
        }
    }
}

/// The model.
#[derive(Debug)]
pub(crate) struct Mclock {
    pub(crate) clients: Vec<Client>,
    virtual_time: u64,
}

impl Mclock {
    pub(crate) fn new(clients: Vec<Client>) -> Self {
        Self { clients, virtual_time: 0 }
    }

    pub(crate) fn arrive(&mut self, now_ns: u64, client: usize) {
        self.clients[client].arrive(now_ns * PER_NS, self.virtual_time);
    }

    /// Who is served next, one request.
    pub(crate) fn serve(&mut self, now_ns: u64) -> Option<usize> {
        let now = now_ns * PER_NS;
        for client in &mut self.clients {
            let held = client.first(now).is_none();
            if client.held && !held {
                client.proportion = client.proportion.max(self.virtual_time);
            }
            client.held = held;
        }
        let firsts = || {
            self.clients.iter().enumerate().filter_map(|(index, client)| Some((index, client.first(now)?)))
        };
        let due = firsts().filter(|(_, tags)| tags.reservation <= now);
        if let Some((index, _)) = due.min_by_key(|(_, tags)| tags.reservation) {
            let ahead = self.virtual_time + MOST_AHEAD;
            let client = self.take(index);
            client.proportion = (client.proportion + SHARE / client.weight).min(ahead.max(client.proportion));
            return Some(index);
        }
        let (index, _) = firsts().min_by_key(|(index, _)| self.clients[*index].proportion)?;
        self.virtual_time = self.virtual_time.max(self.clients[index].proportion);
        let client = self.take(index);
        client.proportion += SHARE / client.weight;
        client.take_back_reservation();
        Some(index)
    }

    fn take(&mut self, index: usize) -> &mut Client {
        let client = &mut self.clients[index];
        client.queue.pop_front();
        client.served += 1;
        client
    }
}
