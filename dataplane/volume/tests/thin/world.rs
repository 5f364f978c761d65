//! A history: the pool, its disk, the model, and what is in flight between them.

use sluice_device::error::Faults;
use sluice_device::random::Random;
use sluice_device::torn::{TornDevice, TornOptions};
use sluice_device::{Completion, Nanos, Pool};
use sluice_volume::thin::{Fault, LiveFinding, LiveReport, ThinDone, ThinPool};
use sluice_volume::{FormatOptions, PoolState, VolumeError, VolumeIndex};
use uuid::Uuid;

use crate::cell::Cell;
use crate::control::Pending;
use crate::disk::{self, Disk};
use crate::io::Flight;
use crate::model::Model;

/// Polls after which something that should end counts as lost.
const PATIENCE: u32 = 200_000;

/// What histories went through: an ordinary run must have seen all of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) lives: u64,
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    pub(crate) zeroes: u64,
    pub(crate) flushes: u64,
    pub(crate) no_space: u64,
    pub(crate) io_errors: u64,
    pub(crate) suspended: u64,
    pub(crate) controls: u64,
    pub(crate) refused: u64,
    pub(crate) happened: u64,
    pub(crate) undone: u64,
    pub(crate) cuts_in_open: u64,
    pub(crate) failed_opens: u64,
    pub(crate) rotten_refused: u64,
    pub(crate) rotten_survived: u64,
    pub(crate) compared: u64,
    pub(crate) emptied: u64,
    pub(crate) checkpoints: u64,
    pub(crate) turns: u64,
    pub(crate) checks: u64,
}

impl Seen {
    fn fields(&mut self) -> [&mut u64; 21] {
        [
            &mut self.lives,
            &mut self.writes,
            &mut self.reads,
            &mut self.zeroes,
            &mut self.flushes,
            &mut self.no_space,
            &mut self.io_errors,
            &mut self.suspended,
            &mut self.controls,
            &mut self.refused,
            &mut self.happened,
            &mut self.undone,
            &mut self.cuts_in_open,
            &mut self.failed_opens,
            &mut self.rotten_refused,
            &mut self.rotten_survived,
            &mut self.compared,
            &mut self.emptied,
            &mut self.checkpoints,
            &mut self.turns,
            &mut self.checks,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        self.fields().into_iter().zip(other.fields()).for_each(|(sum, one)| *sum += *one);
    }

    pub(crate) fn check(&mut self) {
        let all = self.fields().iter().all(|count| **count > 0);
        assert!(all, "something never happened: {self:?}");
    }
}

/// See the module's description.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) buffers: Pool,
    pub(crate) pool: ThinPool<Disk>,
    pub(crate) faults: Faults,
    /// The engine's clock.
    pub(crate) now: Nanos,
    /// The model's.
    pub(crate) tick: u64,
    pub(crate) next_stamp: u64,
    pub(crate) model: Model,
    pub(crate) flights: Vec<Option<Flight>>,
    pub(crate) control: Option<Pending>,
    pub(crate) prepared: Option<Vec<crate::control::Copy>>,
    pub(crate) faulty: bool,
    /// Most turns of the pool between two events: with few of them much is in flight.
    pub(crate) pace: u64,
    /// Whether work on the side waits for turns, and what waits for one.
    pub(crate) scheduled: bool,
    pub(crate) turns: Vec<u32>,
    /// Prints what happens.
    pub(crate) tells: bool,
    pub(crate) seen: Seen,
}

