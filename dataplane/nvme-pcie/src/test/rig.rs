//! A driver over a model, on a clock of the test's own.

use std::cell::RefCell;
use std::rc::Rc;

use sluice_device::{BlockDevice, Completion, Nanos, Op, Pool, Request};
use sluice_hugepages::{Backing, Class, DmaMemory, Iova, PoolConfig};

use crate::model::{Config, Model};
use crate::{Erase, Event, Memory, NvmeDevice, Opening, Options, StartError, memory_bytes};

/// Where the model sees memory; as in real life, nothing is at 0.
pub(super) const QUEUES: Iova = Iova(1 << 32);
pub(super) const BUFFERS: Iova = Iova(1 << 40);

pub(super) const MS: u64 = 1_000_000;
pub(super) const WRITE: Op = Op::Write { fua: false };

/// A bench with one drive on it.
pub(super) struct Rig {
    pub(super) model: Model,
    pub(super) pool: Pool,
    pub(super) device: NvmeDevice<Model>,
    pub(super) now: Nanos,
    pub(super) events: Rc<RefCell<Vec<Event>>>,
}

pub(super) fn pool() -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    Pool::new(&PoolConfig { classes: vec![class(4096, 64), class(1 << 20, 8)] }).unwrap()
}

/// Brings a device up over `model`, with buffers from `pool`.
pub(super) fn open(
    model: &Model,
    pool: &Pool,
    options: Options,
    observer: impl FnMut(Event) + 'static,
) -> Result<NvmeDevice<Model>, StartError> {
    finish(begin(model, pool, options, observer))
}

/// The same, of a drive that is erased first.
pub(super) fn open_erased(
    model: &Model,
    erase: Erase,
    observer: impl FnMut(Event) + 'static,
) -> Result<NvmeDevice<Model>, StartError> {
    finish(begin(model, &pool(), Options::default(), observer).erasing(erase))
}

/// A device that is to be brought up, from [`Nanos::ZERO`] on.
pub(super) fn begin(
    model: &Model,
    pool: &Pool,
    options: Options,
    observer: impl FnMut(Event) + 'static,
) -> Opening<Model> {
    let cap = model_cap(model);
    let queues = Rc::new(DmaMemory::new(memory_bytes(cap, &options), &Backing::default()).unwrap());
    // SAFETY: the device keeps both, and drops its hardware before; no test borrows a buffer in flight.
    unsafe { model.map(queues.region(), QUEUES) };
    // SAFETY: as above.
    unsafe { model.map(pool.region(), BUFFERS) };
    let memory = Memory { queues, queues_iova: QUEUES, buffers: pool.clone(), buffers_iova: BUFFERS };
    Opening::new(model.clone(), memory, options, Box::new(observer), Nanos::ZERO)
}

fn finish(mut opening: Opening<Model>) -> Result<NvmeDevice<Model>, StartError> {
    for round in 0..100_000 {
        match opening.poll(Nanos(round * MS)) {
            None => {}
            Some(Ok(())) => return Ok(opening.finish()),
            Some(Err(error)) => return Err(error),
        }
    }
    panic!("opening never ended");
}

fn model_cap(model: &Model) -> sluice_nvme::property::Cap {
    sluice_nvme::property::Cap::from_bits(crate::Hardware::read64(model, 0))
}

impl Rig {
    pub(super) fn new(config: Config, options: Options) -> Self {
        Self::over(Model::new(config), options)
    }

    /// With the drive that `model` is.
    pub(super) fn over(model: Model, options: Options) -> Self {
        let (pool, events) = (pool(), Rc::new(RefCell::new(Vec::new())));
        let seen = Rc::clone(&events);
        let device = open(&model, &pool, options, move |event| seen.borrow_mut().push(event)).unwrap();
        Self { model, pool, device, now: Nanos(1000 * MS), events }
    }

    /// A block's worth of a request.
    pub(super) fn request(&self, tag: u32, op: Op, lba: u64) -> Request {
        let mut buffer = self.pool.take(4096).unwrap();
        buffer.fill(u8::try_from(tag & 0xff).unwrap());
        Request { tag, op, lba, blocks: u32::from(op != Op::Flush), buffer: Some(buffer) }
    }

    pub(super) fn submit(&mut self, mut requests: Vec<Request>) {
        assert_eq!(self.device.submit(self.now, &mut requests), requests.len());
    }

    /// Everything that is done, with as many polls as it takes.
    pub(super) fn done(&mut self) -> Vec<Completion> {
        let mut all = Vec::new();
        loop {
            let mut some: [Completion; 3] = std::array::from_fn(|_| Completion::default());
            match self.device.poll(self.now, &mut some) {
                0 => return all,
                count => all.extend(some.into_iter().take(count)),
            }
        }
    }

    /// Polls while time goes by, in steps of a millisecond.
    pub(super) fn after(&mut self, milliseconds: u64) -> Vec<Completion> {
        let mut all = Vec::new();
        for _ in 0..milliseconds {
            self.now = self.now + Nanos(MS);
            all.extend(self.done());
        }
        all
    }

    /// The events since the last call, without the readings of the health.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut *self.events.borrow_mut());
        events.retain(|event| !matches!(event, Event::Health(_)));
        events
    }

    /// What a block holds, by its first byte.
    pub(super) fn read(&mut self, lba: u64) -> u8 {
        let request = self.request(1000, Op::Read, lba);
        self.submit(vec![request]);
        // Long enough for every retry.
        let done = self.after(100);
        assert_eq!((done.len(), done[0].result), (1, Ok(())));
        done[0].buffer.as_ref().unwrap()[0]
    }
}

/// Tags and results, in the order of tags.
pub(super) fn results(completions: &[Completion]) -> Vec<(u32, Result<(), sluice_device::IoError>)> {
    let mut results: Vec<_> = completions.iter().map(|done| (done.tag, done.result)).collect();
    results.sort_unstable_by_key(|(tag, _)| *tag);
    results
}
