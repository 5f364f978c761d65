//! The offline check: it has nothing to say of a healthy pool, and of a damaged one it names the structure, says
//! whether opening refuses it, and never panics.

use std::collections::BTreeMap;

use crc_fast::{CrcAlgorithm, checksum};
use sluice_device::random::Random;
use sluice_device::torn::{TornDevice, TornOptions};
use sluice_device::{BlockDevice, Completion, Nanos, Op, Pool, Request};
use sluice_volume::thin::{
    CheckReport, Complaint, Fault, Opening, Role, Structure, ThinCheck, ThinDone, ThinPool,
};
use sluice_volume::{FormatOptions, HostAccess, PoolState, VolumeError};

use crate::disk;
use crate::environment;
use crate::world::World;

pub(crate) const BLOCK: usize = 4096;

/// Checks a device, which comes back unchanged.
pub(crate) fn check(device: TornDevice, buffers: &Pool) -> (CheckReport, TornDevice) {
    let mut check = ThinCheck::new(device, buffers).unwrap();
    for _ in 0..100_000 {
        if let Some(report) = check.poll(Nanos::ZERO) {
            return (report.unwrap(), check.into_device());
        }
    }
    panic!("the check never ends");
}

/// Blocks of 4096 bytes on a device of smaller ones.
pub(crate) struct Image {
    pub(crate) device: Option<TornDevice>,
    pub(crate) buffers: Pool,
}

impl Image {
    pub(crate) fn check(&mut self) -> CheckReport {
        let (report, device) = check(self.device.take().unwrap(), &self.buffers);
        self.device = Some(device);
        report
    }

    fn ratio(&self) -> u64 {
        BLOCK as u64 / u64::from(self.device.as_ref().unwrap().info().block_size)
    }

    pub(crate) fn get(&self, block: u64) -> Vec<u8> {
        let device = self.device.as_ref().unwrap();
        let ratio = self.ratio();
        (block * ratio..(block + 1) * ratio).flat_map(|lba| device.peek(lba).to_vec()).collect()
    }

    pub(crate) fn put(&mut self, block: u64, bytes: &[u8]) {
        let mut buffer = self.buffers.take(4096).unwrap();
        buffer.copy_from_slice(bytes);
        let ratio = self.ratio();
        let (op, blocks) = (Op::Write { fua: false }, u32::try_from(ratio).unwrap());
        self.carry_out(Request { tag: 0, op, lba: block * ratio, blocks, buffer: Some(buffer) });
        self.carry_out(Request { op: Op::Flush, ..Request::default() });
    }

    fn carry_out(&mut self, request: Request) {
        let device = self.device.as_mut().unwrap();
        assert_eq!(device.submit(Nanos::ZERO, &mut [request]), 1);
        let mut completion = [Completion::default()];
        assert_eq!(device.poll(Nanos::ZERO, &mut completion), 1);
        assert_eq!(completion[0].result, Ok(()));
    }

    /// What the check says while `bytes` are in `block`.
    fn with(&mut self, block: u64, bytes: &[u8]) -> CheckReport {
        let before = self.get(block);
        self.put(block, bytes);
        let report = self.check();
        self.put(block, &before);
        report
    }

    /// The blocks that the pool depends on, as the format's tables say, with the superblock's that counts first.
    pub(crate) fn live(&self) -> Vec<(Structure, u64)> {
        let superblocks = [0, 128].map(|block| (block, self.get(block)));
        let newest = superblocks.iter().max_by_key(|(_, bytes)| word(bytes, 32)).unwrap().1.clone();
        let mut live = vec![(Structure::Superblock, 0), (Structure::Superblock, 128)];
        let era = word(&newest, 80);
        let marks = [64, 192, 80, 208].into_iter().filter(|block| {
            let mark = self.get(*block);
            mark.starts_with(b"SLUICEMK") && word(&mark, 48) == era
        });
        live.extend(marks.map(|block| (Structure::Mark, block)));
        for sequence in word(&newest, 88).. {
            let block = 256 + sequence % word(&newest, 72);
            let bytes = self.get(block);
            let is_next =
                bytes.starts_with(b"SLUICEJB") && word(&bytes, 32) == era && word(&bytes, 48) == sequence;
            if !is_next {
                break;
            }
            live.push((Structure::Journal, block));
        }
        for (number, index) in
            (0..19).map(|at| (at, address(&newest, 104 + 8 * at))).filter(|(_, page)| *page > 0)
        {
            live.push((Structure::Index, index));
            for page in self.references(index, 64, 504) {
                if number >= 16 {
                    live.push((Structure::Application, page));
                } else {
                    live.push((Structure::Catalog, page));
                    self.entries(page, &mut live);
                }
            }
        }
        live
    }

