//! Drives a pool and the model side by side, and cuts the power.

use std::collections::BTreeMap;

use sluice_device::random::Random;
use sluice_device::torn::{TornDevice, TornOptions};
use sluice_device::{Completion, Nanos, Op, Pool};
use sluice_hugepages::{Class, PoolConfig};
use sluice_volume::{
    BlockSize, ControlDone, FormatOptions, HostAccess, LinearPool, VolumeError, VolumeIndex, VolumeIo,
    VolumeSpec,
};
use uuid::Uuid;

use crate::model::{SECTORS, Stamps, Volume, Volumes, agrees};

const NOW: Nanos = Nanos::ZERO;
const BLOCK_BYTES: usize = 4096;
const DEVICE_BYTES: u64 = 6 << 20;

/// Blocks per read when a whole volume is checked.
const SCAN_BLOCKS: u32 = 64;

/// An I/O in flight.
struct Flight {
    name: String,
    op: Op,
    lba: u64,
    covered: BTreeMap<u64, u64>,
}

/// A control operation in flight, and the volumes if it succeeds.
struct Change {
    after: Volumes,
}

/// How often what was at stake happened.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    crashes: u64,
    crashes_in_open: u64,
    undone: u64,
    done: u64,
    operations: u64,
    writes: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.crashes_in_open += other.crashes_in_open;
        self.undone += other.undone;
        self.done += other.done;
        self.operations += other.operations;
        self.writes += other.writes;
    }

    /// A run that never met the hard cases proves nothing.
    pub(crate) fn check(&self) {
        let Self { crashes, crashes_in_open, undone, done, operations, writes } = *self;
        assert!(
            [crashes, crashes_in_open, undone, done, operations, writes].iter().all(|count| *count > 100)
        );
    }
}

/// One seed's history.
pub(crate) struct Harness {
    random: Random,
    buffers: Pool,
    pool: LinearPool<TornDevice>,
    volumes: Volumes,
    change: Option<Change>,
    flights: BTreeMap<u32, Flight>,
    number: u32,
    seen: Seen,
}

