//! The applications of one device: from names and volumes to the scheduler's indices and tags, and back.
//!
//! An application is here because its QoS was set, or because a volume names it; the latter has the default QoS.
//! Volumes get their tag when they are published; queues copy it at Connect.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use sluice_device::{DeviceInfo, Nanos};
use sluice_qos::{
    App, AppIndex, AppSpec, Change, Config, DeviceProfile, Event, LatencyClass, Lease, Qos, QosSpec,
    Scheduler, Tag, UnitTable, VolumeQos,
};
use sluice_volume::VolumeIndex;

use crate::config::TargetConfig;
use crate::handle::{AppFigures, AppStatus, ControlError, LeaseSpec, NotedEvent, SchedulerFigures};

/// The name that the reactor's own work is charged to.
const SYSTEM: &str = "system";
/// The weight of the reactor's own work, a tenth of an application's: what hosts wait for does not ask for its turn.
const SYSTEM_WEIGHT: u16 = 10;
/// Events kept for those who ask.
const EVENTS: usize = 64;

/// An application by name.
#[derive(Debug)]
struct Entry {
    index: AppIndex,
    /// As set; without labels and with the default QoS if it was not.
    spec: AppSpec,
    set: bool,
    /// Volumes that name it, published or not.
    volumes: u32,
}

/// Something that happened, and when.
#[derive(Debug)]
struct Noted {
    sequence: u64,
    at: Nanos,
    app: String,
    text: String,
}

/// All applications of a device, and their scheduler.
#[derive(Debug)]
pub(crate) struct Apps {
    pub(crate) scheduler: Scheduler,
    by_name: BTreeMap<String, Entry>,
    /// Of published volumes.
    tags: HashMap<VolumeIndex, Tag>,
    /// Of the pool's work on the side.
    background: Tag,
    /// Of volumes that are published no longer, while I/O to them is not back.
    leaving: Vec<Tag>,
    events: VecDeque<Noted>,
    noted: u64,
}

impl Apps {
    /// For a device and the caller's `slots` requests, as `target` says.
    pub(crate) fn new(
        now: Nanos,
        device: &DeviceInfo,
        slots: u32,
        profile: Option<DeviceProfile>,
        target: &TargetConfig,
    ) -> Self {
        let qos = QosSpec { weight: SYSTEM_WEIGHT, ..QosSpec::default() };
        let system = Qos::new(qos).expect("a weight within its range");
        let config = Config {
            system,
            units: UnitTable::new(target.unit_bytes, target.unit_bytes)
                .expect("checked with the configuration"),
            promised_permille: target.promised_percent * 10,
            ..Config::new(slots, device.queue_depth, profile)
        };
        let mut scheduler = Scheduler::new(now, config);
        let background = scheduler.add_volume(now, AppIndex::SYSTEM, VolumeQos::default());
        let spec = AppSpec { name: SYSTEM.to_owned(), qos, ..AppSpec::default() };
        let system = Entry { index: AppIndex::SYSTEM, spec, set: false, volumes: 0 };
        Self {
            scheduler,
            by_name: [(SYSTEM.to_owned(), system)].into(),
            tags: HashMap::new(),
            background: background.expect("there is room for the first"),
            leaving: Vec::new(),
            events: VecDeque::with_capacity(EVENTS),
            noted: 0,
        }
    }

    /// Brings back what was set before a restart. A Min that the device cannot keep any more is not promised.
    pub(crate) fn restore(&mut self, now: Nanos, spec: AppSpec) {
        let Err(error) = self.set(now, spec.clone()) else { return };
        tracing::warn!(app = spec.name, %error, "its Min is not promised any more");
        let qos = QosSpec { min_iops: 0, latency: LatencyClass::Normal, ..spec.qos };
        let name = spec.name.clone();
        match self.set(now, AppSpec { qos, ..spec.clone() }) {
            Ok(_) => {
                if let Some(entry) = self.by_name.get_mut(&name) {
                    entry.spec = spec;
                }
            }
            Err(error) => tracing::error!(app = name, %error, "it has the default QoS"),
        }
    }

    /// A volume of the application `app` is there.
    pub(crate) fn add_volume(&mut self, now: Nanos, app: &str) -> Result<(), ControlError> {
        self.prepare(now, app)?;
        if let Some(entry) = self.by_name.get_mut(app) {
            entry.volumes += 1;
        }
        Ok(())
    }

