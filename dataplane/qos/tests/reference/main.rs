//! The scheduler against an exact mClock, over the same arrivals and the same device.
//!
//! The device serves one unit at a time at a constant rate, so who is served when is all that can differ. Both are
//! driven by random loads that come, go and change; at every 50 ms each application must have been served as much by
//! one as by the other, but for what buckets differ from tags by: 5 ms of Max and of Min that an idle application keeps.

mod mclock;

use mclock::{Client, Mclock};
use proptest::prelude::*;
use sluice_qos::{
    Config, DeviceProfile, Io, Kind, Nanos, Placement, Qos, QosSpec, Scheduler, Tag, VolumeQos, WriteFactor,
};

/// Of one unit: 40,000 a second.
const SERVICE_NS: u64 = 25_000;
const CAPACITY: u64 = 1_000_000_000 / SERVICE_NS;
const SLOTS: u32 = 1 << 14;
const CHECK_NS: u64 = 50_000_000;

#[derive(Debug, Clone)]
struct App {
    min: u64,
    max: Option<u64>,
    weight: u16,
    /// On and off times, in ms, in turn.
    phases: Vec<u64>,
    /// I/Os outstanding while on.
    depth: u32,
}

fn apps() -> impl Strategy<Value = Vec<App>> {
    let app = (
        0u64..5,
        prop::option::of(200u64..20_000),
        1u16..100,
        prop::collection::vec(60u64..400, 1..5),
        8u32..64,
    );
    let apps = prop::collection::vec(app, 2..6);
    apps.prop_map(|apps| {
        let count = apps.len() as u64;
        let app = |(min, max, weight, phases, depth): (u64, Option<u64>, u16, Vec<u64>, u32)| {
            // Together at most 80 % of what the device does.
            let min = min * CAPACITY * 8 / 10 / 4 / count;
            App { min, max: max.map(|max| max.max(min).max(10)), weight, phases, depth }
        };
        apps.into_iter().map(app).collect()
    })
}

impl App {
    fn is_on(&self, now_ns: u64) -> bool {
        let period: u64 = self.phases.iter().sum::<u64>() * 1_000_000;
        let mut at = now_ns % period;
        for (index, ms) in self.phases.iter().enumerate() {
            if at < ms * 1_000_000 {
                return index % 2 == 0;
            }
            at -= ms * 1_000_000;
        }
        true
    }
}

impl App {
    /// How far service may differ by `now_ns`, its own and others': each time it came back it may have had what an idle
    /// application keeps of Min and Max, and a turn.
    fn slack(&self, now_ns: u64) -> u64 {
        let period_ns = self.phases.iter().sum::<u64>() * 1_000_000;
        let times = (now_ns / period_ns + 1) * self.phases.len().div_ceil(2) as u64;
        let rate = self.min.max(self.max.unwrap_or(0));
        times * (rate / 200 + 2) + 8
    }
}

fn scheduler(apps: &[App]) -> (Scheduler, Vec<Tag>) {
    let latency = Nanos(SERVICE_NS);
    let profile = DeviceProfile {
        read_4k: latency,
        read_128k: latency,
        write_4k: latency,
        write_128k: latency,
        worst_iops: CAPACITY,
        worst_cost_per_s: CAPACITY * 2560,
        write_factor: WriteFactor::LEAST,
    };
    let mut scheduler = Scheduler::new(Nanos::ZERO, Config::new(SLOTS, 1, Some(profile)));
    let tags = apps.iter().map(|app| {
        let (min_iops, max_iops) =
            (u32::try_from(app.min).unwrap(), app.max.map(|max| u32::try_from(max).unwrap()));
        let qos = Qos::new(QosSpec { min_iops, max_iops, weight: app.weight, ..QosSpec::default() }).unwrap();
        let index = scheduler.add_app(Nanos::ZERO, qos).unwrap();
        scheduler.add_volume(Nanos::ZERO, index, VolumeQos::default()).unwrap()
    });
    let tags = tags.collect();
    (scheduler, tags)
}

