//! A device with a volatile write cache whose power can fail.
//!
//! It is a model, made for crash tests: what an unkind but honest drive may do, it does, as a seed decides.
//!
//! - Requests in flight are carried out one per poll, in random order.
//! - A completed write may be lost until a Flush that was submitted after its completion has completed, or unless
//!   it had FUA.
//! - When the power fails, each atom (a block, or a 512-byte sector of it) holds what was last made durable or any
//!   of the versions written since, each atom on its own: writes are lost, torn and reordered.
//! - Requests still in flight then may have been carried out in part.
//! - When only the program that uses it is killed, what completed is there.
//! - A block may rot: one bit of it is another, and no error tells.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use crate::random::Random;
use crate::{BlockDevice, Completion, DeviceInfo, Nanos, Op, Ready, Request, check};

/// What the device is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornOptions {
    /// Bytes per block: a power of two, 512 to 4096.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u64,
    /// Requests it holds.
    pub queue_depth: u32,
    /// What survives or is lost as one: divides the block size.
    pub atom_bytes: u32,
    /// Completed writes may be lost until flushed; without, they never are.
    pub volatile_write_cache: bool,
    /// Writes with FUA are not lost once completed; without, the flag means nothing.
    pub fua: bool,
    /// Repeats the order of requests.
    pub seed: u64,
}

impl Default for TornOptions {
    /// 1 MiB of 4096-byte blocks, 32 requests deep, with a volatile cache and FUA; sectors tear.
    fn default() -> Self {
        Self {
            block_size: 4096,
            blocks: 256,
            queue_depth: 32,
            atom_bytes: 512,
            volatile_write_cache: true,
            fua: true,
            seed: 0,
        }
    }
}

/// One block's contents; blocks that are absent are zero.
type Image = BTreeMap<u64, Rc<[u8]>>;

/// A block as it was written, not durable yet.
#[derive(Debug, Clone)]
struct Version {
    /// Carried out as the so-manieth.
    sequence: u64,
    lba: u64,
    data: Rc<[u8]>,
}

/// The device.
#[derive(Debug)]
pub struct TornDevice {
    info: DeviceInfo,
    options: TornOptions,
    random: Random,
    /// What a read sees.
    current: Image,
    /// What survives for certain.
    durable: Image,
    /// Written since, oldest first.
    volatile: Vec<Version>,
    sequence: u64,
    /// In flight; for a Flush, with the writes it must cover: those below this sequence.
    waiting: Vec<(Request, u64)>,
    ready: Ready,
}

/// Longest of every kind of request.
const LONGEST_BYTES: u32 = 256 << 10;

impl TornDevice {
    /// A device of zeroes.
    #[must_use]
    pub fn new(options: TornOptions) -> Self {
        Self::with_image(options, Image::new())
    }

    fn with_image(options: TornOptions, image: Image) -> Self {
        let longest = LONGEST_BYTES / options.block_size;
        let info = DeviceInfo {
            name: "torn".to_owned(),
            kind: "torn",
            model: "Sluice power-loss model".to_owned(),
            serial: String::new(),
            block_size: options.block_size,
            blocks: options.blocks,
            buffer_align: 1,
            max_transfer_blocks: longest,
            max_write_zeroes_blocks: longest,
            max_deallocate_blocks: longest,
            queue_depth: options.queue_depth,
            volatile_write_cache: options.volatile_write_cache,
            fua: options.fua,
            deallocate_reads_zeroes: true,
        };
        Self {
            info,
            random: Random::new(options.seed),
            current: image.clone(),
            durable: image,
            volatile: Vec::new(),
            sequence: 0,
            waiting: Vec::new(),
            ready: Ready::new(options.queue_depth),
            options,
        }
    }

    /// Cuts the power and gives the device as it comes back. Nothing that was in flight completes.
    #[must_use]
    pub fn crash(self, random: &mut Random) -> Self {
        self.crashed(random)
    }

    /// The device as it would come back if the power failed now: one of many.
    #[must_use]
    pub fn crashed(&self, random: &mut Random) -> Self {
        let mut image = self.durable.clone();
        for (lba, versions) in self.versions(random) {
            image.insert(lba, self.survivor(lba, &versions, random));
        }
        let seed = random.next();
        Self::with_image(TornOptions { seed, ..self.options }, image)
    }

    /// What was written since and may survive: by block, oldest first. Of the requests in flight a part.
    fn versions(&self, random: &mut Random) -> BTreeMap<u64, Vec<Rc<[u8]>>> {
        let mut versions: BTreeMap<u64, Vec<Rc<[u8]>>> = BTreeMap::new();
        for version in &self.volatile {
            versions.entry(version.lba).or_default().push(Rc::clone(&version.data));
        }
        for (request, _) in &self.waiting {
            if changes(request) && check(&self.info, request).is_ok() && random.chance(500) {
                for (lba, data) in self.contents(request) {
                    versions.entry(lba).or_default().push(data);
                }
            }
        }
        versions
    }

    /// Ends the program that uses the device and gives the device to the next one. What completed is there; of each
    /// write in flight, any of its blocks may have been carried out. Nothing that was in flight completes.
    #[must_use]
    pub fn kill(mut self, random: &mut Random) -> Self {
        for (request, _) in std::mem::take(&mut self.waiting) {
            if changes(&request) && check(&self.info, &request).is_ok() {
                let carried_out = random.chance(500);
                for (lba, data) in self.contents(&request) {
                    if carried_out || random.chance(300) {
                        self.current.insert(lba, Rc::clone(&data));
                        self.volatile.push(Version { sequence: self.sequence, lba, data });
                    }
                }
                self.sequence += 1;
            }
        }
        if !self.options.volatile_write_cache {
            self.harden(|_| true);
        }
        self.ready = Ready::new(self.options.queue_depth);
        self
    }