    /// Makes sure that there is room for a volume of `app`.
    pub(crate) fn prepare(&mut self, now: Nanos, app: &str) -> Result<(), ControlError> {
        self.index_of(now, app).map(drop)
    }

    /// A volume of `app` is gone.
    pub(crate) fn remove_volume(&mut self, app: &str) {
        if let Some(entry) = self.by_name.get_mut(app) {
            entry.volumes -= 1;
        }
        self.forget_idle();
    }

    /// A volume of `app` takes I/O from now on.
    pub(crate) fn open_volume(
        &mut self,
        now: Nanos,
        volume: VolumeIndex,
        app: &str,
    ) -> Result<(), ControlError> {
        if !self.tags.contains_key(&volume) {
            let index = self.index_of(now, app)?;
            let tag = self.scheduler.add_volume(now, index, VolumeQos::default())?;
            self.tags.insert(volume, tag);
        }
        Ok(())
    }

    /// A volume takes no I/O any more. Its tag goes when the last I/O is back.
    pub(crate) fn close_volume(&mut self, volume: VolumeIndex) {
        self.leaving.extend(self.tags.remove(&volume));
        self.sweep();
    }

    /// Lets go of volumes whose I/O is back.
    pub(crate) fn sweep(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let scheduler = &mut self.scheduler;
        self.leaving.retain(|tag| scheduler.remove_volume(*tag).is_err());
        self.forget_idle();
    }

    /// Lets go of applications that are here for nothing.
    pub(crate) fn forget_idle(&mut self) {
        let scheduler = &mut self.scheduler;
        self.by_name.retain(|_, entry| {
            let stays = entry.set || entry.volumes > 0 || entry.index == AppIndex::SYSTEM;
            stays || scheduler.remove_app(entry.index).is_err()
        });
    }

    /// What a volume's I/O carries.
    pub(crate) fn tag(&self, volume: VolumeIndex) -> Tag {
        *self.tags.get(&volume).expect("a published volume was opened")
    }

    /// What the pool's work on the side carries.
    pub(crate) fn background(&self) -> Tag {
        self.background
    }

    fn index_of(&mut self, now: Nanos, name: &str) -> Result<AppIndex, ControlError> {
        if let Some(entry) = self.by_name.get(name) {
            return Ok(entry.index);
        }
        let index = self.scheduler.add_app(now, Qos::default())?;
        let spec = AppSpec { name: name.to_owned(), ..AppSpec::default() };
        self.by_name.insert(name.to_owned(), Entry { index, spec, set: false, volumes: 0 });
        Ok(index)
    }

    /// Sets an application's QoS and labels.
    pub(crate) fn set(&mut self, now: Nanos, spec: AppSpec) -> Result<AppStatus, ControlError> {
        let app = App::new(spec.clone())?;
        let name = spec.name.clone();
        match self.by_name.get_mut(&name) {
            Some(entry) => {
                self.scheduler.change(now, &[Change { app: entry.index, qos: app.qos() }])?;
                (entry.spec, entry.set) = (spec, true);
            }
            None => {
                let index = self.scheduler.add_app(now, app.qos())?;
                self.by_name.insert(name.clone(), Entry { index, spec, set: true, volumes: 0 });
            }
        }
        self.status(now, &name)
    }

