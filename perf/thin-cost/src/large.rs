//! A volume of a TiB that is mapped from end to end, its snapshots and clones, and a pool of thousands of them. The
//! device never waits, so all times are the core's.

use sluice_device::random::Random;
use sluice_device::{Buffer, Completion, Nanos, Op};
use sluice_volume::thin::{CloneSpec, SnapshotSpec, ThinDone, ThinPool};
use sluice_volume::{VolumeIndex, VolumeIo};
use uuid::Uuid;

use crate::bed::{buffers, create, fill, formatted};
use crate::control::{finish, rest, snapshot};
use crate::figure::{Bound, Figure};
use crate::hollow::Hollow;
use crate::load::{Clock, Load, Until};
use crate::target::{BLOCK_BYTES, Device, Target, Volume};
use crate::{Arguments, lookup};

const PART: &str = "large";
const MIB: f64 = (1u32 << 20) as f64;

/// Of a fully mapped TiB.
const MOST_MIB_PER_TIB: f64 = 64.0;
const MOST_SNAPSHOT_US: f64 = 1000.0;
const MOST_OPEN_MS: f64 = 1000.0;

const SNAPSHOTS: u32 = 100;
const CLONES: u32 = 1000;

/// The pool, its volume, and what the device has kept of what was written.
struct Stage {
    clock: Clock,
    buffers: sluice_device::Pool,
    pool: ThinPool<Device>,
    volume: VolumeIndex,
    blocks: u64,
    random: Random,
}

pub(crate) fn run(arguments: &Arguments, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    lookup::run(PART, arguments.gib, figures)?;
    let mut stage = mapped(arguments.gib, figures)?;
    let newest = snapshots(&mut stage, figures)?;
    snapshots_under_load(&mut stage, arguments, figures)?;
    clones(&mut stage, newest, figures)?;
    populate(&mut stage, newest, arguments.entries)?;
    open(stage, arguments, figures)
}

/// Maps the whole volume, a MiB at a time.
fn mapped(gib: u64, figures: &mut Vec<Figure>) -> anyhow::Result<Stage> {
    let (clock, buffers, size_bytes) = (Clock::Core, buffers()?, gib << 30);
    let (device, kept) = Hollow::new(size_bytes + size_bytes / 16 + (8 << 30))?;
    let mut pool = formatted(clock, Box::new(device), &buffers)?;
    let volume = create(clock, &mut pool, "large", size_bytes)?;
    let before = resident_bytes() - number(kept.get());
    let begun = clock.now();
    fill(clock, &buffers, &mut Volume { pool: &mut pool, index: volume }, size_bytes)?;
    rest(clock, &mut pool);
    let seconds = since(clock, begun) / 1e9;
    let tib = number(gib) / 1024.0;
    figures.push(Figure::one(PART, format!("first write of all {gib} GiB, 1 MiB each"), seconds, "s"));
    let resident = (resident_bytes() - number(kept.get()) - before) / MIB / tib;
    let memory = Figure::one(PART, "memory per mapped TiB, as the system counts", resident, "MiB");
    figures.push(memory.bounded(Bound::AtMost(MOST_MIB_PER_TIB)));
    let blocks = size_bytes / u64::from(BLOCK_BYTES);
    Ok(Stage { clock, buffers, pool, volume, blocks, random: Random::new(1) })
}

/// Takes snapshots with nothing else going on.
fn snapshots(stage: &mut Stage, figures: &mut Vec<Figure>) -> anyhow::Result<VolumeIndex> {
    let (mut times_us, mut newest) = (Vec::new(), stage.volume);
    for number in 0..SNAPSHOTS {
        let begun = stage.clock.now();
        newest = snapshot(stage.clock, &mut stage.pool, stage.volume, format!("s{number}"))?;
        times_us.push(since(stage.clock, begun) / 1e3);
    }
    let figure = Figure::median(PART, "snapshot of the volume, from call to durable", times_us, "us");
    figures.push(figure.bounded(Bound::AtMost(MOST_SNAPSHOT_US)));
    Ok(newest)
}

/// A volume that is snapshotted while it is written.
struct Snapshotted<'p> {
    volume: Volume<'p>,
    rounds: u32,
    taken: u32,
    begun: Option<Nanos>,
    times_us: Vec<f64>,
}

/// Rounds from one snapshot to the next.
const EVERY: u32 = 500;

/// I/Os meanwhile: each may take a chunk, and there is spare space for some more.
const IOS: u64 = 30_000;

impl Target for Snapshotted<'_> {
    type Io = VolumeIo;

    fn io(&self, tag: u32, op: Op, block: u64, blocks: u32, buffer: Buffer) -> VolumeIo {
        self.volume.io(tag, op, block, blocks, buffer)
    }

    fn submit(&mut self, now: Nanos, ios: &mut [VolumeIo]) -> usize {
        self.rounds += 1;
        if self.rounds.is_multiple_of(EVERY) && self.begun.is_none() {
            self.taken += 1;
            let name = format!("under-load-{}", self.taken);
            let spec = SnapshotSpec { volume: self.volume.index, name, uuid: Uuid::new_v4() };
            self.volume.pool.begin_snapshot(&[spec], 0).expect("nothing else is under way");
            self.begun = Some(now);
        }
        self.volume.submit(now, ios)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let done = self.volume.poll(now, completions);
        if let Some(result) = self.volume.pool.take_control_result() {
            result.expect("the device does not fail");
            let begun = self.begun.take().expect("a snapshot was begun");
            self.times_us.push(number(now.0 - begun.0) / 1e3);
        }
        done
    }
}