    /// Flips one bit of a block, as if the medium had decayed. Nothing tells.
    pub fn rot(&mut self, lba: u64, bit: usize) {
        let mut data = self.block(&self.current, lba).to_vec();
        data[bit / 8] ^= 1 << (bit % 8);
        let data: Rc<[u8]> = data.into();
        self.volatile.retain(|version| version.lba != lba);
        self.durable.insert(lba, Rc::clone(&data));
        self.current.insert(lba, data);
    }

    /// Requests that changed blocks, so far.
    #[must_use]
    pub fn carried_out(&self) -> u64 {
        self.sequence
    }

    /// What a read of the block would give.
    #[must_use]
    pub fn peek(&self, lba: u64) -> Rc<[u8]> {
        self.block(&self.current, lba)
    }

    /// The blocks that were ever written.
    pub fn written(&self) -> impl Iterator<Item = u64> {
        self.current.keys().copied()
    }

    /// One of the contents that block `lba` may have after a crash.
    fn survivor(&self, lba: u64, later: &[Rc<[u8]>], random: &mut Random) -> Rc<[u8]> {
        let mut versions = vec![self.block(&self.durable, lba)];
        versions.extend(later.iter().map(Rc::clone));
        let mut survivor = vec![0; self.options.block_size as usize];
        let atom = self.options.atom_bytes as usize;
        for (at, place) in survivor.chunks_mut(atom).enumerate() {
            let version = &versions[random.index(versions.len())];
            place.copy_from_slice(&version[at * atom..][..place.len()]);
        }
        survivor.into()
    }

    fn block(&self, image: &Image, lba: u64) -> Rc<[u8]> {
        image.get(&lba).map_or_else(|| vec![0; self.options.block_size as usize].into(), Rc::clone)
    }

    /// Carries out one of the requests in flight.
    fn execute_one(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let at = self.random.index(self.waiting.len());
        let (mut request, covered) = self.waiting.swap_remove(at);
        let result = check(&self.info, &request);
        if result.is_ok() {
            match request.op {
                Op::Read => self.load(&mut request),
                Op::Flush => self.harden(|version| version.sequence < covered),
                Op::Write { .. } | Op::WriteZeroes { .. } | Op::Deallocate => self.store(&request),
            }
        }
        self.ready.push(Completion { tag: request.tag, result, zeroes: false, buffer: request.buffer });
    }

    fn load(&self, request: &mut Request) {
        let Some(buffer) = &mut request.buffer else { return };
        for (lba, place) in (request.lba..).zip(buffer.chunks_mut(self.info.block_size as usize)) {
            if lba < request.lba + u64::from(request.blocks) {
                place.copy_from_slice(&self.block(&self.current, lba));
            }
        }
    }

    /// What a request that changes blocks makes of them.
    fn contents(&self, request: &Request) -> Vec<(u64, Rc<[u8]>)> {
        let block_size = self.info.block_size as usize;
        let zeroes: Rc<[u8]> = vec![0; block_size].into();
        let content = |at: usize| match (&request.op, &request.buffer) {
            (Op::Write { .. }, Some(buffer)) => buffer[at * block_size..][..block_size].into(),
            _ => Rc::clone(&zeroes),
        };
        (request.lba..).zip((0..request.blocks as usize).map(content)).collect()
    }

    fn store(&mut self, request: &Request) {
        for (lba, data) in self.contents(request) {
            self.current.insert(lba, Rc::clone(&data));
            self.volatile.push(Version { sequence: self.sequence, lba, data });
        }
        let forced = matches!(request.op, Op::Write { fua: true } | Op::WriteZeroes { fua: true, .. });
        if forced && self.options.fua || !self.options.volatile_write_cache {
            let blocks = request.lba..request.lba + u64::from(request.blocks);
            self.harden(|version| blocks.contains(&version.lba));
        }
        self.sequence += 1;
    }

    /// Makes the chosen versions durable.
    fn harden(&mut self, chosen: impl Fn(&Version) -> bool) {
        for version in std::mem::take(&mut self.volatile) {
            if chosen(&version) {
                self.durable.insert(version.lba, version.data);
            } else {
                self.volatile.push(version);
            }
        }
    }
}

/// Whether a request changes blocks.
fn changes(request: &Request) -> bool {
    !matches!(request.op, Op::Read | Op::Flush)
}

impl BlockDevice for TornDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.info.queue_depth as usize - self.in_flight());
        for request in &mut requests[..accepted] {
            let buffer = request.buffer.take();
            let Request { tag, op, lba, blocks, .. } = *request;
            self.waiting.push((Request { tag, op, lba, blocks, buffer }, self.sequence));
        }
        accepted
    }

    fn poll(&mut self, _now: Nanos, completions: &mut [Completion]) -> usize {
        self.execute_one();
        self.ready.drain_into(completions)
    }

    fn in_flight(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (self.in_flight() > 0).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn arm(&mut self) -> bool {
        self.in_flight() == 0
    }

    fn disarm(&mut self) {}
}

#[cfg(test)]
mod test;
