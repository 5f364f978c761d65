//! The repair: it puts right what no block of a volume depends on, also if it is cut short, and touches nothing else.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use sluice_device::random::Random;
use sluice_device::torn::{TornDevice, TornOptions};
use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Request};
use sluice_volume::HostAccess;
use sluice_volume::thin::{AppRecord, Repaired, Structure, ThinDone, ThinPool, ThinRepair};

use crate::check::{BLOCK, Image, at_rest, for_seeds, word};
use crate::disk;
use crate::world::World;

/// A device that can be looked at, and crash, while something else has it.
#[derive(Debug, Clone)]
struct Shared {
    info: DeviceInfo,
    device: Rc<RefCell<TornDevice>>,
}

impl Shared {
    fn new(device: TornDevice) -> Self {
        Self { info: device.info().clone(), device: Rc::new(RefCell::new(device)) }
    }
}

impl BlockDevice for Shared {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        self.device.borrow_mut().submit(now, requests)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.device.borrow_mut().poll(now, completions)
    }

    fn in_flight(&self) -> usize {
        self.device.borrow().in_flight()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        self.device.borrow().next_deadline()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn arm(&mut self) -> bool {
        self.device.borrow_mut().arm()
    }

    fn disarm(&mut self) {
        self.device.borrow_mut().disarm();
    }
}

/// Repairs the image for so many turns at most, then the power fails. The result, if it came to that.
fn repair(image: &mut Image, turns: u64, random: &mut Random) -> Option<Repaired> {
    let shared = Shared::new(image.device.take().unwrap());
    let mut repair = ThinRepair::new(shared.clone(), &image.buffers).unwrap();
    let outcome = (0..turns).find_map(|_| repair.poll(Nanos::ZERO));
    image.device = Some(match &outcome {
        Some(_) => {
            drop(repair);
            Rc::into_inner(Rc::clone(&shared.device))
                .map_or_else(|| shared.device.borrow().crashed(random), RefCell::into_inner)
        }
        None => shared.device.borrow().crashed(random),
    });
    outcome.map(|outcome| outcome.unwrap())
}

/// Takes the device out of a world.
fn take(world: &mut World) -> Image {
    let nothing = TornDevice::new(TornOptions { blocks: 2048, ..TornOptions::default() });
    let nothing = ThinPool::new(disk::disk(nothing, &world.faults), &world.buffers).unwrap();
    let device = std::mem::replace(&mut world.pool, nothing).into_device().into_inner();
    Image { device: Some(device), buffers: world.buffers.clone() }
}

/// A pool at rest with an application and an allow-list, in a checkpoint.
pub(crate) fn furnished(seed: u64) -> World {
    let mut world = at_rest(seed);
    let volumes: Vec<_> =
        world.pool.volumes().map(|record| (record.uuid, record.index, record.role)).collect();
    for (uuid, index, role) in volumes {
        if role == sluice_volume::thin::Role::Volume {
            let access = HostAccess::Hosts(vec!["nqn.2014-08.org.example:one".to_owned()]);
            world.pool.begin_publish(index, access.clone()).unwrap();
            assert_eq!(world.finish_control(), Ok(ThinDone::Published(index)));
            let entry = world.model.entries.get_mut(&uuid).unwrap();
            (entry.published, entry.access) = (true, access);
        }
    }
    let app = AppRecord { name: "furnished".to_owned(), labels: Vec::new(), qos: [seed; 16] };
    if world.pool.begin_set_app(app.clone()).is_ok() {
        assert_eq!(world.finish_control(), Ok(ThinDone::Configured));
        world.model.apps.insert(app.name.clone(), app);
    }
    world.pool.begin_checkpoint().unwrap();
    assert_eq!(world.finish_control(), Ok(ThinDone::Checkpointed));
    world.rest();
    world
}

/// What was damaged, by kind: superblock, mark, journal, application, allow-list, something that volumes need.
type Seen = [u32; 6];