    /// Forgets an application without volumes. One that is not here is no error.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), ControlError> {
        let Some(entry) = self.by_name.get(name) else { return Ok(()) };
        let volumes = entry.volumes;
        if volumes > 0 || entry.index == AppIndex::SYSTEM {
            return Err(ControlError::AppInUse { name: name.to_owned(), volumes });
        }
        self.scheduler.remove_app(entry.index)?;
        self.by_name.remove(name);
        Ok(())
    }

    /// Raises Min or Max for a while.
    pub(crate) fn lease(
        &mut self,
        now: Nanos,
        name: &str,
        spec: LeaseSpec,
    ) -> Result<AppStatus, ControlError> {
        let entry = self.entry(name)?;
        let (index, own) = (entry.index, entry.spec.qos);
        let min_iops = if spec.min_iops == 0 { own.min_iops } else { spec.min_iops };
        let duration = Nanos(u64::try_from(spec.length.as_nanos()).unwrap_or(u64::MAX));
        self.scheduler.lease(now, index, Lease { min_iops, max_iops: spec.max_iops, duration })?;
        self.status(now, name)
    }

    /// Ends a lease.
    pub(crate) fn end_lease(&mut self, now: Nanos, name: &str) -> Result<AppStatus, ControlError> {
        let index = self.entry(name)?.index;
        self.scheduler.end_lease(now, index)?;
        self.status(now, name)
    }

    fn entry(&self, name: &str) -> Result<&Entry, ControlError> {
        self.by_name.get(name).ok_or_else(|| ControlError::AppNotFound { name: name.to_owned() })
    }

    pub(crate) fn status(&self, now: Nanos, name: &str) -> Result<AppStatus, ControlError> {
        let entry = self.entry(name)?;
        let view = self.scheduler.app(entry.index)?;
        Ok(AppStatus {
            app: entry.spec.clone(),
            set: entry.set,
            now: *view.qos.spec(),
            lease_remaining: view.lease_until.map(|until| since(until, now)),
            min_iops_now: view.min_iops_now,
            queued: view.queued,
            volumes: entry.volumes,
        })
    }

    /// All applications, by name.
    pub(crate) fn statuses(&self, now: Nanos) -> Vec<AppStatus> {
        self.by_name.keys().filter_map(|name| self.status(now, name).ok()).collect()
    }

    /// All applications' figures, by name.
    pub(crate) fn figures(&self) -> Vec<AppFigures> {
        let of = |(name, entry): (&String, &Entry)| {
            let view = self.scheduler.app(entry.index).ok()?;
            Some(AppFigures { name: name.clone(), qos: *view.qos.spec(), stats: view.stats.clone() })
        };
        self.by_name.iter().filter_map(of).collect()
    }

    /// The device's scheduler as it stands.
    pub(crate) fn scheduler_figures(&self, now: Nanos) -> SchedulerFigures {
        let events = self.events.iter().map(|noted| NotedEvent {
            sequence: noted.sequence,
            age: since(now, noted.at),
            app: noted.app.clone(),
            text: noted.text.clone(),
        });
        SchedulerFigures { at: now, view: self.scheduler.device(), events: events.collect() }
    }

    /// Keeps what happened, and logs it.
    pub(crate) fn note_events(&mut self, now: Nanos) {
        while let Some(event) = self.scheduler.poll_event() {
            let (app, text) = self.describe(&event);
            match event {
                Event::MinsRestored | Event::LeaseEnded { .. } => tracing::info!(app, "{text}"),
                _ => tracing::warn!(app, "{text}"),
            }
            if self.events.len() == EVENTS {
                self.events.pop_front();
            }
            self.noted += 1;
            self.events.push_back(Noted { sequence: self.noted, at: now, app, text });
        }
    }

    fn describe(&self, event: &Event) -> (String, String) {
        let name = |index: AppIndex| {
            let named = self.by_name.iter().find(|(_, entry)| entry.index == index);
            named.map(|(name, _)| name.clone()).unwrap_or_default()
        };
        match *event {
            Event::MinsScaled { permille, delivered_iops, demanded_iops } => {
                let percent = f64::from(permille) / 10.0;
                let text = format!(
                    "the device gives {delivered_iops} of the {demanded_iops} IOPS that are guaranteed and asked for: \
                     every Min is cut to {percent} %"
                );
                (String::new(), text)
            }
            Event::MinsRestored => (String::new(), "the device keeps every Min again".to_owned()),
            Event::MinMissed { app, delivered_iops } => {
                (name(app), format!("got {delivered_iops} IOPS in 100 ms, less than 95 % of its Min"))
            }
            Event::LeaseEnded { app } => (name(app), "its lease is over".to_owned()),
            Event::HeldTooLong { app } => {
                let text = "I/O was let through against a limit before its host would give up: it keeps more outstanding \
                            than its Max lets through in time";
                (name(app), text.to_owned())
            }
        }
    }
}

/// Time from `earlier` to `later`, none if it is the other way round.
fn since(later: Nanos, earlier: Nanos) -> Duration {
    Duration::from_nanos(later.0.saturating_sub(earlier.0))
}