/// Takes snapshots while the volume is written at random: every write after one is a first write again.
fn snapshots_under_load(
    stage: &mut Stage,
    arguments: &Arguments,
    figures: &mut Vec<Figure>,
) -> anyhow::Result<()> {
    let taken: Vec<Buffer> = (0..arguments.depth).filter_map(|_| stage.buffers.take(BLOCK_BYTES)).collect();
    let volume = Volume { pool: &mut stage.pool, index: stage.volume };
    let mut target = Snapshotted { volume, rounds: 0, taken: 0, begun: None, times_us: Vec::new() };
    let (random, blocks) = (&mut stage.random, stage.blocks);
    let sample = Load::new(stage.clock, taken)
        .run(&mut target, Until::Ios(IOS), || (Op::Write { fua: false }, random.below(blocks)))?;
    let (times_us, begun) = (target.times_us, target.begun.is_some());
    if begun {
        finish(stage.clock, &mut stage.pool)?;
    }
    let under = format!("under writes at depth {}", arguments.depth);
    let figure = Figure::median(PART, format!("snapshot {under}"), times_us, "us");
    figures.push(figure.bounded(Bound::AtMost(MOST_SNAPSHOT_US)));
    figures.push(Figure::one(PART, format!("rate of writes, snapshots {under}"), sample.iops() / 1e3, "K/s"));
    for (name, per_mille) in [("p50", 500), ("p99", 990)] {
        figures.push(Figure::one(
            PART,
            format!("write while snapshots are taken, {name}"),
            sample.latency_us(per_mille),
            "us",
        ));
    }
    let longest =
        Figure::one(PART, "write while snapshots are taken, longest", sample.latency_us(1000), "us");
    figures.push(longest.bounded(Bound::AtMost(MOST_SNAPSHOT_US)));
    Ok(())
}

fn clone(stage: &mut Stage, source: VolumeIndex, name: String) -> anyhow::Result<VolumeIndex> {
    let spec = CloneSpec { name, app: "bench".to_owned(), uuid: Uuid::new_v4() };
    stage.pool.begin_clone(source, spec, 0)?;
    match finish(stage.clock, &mut stage.pool)? {
        ThinDone::Cloned(index) => Ok(index),
        other => anyhow::bail!("asked for a clone, got {other:?}"),
    }
}

/// One I/O to a block at random, alone.
fn one(stage: &mut Stage, index: VolumeIndex, op: Op, blocks: u64) -> anyhow::Result<f64> {
    let buffer = stage.buffers.take(BLOCK_BYTES).into_iter().collect();
    let block = stage.random.below(blocks);
    let mut target = Volume { pool: &mut stage.pool, index };
    let sample = Load::new(stage.clock, buffer).run(&mut target, Until::Ios(1), || (op, block))?;
    Ok(sample.latency_us(500))
}

/// Makes clones of a snapshot and reads from each.
fn clones(stage: &mut Stage, source: VolumeIndex, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let begun = stage.clock.now();
    for number in 0..CLONES {
        let index = clone(stage, source, format!("clone-{number}"))?;
        one(stage, index, Op::Read, stage.blocks)?;
    }
    let ms = since(stage.clock, begun) / 1e6;
    figures.push(Figure::one(PART, format!("creation and first read of {CLONES} clones"), ms, "ms"));
    Ok(())
}

/// Makes volumes and snapshots until there are so many: clones with a write and a snapshot of their own, and small
/// volumes.
fn populate(stage: &mut Stage, source: VolumeIndex, entries: u32) -> anyhow::Result<()> {
    let write = Op::Write { fua: false };
    for number in 0.. {
        let there = stage.pool.volumes().count();
        if there >= entries as usize {
            break;
        }
        let (index, blocks) = if number % 2 == 0 {
            (clone(stage, source, format!("c{number}"))?, stage.blocks)
        } else {
            let size_bytes = 64 << 20;
            (
                create(stage.clock, &mut stage.pool, &format!("v{number}"), size_bytes)?,
                size_bytes / u64::from(BLOCK_BYTES),
            )
        };
        one(stage, index, write, blocks)?;
        if there + 1 < entries as usize {
            snapshot(stage.clock, &mut stage.pool, index, "s".to_owned())?;
        }
    }
    stage.pool.begin_checkpoint()?;
    finish(stage.clock, &mut stage.pool)?;
    rest(stage.clock, &mut stage.pool);
    Ok(())
}

/// Opens the pool again.
fn open(stage: Stage, arguments: &Arguments, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let Stage { clock, buffers, pool, .. } = stage;
    let entries = pool.volumes().count();
    let pages = pool.info().map_or(0, |info| info.metadata_bytes >> 20);
    let device = pool.into_device();
    let begun = clock.now();
    let mut pool = ThinPool::new(device, &buffers)?;
    pool.begin_open()?;
    finish(clock, &mut pool)?;
    let ms = since(clock, begun) / 1e6;
    anyhow::ensure!(pool.volumes().count() == entries, "all are there again");
    let name = format!("opening {} GiB mapped, {entries} entries, {pages} MiB of metadata", arguments.gib);
    figures.push(Figure::one(PART, name, ms, "ms").bounded(Bound::AtMost(MOST_OPEN_MS)));
    Ok(())
}

/// Bytes of memory that the process has.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn number(number: u64) -> f64 {
    number as f64
}

/// Nanoseconds since then.
fn since(clock: Clock, begun: Nanos) -> f64 {
    number(clock.now().0 - begun.0)
}