fn damage(
    image: &mut Image,
    live: &[(Structure, u64)],
    journal_blocks: u64,
    random: &mut Random,
    seen: &mut Seen,
) {
    let of = |structure| live.iter().filter(move |(found, _)| *found == structure).map(|(_, block)| *block);
    let (kind, block) = match random.below(12) {
        0..2 => (0, Some(128 * random.below(2))),
        2..4 => (1, [64, 192, 80, 208].get(random.index(4)).copied()),
        4..6 => (
            2,
            Some(256 + random.below(journal_blocks))
                .filter(|block| !of(Structure::Journal).any(|live| live == *block)),
        ),
        6..8 => (3, of(Structure::Application).next_back()),
        8..11 => (4, of(Structure::Hosts).nth(random.index(3))),
        _ => (5, of(Structure::Node).chain(of(Structure::Catalog)).nth(random.index(4))),
    };
    let Some(block) = block else { return };
    // One of two copies is left.
    if kind == 0 && seen[0] % 2 == 1 {
        return;
    }
    let mut bytes = image.get(block);
    match random.below(3) {
        0 => bytes[random.index(BLOCK)] ^= 1 << random.below(8),
        1 => bytes.fill(0xa5),
        _ => bytes = image.get(live[random.index(live.len())].1),
    }
    if bytes != image.get(block) {
        image.put(block, &bytes);
        seen[kind] += 1;
    }
}

/// All that is on the device.
fn contents(image: &Image) -> Vec<(u64, Rc<[u8]>)> {
    let device = image.device.as_ref().unwrap();
    let mut all: Vec<_> = device.written().map(|lba| (lba, device.peek(lba))).collect();
    all.sort();
    all
}

#[test]
fn a_repair_costs_no_block_of_any_volume() {
    let (mut all, mut crashes, mut refused) = (Seen::default(), 0, 0);
    let whole = for_seeds(120, |seed| {
        let mut world = furnished(seed);
        let mut random = Random::new(seed ^ 0x4e4a);
        let mut image = take(&mut world);
        let mut seen = Seen::default();
        let (live, journal_blocks) = (image.live(), word(&image.get(0), 72));
        (0..1 + random.below(4))
            .for_each(|_| damage(&mut image, &live, journal_blocks, &mut random, &mut seen));
        let (found, before) = (image.check(), contents(&image));
        let mut crashed = false;
        let outcome = loop {
            let turns = if random.chance(400) { random.below(400) } else { 1_000_000 };
            match repair(&mut image, turns, &mut random) {
                Some(outcome) => break outcome,
                None => crashed = true,
            }
        };
        crashes += u32::from(crashed);
        all.iter_mut().zip(seen).for_each(|(sum, one)| *sum += one);
        if !found.is_repairable() {
            assert!(seen[5] > 0 || seen[0] > 1, "{found}");
            assert_eq!((&outcome.before, &outcome.after), (&found, &None));
            assert!(contents(&image) == before, "what cannot be put right is left alone");
            refused += 1;
            return;
        }
        let report = image.check();
        assert_eq!(report.complaints, [], "{found} became {report}");
        let disk = disk::disk(image.device.take().unwrap(), &world.faults);
        world.pool = ThinPool::new(disk, &world.buffers).unwrap();
        world.pool.begin_open().unwrap();
        assert_eq!(world.finish_control(), Ok(ThinDone::Opened));
        forgive(&mut world, seen);
        world.adopt(true);
    });
    println!("{all:?} damaged, {crashes} crashes, {refused} refused");
    let some = all.iter().all(|count| *count > 0) && crashes > 0 && refused > 0;
    assert!(some || !whole, "something never happened");
}

/// Applications and allow-lists may be gone, as many as were damaged.
fn forgive(world: &mut World, seen: Seen) {
    let apps: Vec<String> = world.pool.apps().map(|app| app.name.clone()).collect();
    let there = world.model.apps.len();
    world.model.apps.retain(|name, _| apps.contains(name));
    assert!(there - world.model.apps.len() <= seen[3] as usize);
    let mut shut = 0;
    for record in world.pool.volumes().filter(|record| !record.published) {
        let entry = world.model.entries.get_mut(&record.uuid).unwrap();
        shut += u32::from(std::mem::take(&mut entry.published));
        entry.access = HostAccess::Any;
    }
    assert!(shut <= seen[4]);
}