/// Keeps each application that is on at its depth, in a closed loop, and serves one unit every 25 us. Returns what each
/// was served by every check.
fn run_ours(apps: &[App], ns: u64) -> Vec<Vec<u64>> {
    let (mut scheduler, tags) = scheduler(apps);
    let mut free: Vec<u32> = (0..SLOTS).collect();
    let mut owner = vec![0; SLOTS as usize];
    let (mut outstanding, mut served) = (vec![0; apps.len()], vec![0; apps.len()]);
    let (mut checks, mut at_device) = (Vec::new(), None);
    for now_ns in (0..ns).step_by(usize::try_from(SERVICE_NS).unwrap()) {
        let now = Nanos(now_ns);
        if let Some(slot) = at_device.take() {
            scheduler.complete(now, slot);
            outstanding[owner[slot as usize]] -= 1;
            free.push(slot);
        }
        for (index, app) in apps.iter().enumerate() {
            while app.is_on(now_ns) && outstanding[index] < app.depth {
                let slot = free.pop().unwrap();
                owner[slot as usize] = index;
                outstanding[index] += 1;
                let io = Io { slot, tag: tags[index], kind: Kind::Read, bytes: 4096 };
                if scheduler.enqueue(now, io) == Placement::Go {
                    assert_eq!(at_device.replace(slot), None);
                }
            }
        }
        let mut slots = [0; 1];
        if at_device.is_none() && scheduler.dispatch(now, &mut slots) == 1 {
            at_device = Some(slots[0]);
        }
        if let Some(slot) = at_device {
            served[owner[slot as usize]] += 1;
        }
        if now_ns % CHECK_NS == 0 {
            checks.push(served.clone());
        }
    }
    checks
}

fn run_reference(apps: &[App], ns: u64) -> Vec<Vec<u64>> {
    let clients = apps.iter().map(|app| Client::new(app.min, app.max, app.weight.into())).collect();
    let mut model = Mclock::new(clients);
    let mut outstanding = vec![0; apps.len()];
    let (mut checks, mut at_device) = (Vec::new(), None);
    for now_ns in (0..ns).step_by(usize::try_from(SERVICE_NS).unwrap()) {
        if let Some(client) = at_device.take() {
            outstanding[client] -= 1;
        }
        for (index, app) in apps.iter().enumerate() {
            while app.is_on(now_ns) && outstanding[index] < app.depth {
                outstanding[index] += 1;
                model.arrive(now_ns, index);
            }
        }
        at_device = model.serve(now_ns);
        if now_ns % CHECK_NS == 0 {
            checks.push(model.clients.iter().map(|client| client.served).collect());
        }
    }
    checks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn serves_as_mclock_does(apps in apps()) {
        let ns = 2_000_000_000;
        let (ours, reference) = (run_ours(&apps, ns), run_reference(&apps, ns));
        for (check, (ours, reference)) in ours.iter().zip(&reference).enumerate() {
            let slack: u64 = apps.iter().map(|app| app.slack(check as u64 * CHECK_NS)).sum();
            for (index, (ours, reference)) in ours.iter().zip(reference).enumerate() {
                prop_assert!(
                    ours.abs_diff(*reference) <= slack + reference / 100,
                    "app {index} by {} ms: {ours} and {reference}, {slack} allowed", check * 50
                );
            }
        }
    }
}

#[test]
fn the_model_itself_shares_reserves_and_limits() {
    let mut model = Mclock::new(vec![
        Client::new(10_000, None, 1),
        Client::new(0, Some(5000), 100),
        Client::new(0, None, 1),
        Client::new(0, None, 3),
    ]);
    for now_ns in (0..1_000_000_000).step_by(usize::try_from(SERVICE_NS).unwrap()) {
        (0..4).filter(|client| model.clients[*client].is_idle()).collect::<Vec<_>>().into_iter().for_each(
            |client| {
                model.arrive(now_ns, client);
            },
        );
        assert!(model.serve(now_ns).is_some(), "a backlogged device is never idle");
    }
    let served: Vec<u64> = model.clients.iter().map(|client| client.served).collect();
    assert!(served[0].abs_diff(10_000) <= 10 && served[1].abs_diff(5000) <= 10, "{served:?}");
    assert!(served[3].abs_diff(served[2] * 3) <= 50, "{served:?}");
}