impl Harness {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let block_size = if random.chance(250) { 512 } else { 4096 };
        let atom_bytes = if random.chance(500) { 512 } else { block_size };
        let blocks = DEVICE_BYTES / u64::from(block_size);
        let seed = random.next();
        let options =
            TornOptions { block_size, blocks, queue_depth: 16, atom_bytes, seed, ..TornOptions::default() };
        let classes = vec![Class { buffer_bytes: SCAN_BLOCKS * 4096, count: 64 }];
        let buffers = Pool::new(&PoolConfig { classes }).unwrap();
        let pool = LinearPool::new(TornDevice::new(options), &buffers).unwrap();
        let (volumes, flights, seen) = (Volumes::new(), BTreeMap::new(), Seen::default());
        Self { random, buffers, pool, volumes, change: None, flights, number: 0, seen }
    }

    pub(crate) fn run(mut self) -> Seen {
        self.format();
        for _ in 0..1 + self.random.below(4) {
            for _ in 0..self.random.below(300) {
                self.step();
            }
            self.crash();
        }
        self.seen
    }

    /// Formats, with crashes on the way; only once it is reported done is the pool there for certain.
    fn format(&mut self) {
        loop {
            let options = FormatOptions { uuid: Uuid::from_u128(1), force: true };
            self.pool.begin_format(options).unwrap();
            let patience = self.random.below(60);
            if self.finish_control(patience) == Some(Ok(ControlDone::Formatted)) {
                return;
            }
            self.cut();
        }
    }

    /// Polls up to `patience` times for the control operation's end.
    fn finish_control(&mut self, patience: u64) -> Option<Result<ControlDone, VolumeError>> {
        for _ in 0..patience {
            assert_eq!(self.pool.poll(NOW, &mut [Completion::default()]), 0, "no I/O is in flight");
            let result = self.pool.take_control_result();
            if result.is_some() {
                return result;
            }
        }
        None
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0 if !self.pool.is_control_busy() => self.control(),
            0..=4 => self.io(),
            _ => self.poll(),
        }
    }

    fn indices(&self) -> Vec<(String, VolumeIndex)> {
        self.pool.volumes().map(|record| (record.name.clone(), record.index)).collect()
    }

    /// Begins a control operation, or sees it refused.
    fn control(&mut self) {
        let volumes = self.indices();
        let mut after = self.volumes.clone();
        let begun = if volumes.is_empty() || self.random.chance(400) {
            self.create(&mut after)
        } else {
            let (name, index) = volumes[self.random.index(volumes.len())].clone();
            self.alter(&name, index, &mut after)
        };
        if begun.is_ok() {
            self.change = Some(Change { after });
            self.seen.operations += 1;
        }
    }

    fn create(&mut self, after: &mut Volumes) -> Result<(), VolumeError> {
        self.number += 1;
        let name = format!("v{}", self.random.below(8));
        let blocks = 1 + self.random.below(600);
        let uuid = Uuid::from_u128(u128::from(self.number) + 1000);
        let size_bytes = blocks * BLOCK_BYTES as u64;
        let spec = VolumeSpec {
            name: name.clone(),
            app: "a".into(),
            size_bytes,
            block_size: BlockSize::B4096,
            uuid,
        };
        let begun = self.pool.begin_create(spec);
        if begun.is_ok() {
            let earlier = after.insert(name, Volume::new(uuid, blocks));
            assert!(earlier.is_none(), "two volumes of one name");
        }
        begun
    }

    fn alter(&mut self, name: &str, index: VolumeIndex, after: &mut Volumes) -> Result<(), VolumeError> {
        let volume = after.get_mut(name).expect("the pool lists what the model has");
        match self.random.below(4) {
            0 => {
                let hosts = HostAccess::Hosts(vec![format!("nqn.host-{}", self.random.below(9))]);
                (volume.published, volume.access) = (true, hosts.clone());
                self.pool.begin_publish(index, hosts)
            }
            1 => {
                (volume.published, volume.access) = (false, HostAccess::Any);
                self.pool.begin_unpublish(index)
            }
            _ => {
                after.remove(name);
                self.pool.begin_delete(index)
            }
        }
    }

    /// Submits an I/O to one block near either end of a volume, where nothing is in flight.
    fn io(&mut self) {
        let volumes = self.indices();
        if volumes.is_empty() || self.flights.len() >= 12 {
            return;
        }
        let (name, volume) = volumes[self.random.index(volumes.len())].clone();
        let blocks = self.volumes[&name].blocks;
        let near = self.random.below(blocks.min(6));
        let lba = if self.random.chance(500) { near } else { blocks - 1 - near };
        if self
            .flights
            .values()
            .any(|flight| flight.name == name && flight.lba == lba && flight.op != Op::Flush)
        {
            return;
        }
        let fua = self.random.chance(200);
        let zeroes = Op::WriteZeroes { fua, deallocate: self.random.chance(500) };
        let op = [Op::Read, Op::Write { fua }, Op::Write { fua }, zeroes, Op::Flush][self.random.index(5)];
        self.submit(name, volume, op, lba);
    }

    fn submit(&mut self, name: String, volume: VolumeIndex, op: Op, lba: u64) {
        self.number += 1;
        let tag = self.number;
        let (mut stamps, mut buffer) = ([0; SECTORS], None);
        if matches!(op, Op::Read | Op::Write { .. }) {
            let mut taken = self.buffers.take(4096).unwrap();
            stamps = stamps.map(|_: u8| u8::try_from(1 + self.random.below(255)).unwrap());
            fill(&mut taken, stamps);
            buffer = Some(taken);
        }
        let (lba, blocks) = if op == Op::Flush { (0, 0) } else { (lba, 1) };
        let mut io = [VolumeIo { tag, volume, op, lba, blocks, buffer }];
        if self.pool.submit(NOW, &mut io) == 0 {
            return;
        }
        let model = self.volumes.get_mut(&name).unwrap();
        let mut covered = BTreeMap::new();
        match op {
            Op::Write { .. } | Op::WriteZeroes { .. } => model.writing(lba, u64::from(tag), stamps),
            Op::Flush => covered = model.covered(),
            Op::Read | Op::Deallocate => {}
        }
        self.flights.insert(tag, Flight { name, op, lba, covered });
    }

    fn poll(&mut self) {
        let mut completions = [(); 3].map(|()| Completion::default());
        let count = self.pool.poll(NOW, &mut completions);
        for completion in completions.into_iter().take(count) {
            self.complete(completion);
        }
        if let Some(result) = self.pool.take_control_result() {
            result.expect("nothing fails but the power");
            self.volumes = self.merged();
            assert!(agrees(&self.volumes, self.pool.volumes()));
        }
    }

    /// The volumes after the change in flight, with the contents that their I/O has given them meanwhile.
    fn merged(&mut self) -> Volumes {
        let mut after = self.change.take().expect("an operation in flight").after;
        for (name, volume) in &mut after {
            if let Some(before) = self.volumes.get(name).filter(|before| before.uuid == volume.uuid) {
                let (published, access) = (volume.published, volume.access.clone());
                *volume = before.clone();
                (volume.published, volume.access) = (published, access);
            }
        }
        after
    }

    fn complete(&mut self, completion: Completion) {
        let Flight { name, op, lba, covered } =
            self.flights.remove(&completion.tag).expect("a tag in flight");
        // Submitted after its volume's deletion began, or completed after the volume was gone.
        let Some(model) = self.volumes.get_mut(&name) else { return };
        if completion.result.is_err() {
            let deleted = self.change.as_ref().is_some_and(|change| !change.after.contains_key(&name));
            assert!(deleted, "{op:?} at {lba} of {name}: {:?}", completion.result);
            return;
        }
        match op {
            Op::Read => {
                assert_eq!(stamps(&completion.buffer.unwrap()), model.current(lba), "{name} at {lba}")
            }
            Op::Write { fua } | Op::WriteZeroes { fua, .. } => {
                model.wrote(lba, fua);
                self.seen.writes += 1;
            }
            Op::Flush => model.flushed(&covered),
            Op::Deallocate => {}
        }
    }

    /// Cuts the power and takes the device as it comes back.
    fn cut(&mut self) {
        self.seen.crashes += 1;
        self.flights.clear();
        let empty = LinearPool::new(
            TornDevice::new(TornOptions {
                block_size: 4096,
                blocks: 512,
                queue_depth: 1,
                atom_bytes: 512,
                seed: 0,
                ..TornOptions::default()
            }),
            &self.buffers,
        );
        let device = std::mem::replace(&mut self.pool, empty.unwrap()).into_device();
        self.pool = LinearPool::new(device.crash(&mut self.random), &self.buffers).unwrap();
    }

    /// Cuts the power, opens the pool, perhaps over further cuts, and checks everything.
    fn crash(&mut self) {
        self.cut();
        loop {
            self.pool.begin_open().unwrap();
            let patience = if self.random.chance(300) { self.random.below(60) } else { 1000 };
            match self.finish_control(patience) {
                Some(result) => break assert_eq!(result, Ok(ControlDone::Opened)),
                None => self.seen.crashes_in_open += 1,
            }
            self.cut();
        }
        self.adopt_survivors();
        self.scan();
    }

    /// The operation in flight happened or did not.
    fn adopt_survivors(&mut self) {
        if self.change.is_some() {
            let after = self.merged();
            if agrees(&after, self.pool.volumes()) {
                self.volumes = after;
                self.seen.done += 1;
            } else {
                self.seen.undone += 1;
            }
        }
        let found: Vec<_> = self.pool.volumes().collect();
        assert!(agrees(&self.volumes, self.pool.volumes()), "{found:?} is not {:?}", self.volumes);
    }

    /// Reads every block of every volume.
    fn scan(&mut self) {
        for (name, index) in self.indices() {
            let mut model = self.volumes.remove(&name).unwrap();
            for lba in (0..model.blocks).step_by(SCAN_BLOCKS as usize) {
                let blocks = u32::try_from(model.blocks - lba).unwrap().min(SCAN_BLOCKS);
                let found = self.read(index, lba, blocks);
                for (lba, block) in (lba..).zip(found.chunks(BLOCK_BYTES)) {
                    model.survived(lba, stamps(block));
                }
            }
            self.volumes.insert(name, model);
        }
    }

    fn read(&mut self, volume: VolumeIndex, lba: u64, blocks: u32) -> Vec<u8> {
        let buffer = self.buffers.take(blocks * 4096);
        let mut io = [VolumeIo { tag: 0, volume, op: Op::Read, lba, blocks, buffer }];
        assert_eq!(self.pool.submit(NOW, &mut io), 1);
        let mut completion = [Completion::default()];
        while self.pool.poll(NOW, &mut completion) == 0 {}
        let [completion] = completion;
        assert_eq!(completion.result, Ok(()));
        completion.buffer.unwrap().to_vec()
    }
}

fn fill(block: &mut [u8], stamps: Stamps) {
    for (sector, stamp) in block.chunks_mut(BLOCK_BYTES / SECTORS).zip(stamps) {
        sector.fill(stamp);
    }
}

/// A block's stamps, each of which must fill its sector.
fn stamps(block: &[u8]) -> Stamps {
    let mut stamps = [0; SECTORS];
    for (sector, stamp) in block.chunks(BLOCK_BYTES / SECTORS).zip(&mut stamps) {
        *stamp = sector[0];
        assert!(sector.iter().all(|byte| byte == stamp), "a sector is torn");
    }
    stamps
}