    fn references(&self, block: u64, from: usize, count: usize) -> Vec<u64> {
        let bytes = self.get(block);
        (0..count).map(|at| address(&bytes, from + 8 * at)).filter(|page| *page > 0).collect()
    }

    fn entries(&self, page: u64, live: &mut Vec<(Structure, u64)>) {
        let bytes = self.get(page);
        for entry in bytes[64..3904].chunks(256) {
            let (root, hosts) = (address(entry, 48), address(entry, 56));
            if hosts > 0 {
                live.push((Structure::Hosts, hosts));
            }
            if root > 0 {
                self.node(root, live);
            }
        }
    }

    fn node(&self, first: u64, live: &mut Vec<(Structure, u64)>) {
        if live.contains(&(Structure::Node, first)) {
            return;
        }
        let (mut page, mut stream) = (first, Vec::new());
        while page > 0 {
            live.push((Structure::Node, page));
            let bytes = self.get(page);
            let used = usize::try_from(word(&bytes, 56) >> 32).unwrap();
            stream.extend_from_slice(&bytes[64..64 + used]);
            page = address(&bytes, 48);
        }
        if self.get(first)[56] > 0 {
            for at in (64..stream.len()).step_by(8) {
                self.node(address(&stream, at), live);
            }
        }
    }
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn address(bytes: &[u8], at: usize) -> u64 {
    word(bytes, at) & ((1 << 36) - 1)
}

/// Gives a block the checksum of what is in it now.
fn seal(bytes: &mut [u8]) {
    bytes[12..16].fill(0);
    let crc = u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap();
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

pub(crate) fn formatted(seed: u64) -> World {
    let mut world = World::new(seed, false);
    world.faulty = false;
    let uuid = world.uuid();
    world.pool.begin_format(FormatOptions { uuid, force: false }).unwrap();
    assert_eq!(world.finish_control(), Ok(ThinDone::Formatted));
    world
}

/// Takes the device away from its pool.
fn into_image(world: World) -> Image {
    Image { device: Some(world.pool.into_device().into_inner()), buffers: world.buffers }
}

/// A pool after a random history, at rest: with the journal of some time, or with a published volume and no journal.
pub(crate) fn at_rest(seed: u64) -> World {
    let mut world = formatted(seed);
    world.live();
    assert_eq!(world.pool.state(), PoolState::Open);
    world.rest();
    if seed % 2 == 1 {
        let first = world
            .pool
            .volumes()
            .find(|record| record.role == Role::Volume)
            .map(|record| (record.index, record.uuid));
        if let Some((first, uuid)) = first {
            let hosts = HostAccess::Hosts(vec!["nqn.2014-08.org.example:host".to_owned()]);
            world.pool.begin_publish(first, hosts.clone()).unwrap();
            assert!(world.finish_control().is_ok());
            let entry = world.model.entries.get_mut(&uuid).unwrap();
            (entry.published, entry.access) = (true, hosts);
        }
        world.pool.begin_checkpoint().unwrap();
        assert_eq!(world.finish_control(), Ok(ThinDone::Checkpointed));
        world.rest();
    }
    world
}

/// Runs `one` with so many seeds, and says which failed. False: they were fewer, so not everything has to happen.
#[must_use]
pub(crate) fn for_seeds(ordinary: u64, mut one: impl FnMut(u64)) -> bool {
    let count = environment("SLUICE_SEEDS").unwrap_or(ordinary);
    let seeds = environment("SLUICE_SEED").map_or(0..count, |seed| seed..seed + 1);
    let whole = seeds.end - seeds.start >= ordinary;
    for seed in seeds {
        let run = std::panic::AssertUnwindSafe(|| one(seed));
        if let Err(panic) = std::panic::catch_unwind(run) {
            println!("failed: replay with SLUICE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    whole
}

#[test]
fn a_healthy_pool_has_nothing_to_complain_of() {
    let mut snapshots = 0;
    let whole = for_seeds(150, |seed| {
        let world = at_rest(seed);
        let of = |role| world.pool.volumes().filter(|record| record.role == role).count();
        let expected = (of(Role::Volume), of(Role::Snapshot), world.pool.apps().count());
        let info = world.pool.info().unwrap();
        let report = into_image(world).check();
        assert_eq!(report.complaints, [], "{report}");
        let summary = report.summary;
        assert_eq!((summary.volumes, summary.snapshots, summary.apps), expected);
        assert_eq!((summary.pool, summary.generation), (Some(info.uuid), info.generation));
        assert!(
            u64::from(summary.metadata_chunks) * (128 << 10) <= info.metadata_bytes,
            "{summary:?} {info:?}"
        );
        snapshots += summary.snapshots;
    });
    assert!(snapshots > 0 || !whole);
}

#[test]
fn after_a_crash_the_check_tells_what_opening_finds() {
    let (mut replayed, mut mended) = (0, 0);
    let whole = for_seeds(300, |seed| {
        let mut world = formatted(seed);
        world.live();
        let power_fails = world.random.chance(500);
        world.end_world(power_fails);
        let nothing = TornDevice::new(TornOptions { blocks: 2048, ..TornOptions::default() });
        let nothing = ThinPool::new(disk::disk(nothing, &world.faults), &world.buffers).unwrap();
        let device = std::mem::replace(&mut world.pool, nothing).into_device().into_inner();
        let (report, device) = check(device, &world.buffers);
        assert!(report.is_whole(), "{report}");
        world.pool = ThinPool::new(disk::disk(device, &world.faults), &world.buffers).unwrap();
        world.pool.begin_open().unwrap();
        assert_eq!(world.finish_control(), Ok(ThinDone::Opened));
        let of = |role| world.pool.volumes().filter(|record| record.role == role).count();
        let found = (of(Role::Volume), of(Role::Snapshot), world.pool.apps().count());
        let summary = report.summary;
        assert_eq!((summary.volumes, summary.snapshots, summary.apps), found, "{report}");
        let volumes: Vec<_> = world.pool.volumes().map(|record| record.index).collect();
        let exclusive: u64 =
            volumes.iter().map(|index| world.pool.usage(*index).unwrap().exclusive_chunks).sum();
        assert!(u64::from(summary.data_chunks) >= exclusive);
        replayed += summary.records;
        mended += report.complaints.len();
    });
    assert!(replayed > 0 && mended > 0 || !whole, "nothing was replayed or torn");
}

/// Whether a report names the block, and says that opening makes that of it.
fn names(report: &CheckReport, structure: Structure, block: u64, opening: Opening) -> bool {
    let place = (structure, Some(block), opening);
    let is_it = |complaint: &Complaint| (complaint.structure, complaint.block, complaint.opening) == place;
    report.complaints.iter().any(is_it)
}

#[test]
fn every_damaged_block_is_named() {
    let mut seen: BTreeMap<Structure, u64> = BTreeMap::new();
    let whole = for_seeds(24, |seed| {
        let mut random = Random::new(seed);
        let mut image = into_image(at_rest(seed));
        let live = image.live();
        for (structure, block) in &live {
            let pristine = image.get(*block);
            let mut flipped = pristine.clone();
            flipped[random.index(BLOCK)] ^= 1 << random.below(8);
            let (_, other) = live[random.index(live.len())];
            let mut stale = pristine.clone();
            let generation = word(&stale, 32).wrapping_sub(1);
            stale[32..40].copy_from_slice(&generation.to_le_bytes());
            seal(&mut stale);
            let swapped = if other == *block { vec![0; BLOCK] } else { image.get(other) };
            for damaged in [flipped, vec![0; BLOCK], swapped, stale, vec![0xff; BLOCK]] {
                let report = image.with(*block, &damaged);
                // Superblocks and marks are there twice; nothing else is.
                let twice = matches!(structure, Structure::Superblock | Structure::Mark);
                let opening = if twice { Opening::Mends } else { Opening::Refuses };
                let is_named = names(&report, *structure, *block, opening);
                assert!(is_named && report.opens() == twice, "{structure} at {block} of {live:?}: {report}");
                *seen.entry(*structure).or_default() += 1;
            }
        }
        assert_eq!(image.check().complaints, [], "all is as it was");
    });
    assert!(seen.len() == 8 || !whole, "some structures never occurred: {seen:?}");
}

#[test]
fn damage_is_what_opening_says_it_is() {
    let (mut opened, mut refused) = (0, 0);
    let whole = for_seeds(150, |seed| {
        let mut random = Random::new(seed);
        let mut world = at_rest(seed);
        let (faults, buffers) = (world.faults.clone(), world.buffers.clone());
        world.end_world(false);
        let mut image = into_image(world);
        let live = image.live();
        for _ in 0..1 + random.below(3) {
            let block = if random.chance(800) { live[random.index(live.len())].1 } else { random.below(400) };
            let mut bytes = image.get(block);
            match random.below(3) {
                0 => bytes.fill(0),
                1 => bytes[random.index(BLOCK)] ^= 1 << random.below(8),
                _ => bytes = image.get(live[random.index(live.len())].1),
            }
            image.put(block, &bytes);
        }
        let report = image.check();
        let disk = disk::disk(image.device.take().unwrap(), &faults);
        let mut pool = ThinPool::new(disk, &buffers).unwrap();
        pool.begin_open().unwrap();
        let result = (0..200_000).find_map(|_| {
            assert_eq!(pool.poll(Nanos::ZERO, &mut [Completion::default()]), 0);
            pool.take_control_result()
        });
        let result = result.expect("it ends");
        assert_eq!(report.opens(), result.is_ok(), "{result:?}: {report}");
        match result {
            Ok(_) => opened += 1,
            Err(VolumeError::Io { .. }) => panic!("{report}"),
            Err(_) => refused += 1,
        }
    });
    assert!(opened > 0 && refused > 0 || !whole, "{opened} opened, {refused} refused");
}

#[test]
fn no_bytes_make_it_panic() {
    let mut complaints = 0;
    let whole = for_seeds(60, |seed| {
        let mut random = Random::new(seed);
        let mut image = into_image(at_rest(seed));
        let live = image.live();
        for _ in 0..60 {
            let (_, block) = live[random.index(live.len())];
            let mut bytes = image.get(block);
            for _ in 0..1 + random.below(4) {
                let at = if random.chance(500) { random.index(128) } else { random.index(BLOCK) };
                let byte = [0, 1, 0x7f, 0x80, 0xff, random.below(256).to_le_bytes()[0]];
                let length = 1 + random.index(8);
                let end = (at + length).min(BLOCK);
                bytes[at..end].fill(byte[random.index(byte.len())]);
            }
            // With a checksum that holds, contents are believed, and must be looked at.
            seal(&mut bytes);
            complaints += image.with(block, &bytes).to_string().lines().count();
        }
        assert_eq!(image.check().complaints, [], "all is as it was");
    });
    // Four lines of figures each, and more where something is wrong.
    assert!(complaints > 4 * 60 * 60 || !whole, "{complaints} lines");
}

/// A change to a block whose checksum holds, and what must be said of it.
type Forgery = fn(Structure, &mut [u8]) -> Option<fn(&Fault) -> bool>;

/// Where the chunk numbers of a leaf's whole chunks are, if the leaf has one page.
fn whole_chunks(bytes: &[u8]) -> Vec<usize> {
    if bytes[56] != 0 || address(bytes, 48) != 0 || bytes[58] != 0 {
        return Vec::new();
    }
    let (mut at, mut found) = (64 + 512, Vec::new());
    for kind in &bytes[64..64 + 512] {
        if *kind == 255 {
            found.push(at);
        }
        at += if *kind == 255 { 4 } else { 8 * usize::from(*kind) };
    }
    found
}

/// Which of them makes a volume shorter.
const SHRUNK: usize = 4;

const FORGERIES: [Forgery; 9] = [
    |structure, bytes| {
        let at = *whole_chunks(bytes).first().filter(|_| structure == Structure::Node)?;
        bytes[at..at + 4].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
        Some(|fault| matches!(fault, Fault::ChunkOutside { .. }))
    },
    |structure, bytes| {
        let at = *whole_chunks(bytes).first().filter(|_| structure == Structure::Node)?;
        let own = u32::try_from(word(bytes, 40) / 32).unwrap();
        bytes[at..at + 4].copy_from_slice(&own.to_le_bytes());
        Some(|fault| matches!(fault, Fault::ChunkOfMetadata { .. }))
    },
    |structure, bytes| {
        let chunks = whole_chunks(bytes);
        let [first, second, ..] = chunks.as_slice() else { return None };
        bytes.copy_within(*first..first + 4, *second);
        (structure == Structure::Node).then_some(|fault| matches!(fault, Fault::ChunkElsewhere { .. }))
    },
    |structure, bytes| {
        let level = bytes[56];
        bytes[56] = level + 1;
        (structure == Structure::Node).then_some(|fault| matches!(fault, Fault::Level { .. }))
    },
    |structure, bytes| {
        // The first entry of the page gets a size below what it has mapped.
        let entry = (64..3904)
            .step_by(256)
            .find(|at| structure == Structure::Catalog && address(bytes, at + 48) > 0)?;
        bytes[entry + 24..entry + 32].copy_from_slice(&4096_u64.to_le_bytes());
        Some(|fault| matches!(fault, Fault::BeyondEnd { .. } | Fault::Level { .. } | Fault::Seat { .. }))
    },
    |structure, bytes| {
        let entries: Vec<usize> =
            (64..3904).step_by(256).filter(|at| bytes[at + 16..at + 20] != [0; 4]).collect();
        let [first, second, ..] = entries.as_slice() else { return None };
        bytes.copy_within(*first..first + 16, *second);
        (structure == Structure::Catalog).then_some(|fault| matches!(fault, Fault::Twin { what: "UUID" }))
    },
    |structure, bytes| {
        // Two slots of the index lead to the same page.
        bytes.copy_within(64..72, 72);
        let used = structure == Structure::Index && word(bytes, 64) > 0;
        used.then_some(|fault| matches!(fault, Fault::Claimed { .. }))
    },
    |structure, bytes| {
        let is_write = structure == Structure::Journal && bytes[72] == 1;
        bytes[76..80].copy_from_slice(&0x00ff_ffff_u32.to_le_bytes());
        is_write.then_some(|fault| matches!(fault, Fault::NoVolume { map: 0x00ff_ffff }))
    },
    |structure, bytes| {
        // Two slots of an interior node lead to the same child.
        let children = bytes[64..128].iter().map(|byte| byte.count_ones()).sum::<u32>();
        bytes.copy_within(128..136, 136);
        let interior = structure == Structure::Node && bytes[56] > 0 && children > 1;
        interior.then_some(|fault| matches!(fault, Fault::Seat { .. }))
    },
];

#[test]
fn forged_contents_are_seen_through() {
    let mut seen = [0; FORGERIES.len()];
    let whole = for_seeds(40, |seed| {
        let mut image = into_image(at_rest(seed));
        for (structure, block) in image.live() {
            for (number, (forgery, seen)) in FORGERIES.iter().zip(&mut seen).enumerate() {
                let mut bytes = image.get(block);
                let Some(expected) = forgery(structure, &mut bytes) else { continue };
                seal(&mut bytes);
                let report = image.with(block, &bytes);
                let found = report.complaints.iter().find(|complaint| expected(&complaint.fault));
                if found.is_none() && number == SHRUNK && report.complaints.is_empty() {
                    // All that is mapped is its first block.
                    continue;
                }
                let found = found.unwrap_or_else(|| panic!("{structure} at {block}: {report}"));
                assert!(found.opening != Opening::Mends && !found.to_string().is_empty());
                *seen += 1;
            }
        }
    });
    assert!(seen.iter().all(|count| *count > 0) || !whole, "some forgeries never applied: {seen:?}");
}