impl World {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut random = Random::new(seed);
        let options = disk::options(&mut random);
        let buffers = disk::buffers(&mut random);
        let faults = Faults::new(random.next());
        let disk = disk::disk(TornDevice::new(options), &faults);
        let pool = ThinPool::new(disk, &buffers).unwrap();
        let faulty = random.chance(300);
        let pace = 1 + random.below(8);
        let scheduled = random.chance(500);
        Self {
            random,
            buffers,
            pool,
            faults,
            now: Nanos::ZERO,
            tick: 1,
            next_stamp: 1,
            model: Model::default(),
            flights: Vec::new(),
            control: None,
            prepared: None,
            faulty,
            pace,
            scheduled,
            turns: Vec::new(),
            tells,
            seen: Seen::default(),
        }
    }

    /// The whole history.
    pub(crate) fn run(mut self) -> Seen {
        let uuid = self.uuid();
        self.pool.begin_format(FormatOptions { uuid, force: false }).unwrap();
        assert_eq!(self.finish_control(), Ok(ThinDone::Formatted));
        self.schedule();
        for _ in 0..1 + self.random.below(4) {
            self.seen.lives += 1;
            self.live();
            self.end_life();
        }
        if self.random.chance(300) {
            self.empty();
        }
        self.seen
    }

    /// Prints what happens, if a single history is replayed.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            println!("{:6} {}", self.tick, what());
        }
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.random.next()) << 64 | u128::from(self.random.next()))
    }

    /// The model's next moment.
    pub(crate) fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Some steps of everything.
    pub(crate) fn live(&mut self) {
        for _ in 0..self.random.below(250) {
            match self.random.below(100) {
                0..50 => self.begin_io(),
                50..58 => self.begin_control(),
                58..60 => self.trouble(),
                60 => self.begin_check(),
                _ => {}
            }
            for _ in 0..self.random.below(self.pace) {
                self.poll();
            }
            if self.pool.state() == PoolState::Suspended {
                self.seen.suspended += 1;
                return;
            }
        }
    }

    /// A fault, now and then.
    fn trouble(&mut self) {
        if self.faulty {
            crate::io::add_fault(&self.faults, &mut self.random);
        }
    }

    /// As soon as the pool is open work on the side waits for turns, in some histories.
    fn schedule(&mut self) {
        self.turns.clear();
        if self.scheduled {
            self.pool.schedule_background();
        }
    }

    /// Gives turns: in any order and as late as it likes, unless `all` are to be given.
    fn give_turns(&mut self, all: bool) {
        while self.pool.background_done().is_some() {}
        while let Some(background) = self.pool.background() {
            self.turns.push(background.slot);
        }
        while !self.turns.is_empty() && (all || self.random.chance(300)) {
            let at = self.random.index(self.turns.len());
            self.pool.go_background(self.turns.swap_remove(at));
            self.seen.turns += 1;
        }
    }

    /// One turn of the pool.
    pub(crate) fn poll(&mut self) {
        self.now = Nanos(self.now.0 + self.random.below(20_000_000));
        self.give_turns(false);
        let room = 1 + self.random.index(8);
        let mut completions: Vec<_> = (0..room).map(|_| Completion::default()).collect();
        let count = self.pool.poll(self.now, &mut completions);
        for completion in completions.drain(..count) {
            self.complete(completion);
        }
        if let Some(result) = self.pool.take_control_result() {
            self.end_control(result);
        }
        if let Some(result) = self.pool.take_check_report() {
            self.end_check(result);
        }
    }

    /// Has the pool check itself, as it goes on.
    fn begin_check(&mut self) {
        let repair = self.random.chance(300);
        match self.pool.begin_check(repair) {
            Ok(()) | Err(VolumeError::Busy | VolumeError::Suspended) => {}
            Err(error) => panic!("a check is refused: {error}"),
        }
    }

    /// Nothing has rotted: all that may be wrong is that the disk does not read.
    fn end_check(&mut self, result: Result<LiveReport, VolumeError>) {
        match result {
            Err(error) => assert_eq!(error, VolumeError::Suspended),
            Ok(report) => {
                let known = |finding: &LiveFinding| self.faulty && finding.fault == Fault::Unreadable;
                assert!(report.findings.iter().all(known), "{report}");
                self.seen.checks += 1;
            }
        }
    }

    /// One turn of the pool in which nothing may end but what the caller looks at.
    pub(crate) fn poll_only(&mut self) {
        self.now = Nanos(self.now.0 + 1_000_000);
        assert_eq!(self.pool.poll(self.now, &mut [Completion::default()]), 0);
    }

    /// Polls until a control operation outside the model is over.
    pub(crate) fn finish_control(&mut self) -> Result<ThinDone, VolumeError> {
        for _ in 0..PATIENCE {
            self.now = Nanos(self.now.0 + 1_000_000);
            self.give_turns(true);
            let mut completion = [Completion::default()];
            let count = self.pool.poll(self.now, &mut completion);
            if count == 1 {
                let [completion] = completion;
                self.complete(completion);
            }
            if let Some(result) = self.pool.take_control_result() {
                return result;
            }
        }
        panic!("a control operation never ended");
    }

    /// Polls until nothing is in flight.
    pub(crate) fn quiesce(&mut self) {
        for _ in 0..PATIENCE {
            if !self.pool.is_control_busy() && self.flights.iter().all(Option::is_none) {
                assert_eq!(self.pool.in_flight(), 0);
                return;
            }
            self.poll();
            let busy = self.pool.is_control_busy() || self.pool.in_flight() > 0;
            let awake = self.pool.next_deadline().is_some() || !self.turns.is_empty();
            assert!(!busy || awake, "its owner would sleep, and nothing would ever end: {:?}", self.control);
        }
        panic!("something never ended: {:?} {:?}", self.control, self.flights.iter().flatten().next());
    }

    /// Polls until the pool has nothing to do at all.
    pub(crate) fn rest(&mut self) {
        self.quiesce();
        for _ in 0..PATIENCE {
            self.give_turns(true);
            match self.pool.next_deadline() {
                None => return,
                Some(due) => {
                    self.now = self.now.max(due);
                    self.poll();
                }
            }
        }
        panic!("the pool never rests");
    }

    /// The world ends and begins anew.
    fn end_life(&mut self) {
        let suspended = self.pool.state() == PoolState::Suspended;
        if suspended {
            self.quiesce_suspended();
        } else if self.random.chance(300) {
            self.faults.clear();
            self.rest();
            let flaws = self.pool.audit();
            assert!(flaws.is_empty(), "{flaws:?}");
            if self.random.chance(300) && self.decay() {
                return;
            }
        }
        self.reopen();
        // A fault may have struck as soon as it was open.
        while self.pool.state() == PoolState::Suspended {
            self.reopen();
        }
    }

    /// A suspended pool fails what it cannot do and still reads.
    fn quiesce_suspended(&mut self) {
        self.faults.clear();
        self.quiesce();
        self.scan_entries(|entry, sector, stamp, tick| {
            let cell = entry.look(sector);
            let name = &entry.name;
            assert!(
                cell.may_be_seen(stamp, tick, u64::MAX),
                "sector {sector} of {name} holds {stamp}: {cell:?}"
            );
        });
    }

    /// Ends the program or cuts the power, until the pool is open again, and looks at all it holds.
    fn reopen(&mut self) {
        let mut power_failed = false;
        loop {
            let fails = self.random.chance(500);
            power_failed |= fails;
            self.tell(|| format!("the world ends, power fails: {fails}"));
            self.end_world(fails);
            self.faults.clear();
            if self.faulty && self.random.chance(200) {
                crate::io::add_fault(&self.faults, &mut self.random);
            }
            self.pool.begin_open().unwrap();
            let patience = if self.random.chance(300) { self.random.below(100) } else { u64::from(PATIENCE) };
            match self.open_within(patience) {
                Some(Ok(done)) => {
                    assert_eq!(done, ThinDone::Opened);
                    break;
                }
                Some(Err(VolumeError::Io { .. })) if self.faulty => self.seen.failed_opens += 1,
                Some(Err(error)) => panic!("the pool does not open: {error}"),
                None => self.seen.cuts_in_open += 1,
            }
        }
        self.faults.clear();
        self.schedule();
        self.adopt(power_failed);
    }

    pub(crate) fn open_within(&mut self, patience: u64) -> Option<Result<ThinDone, VolumeError>> {
        for _ in 0..patience {
            self.now = Nanos(self.now.0 + 1000);
            assert_eq!(self.pool.poll(self.now, &mut [Completion::default()]), 0);
            if let Some(result) = self.pool.take_control_result() {
                return Some(result);
            }
        }
        None
    }

    /// Takes the disk out of the pool as a crash leaves it, and puts it into a new one.
    pub(crate) fn end_world(&mut self, power_fails: bool) {
        self.flights.clear();
        self.prepared = None;
        let nothing =
            disk::disk(TornDevice::new(TornOptions { blocks: 2048, ..TornOptions::default() }), &self.faults);
        let nothing = ThinPool::new(nothing, &self.buffers).unwrap();
        let device = std::mem::replace(&mut self.pool, nothing).into_device().into_inner();
        let device = if power_fails { device.crash(&mut self.random) } else { device.kill(&mut self.random) };
        self.pool = ThinPool::new(disk::disk(device, &self.faults), &self.buffers).unwrap();
    }

    /// Holds what is found after a crash against the model, which becomes what was found.
    pub(crate) fn adopt(&mut self, power_failed: bool) {
        let pool = &self.pool;
        let agrees = |model: &Model| model.agrees(pool.volumes(), pool.apps(), pool.profile());
        if let Some(pending) = self.control.take() {
            let after = pending.after_crash(&self.model);
            let happened = match pending.rollback() {
                Some(volume) => self.is_rolled_back(volume, power_failed),
                None => agrees(&after) && !agrees(&self.model),
            };
            if happened {
                self.model = after;
                self.seen.happened += 1;
            } else {
                self.seen.undone += 1;
            }
        }
        let pool = &self.pool;
        let found: Vec<_> = pool.volumes().collect();
        let agrees = self.model.agrees(pool.volumes(), pool.apps(), pool.profile());
        assert!(agrees, "{found:#?} is not {:#?}", self.model);
        self.scan_entries(|entry, sector, stamp, _| {
            let cell = entry.look(sector);
            assert!(
                cell.may_survive(stamp, power_failed),
                "sector {sector} of {} holds {stamp}, power failed: {power_failed}, which {cell:?} does not explain",
                entry.name
            );
            if stamp == 0 {
                entry.cells.remove(&sector);
            } else {
                entry.cells.insert(sector, Cell::settled(stamp));
            }
        });
        let flaws = self.pool.audit();
        assert!(flaws.is_empty(), "{flaws:?}");
    }

    /// A rollback was cut short: the volume is wholly what it was, or wholly the snapshot. Whether it is the snapshot.
    fn is_rolled_back(&mut self, uuid: Uuid, power_failed: bool) -> bool {
        let index = self.index(uuid);
        let before = self.model.entries[&uuid].clone();
        let mut cells = before.cells.iter();
        cells.any(|(sector, cell)| !cell.may_survive(self.read_sectors(index, *sector, 1)[0], power_failed))
    }

    pub(crate) fn index(&self, uuid: Uuid) -> VolumeIndex {
        self.pool.volumes().find(|record| record.uuid == uuid).expect("the model agrees").index
    }

    /// Deletes everything: all space must be free again.
    fn empty(&mut self) {
        self.faults.clear();
        self.quiesce();
        let all: Vec<Uuid> = self.model.entries.keys().copied().collect();
        for uuid in all {
            let index = self.index(uuid);
            if self.pool.begin_unpublish(index).is_ok() {
                assert_eq!(self.finish_control(), Ok(ThinDone::Unpublished(index)));
            }
            let begun = self.pool.begin_delete(index);
            assert_eq!(begun, Ok(()), "{:?}", self.pool.cause());
            assert_eq!(self.finish_control(), Ok(ThinDone::Deleted(index)));
        }
        let apps: Vec<String> = self.pool.apps().map(|app| app.name.clone()).collect();
        for name in apps {
            self.pool.begin_remove_app(&name).unwrap();
            assert_eq!(self.finish_control(), Ok(ThinDone::Configured));
        }
        self.model = Model::default();
        self.rest();
        self.pool.begin_checkpoint().unwrap();
        assert_eq!(self.finish_control(), Ok(ThinDone::Checkpointed));
        self.rest();
        let info = self.pool.info().unwrap();
        let pages = info.metadata_bytes / (128 << 10);
        let system = crate::disk::blocks(self.pool.device()).min(384) / 32;
        // A page of the catalog and two of its index, each in a chunk of its own at worst.
        assert!(
            pages <= system + 3,
            "an empty pool keeps {pages} chunks for metadata, {system} of them its own"
        );
        let kept = (pages - system) * (128 << 10);
        assert_eq!(info.free_bytes + kept, info.capacity_bytes, "an empty pool is free");
        assert!(self.pool.audit().is_empty());
        self.seen.emptied += 1;
    }

    /// Lets metadata rot while nothing happens: the pool opens as it was, or says what is wrong. True: it does not open.
    fn decay(&mut self) -> bool {
        self.end_world(false);
        let written: Vec<u64> = self.pool.device().inner().written().collect();
        for _ in 0..1 + self.random.below(2) {
            if let Some(lba) =
                crate::io::find_metadata(self.pool.device().inner(), &written, &mut self.random)
            {
                let bits = self.pool.device_info().block_size as usize * 8;
                let bit = self.random.index(bits);
                self.pool.device_mut().inner_mut().rot(lba, bit);
            }
        }
        self.pool.begin_open().unwrap();
        match self.open_within(u64::from(PATIENCE)).expect("it ends") {
            Ok(_) => {
                self.seen.rotten_survived += 1;
                self.schedule();
                self.adopt(false);
                false
            }
            Err(VolumeError::Damaged { .. } | VolumeError::Corrupt { .. } | VolumeError::Foreign) => {
                self.seen.rotten_refused += 1;
                self.begin_anew();
                true
            }
            Err(other) => panic!("rot is called something else: {other}"),
        }
    }

    /// A new pool on the disk.
    fn begin_anew(&mut self) {
        let uuid = self.uuid();
        self.pool.begin_format(FormatOptions { uuid, force: true }).unwrap();
        assert_eq!(self.finish_control(), Ok(ThinDone::Formatted));
        self.schedule();
        self.model = Model::default();
    }
}
