//! The scheduler of one device.
//!
//! An I/O waits in its volume's queue; volumes wait in their application, by virtual time; applications stand in one
//! of five places:
//!
//! ```text
//!              I/O comes                 Min earns a token
//!     Idle ───────────────► UntilMin ◄────────────────────► Reserved
//!       ▲                      │ ▲      the token is spent     │
//!       │ nothing left         │ │                             │
//!       └──────────────────────┤ └───────── Held ◄─────────────┘
//!                              └──────────►  a limit's bucket is empty, until it is not
//! ```
//!
//! and, whatever the place but Idle and Held, in the weighted order. `settle` alone moves them. Each application has
//! one timer at most, so those that sleep cost nothing and those that wake cost the same whatever their number.

mod account;
mod app;
mod arrive;
mod complete;
mod config;
mod control;
mod dispatch;
mod housekeeping;
mod lease;
mod limits;
mod park;
mod place;
mod scale;
mod view;

use std::collections::VecDeque;

use sluice_device::Nanos;

use crate::admission::Admission;
use crate::event::{Event, Events};
use crate::governor::Governor;
use crate::model::{CostTable, UnitTable};
use crate::stats::AppStats;
use crate::structure::{Lists, SlotTable, TagHeap, Wheel};
use account::Account;
use app::{App, Volume};
pub use arrive::{Io, Placement};
pub use config::Config;
pub use control::{Change, ControlError};
use dispatch::Turn;
use housekeeping::Sweep;
pub use lease::Lease;
use scale::Lag;
pub use view::{AppView, DeviceView};

/// An application of one scheduler. Valid until it is removed; a later one may get the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppIndex(u32);

impl AppIndex {
    /// The application that work is charged to which no other causes. Every scheduler has it.
    pub const SYSTEM: Self = Self(0);

    /// Dense, for arrays beside the scheduler's.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an I/O belongs: a volume, clone or stream of background work, and by it the application. What a queue learns
/// at Connect and every request carries. Valid until the volume is removed; a later one may get the same tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// Dense, for arrays beside the scheduler's.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Decides what goes to one device next. The [crate] tells how it is used.
#[derive(Debug)]
pub struct Scheduler {
    apps: Vec<App>,
    accounts: Vec<Account>,
    stats: Vec<AppStats>,
    volumes: Vec<Volume>,
    slots: SlotTable,
    /// I/Os in all queues.
    queued: u32,
    /// Applications that Min pays for, by latency class.
    reserved: Lists,
    /// Applications by virtual time, perhaps under old tags or no longer fit to run.
    order: TagHeap,
    /// Virtual time: the tag of the application last served by weight.
    clock: u64,
    turn: Turn,
    /// Applications that wait for Min or a limit.
    timers: Wheel,
    /// Volumes that wait for their own cap.
    caps: Wheel,
    /// Volumes whose oldest I/O has waited for too long.
    overdue: VecDeque<u32>,
    governor: Governor,
    admission: Admission,
    lag: Lag,
    sweep: Sweep,
    events: Events,
    units: UnitTable,
    costs: CostTable,
    config: Config,
}

impl Scheduler {
    /// For one device. Allocates all that I/O needs.
    ///
    /// # Panics
    /// If a capacity in `config` is zero or out of the range told there.
    #[must_use]
    pub fn new(now: Nanos, config: Config) -> Self {
        config.check();
        let mut scheduler = Self {
            apps: Vec::with_capacity(config.apps as usize),
            accounts: Vec::with_capacity(config.apps as usize),
            stats: Vec::with_capacity(config.apps as usize),
            volumes: Vec::with_capacity(config.volumes as usize),
            slots: SlotTable::new(config.slots),
            queued: 0,
            reserved: Lists::new(config.apps, 2),
            order: TagHeap::default(),
            clock: 0,
            turn: Turn::default(),
            timers: Wheel::new(config.apps),
            caps: Wheel::new(config.volumes),
            overdue: VecDeque::with_capacity(config.volumes as usize),
            governor: Governor::new(config.max_in_flight, config.profile.as_ref()),
            admission: Admission::new(config.guaranteed_iops()),
            lag: Lag::new(now),
            sweep: Sweep::new(now),
            events: Events::new(),
            units: config.units,
            costs: config.costs,
            config,
        };
        scheduler.order.reserve(config.apps as usize);
        let system = scheduler.add_app(now, config.system);
        assert_eq!(system, Ok(AppIndex::SYSTEM), "the system application has no Min");
        scheduler
    }

    /// The earliest time at which [`dispatch`](Self::dispatch) could do something new without a completion or an
    /// arrival; `None`: never. Ask after dispatching.
    #[must_use]
    pub fn next_deadline(&self, now: Nanos) -> Option<Nanos> {
        let lease = self.sweep.next_lease;
        if self.queued == 0 {
            return lease;
        }
        let rate = self.governor.rate_deadline(now);
        let sweep = Some(self.sweep.next_idle());
        [lease, rate, sweep, self.timers.next(), self.caps.next()].into_iter().flatten().min()
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }
}

#[cfg(test)]
mod test;
