//! From a controller in whatever state to a device that serves.

use std::rc::Rc;

use sluice_device::{Buffer, Nanos, Pool, Ready};
use sluice_hugepages::{DmaMemory, Iova};
use sluice_nvme::property::Cap;

use super::pairs::Pairs;
use super::{NvmeDevice, Observer, Window};
use crate::controller::{Change, Controller};
use crate::error::StartError;
use crate::hardware::Hardware;
use crate::layout::{LIST_BYTES, Layout, Shape};
use crate::options::{MOST_PAIRS, Options};
use crate::table::Table;
use sluice_nvme_block::Erase;

/// Deeper queues help no drive, and their lists would fill pages.
const DEEPEST: u32 = 4095;

/// What the controller may reach, and where it sees it.
#[derive(Debug)]
pub struct Memory {
    /// Queues and lists: [`memory_bytes`] at least.
    pub queues: Rc<DmaMemory>,
    /// The controller's address of its start.
    pub queues_iova: Iova,
    /// Buffers.
    pub buffers: Pool,
    /// The controller's address of the start of their region.
    pub buffers_iova: Iova,
}

/// How much memory the queues and lists need.
#[must_use]
pub fn memory_bytes(cap: Cap, options: &Options) -> u64 {
    Layout::new(Iova(0), shape(cap, options)).length_bytes
}

/// The I/O queues: each takes all requests, for nobody knows yet how many pairs there will be. A controller tells the
/// most entries that it takes in MQES, 0-based.
fn shape(cap: Cap, options: &Options) -> Shape {
    let wanted = u16::try_from(options.queue_depth.clamp(1, DEEPEST) + 1).expect("at most 4096");
    let entries = wanted.min(cap.mqes().saturating_add(1)).max(2);
    Shape { pairs: 1 << options.queue_pairs.clamp(1, MOST_PAIRS).ilog2(), entries }
}

/// A device that is being opened.
pub struct Opening<H: Hardware> {
    controller: Controller<H>,
    layout: Layout,
    memory: Memory,
    options: Options,
    observer: Observer,
}

impl<H: Hardware> Opening<H> {
    /// Takes over a controller and begins to reset it. Whoever used it before must have let go of it.
    ///
    /// `hardware` must reach the controller that `memory` is mapped for, and `memory` must stay mapped, at the same
    /// addresses, until `hardware` is dropped.
    ///
    /// # Panics
    /// If the memory for queues is shorter than [`memory_bytes`].
    pub fn new(hardware: H, memory: Memory, options: Options, observer: Observer, now: Nanos) -> Self {
        let cap = Cap::from_bits(hardware.read64(0));
        let layout = Layout::new(memory.queues_iova, shape(cap, &options));
        let length_bytes = memory.queues.region().length_bytes;
        assert!(length_bytes >= layout.length_bytes, "{length_bytes} bytes for queues are too few");
        let queues = Rc::clone(&memory.queues);
        let controller = Controller::new(hardware, queues, layout, options.clone(), now);
        Self { controller, layout, memory, options, observer }
    }

    /// Has the namespace erased before it is used. To be told before the first [`poll`](Self::poll).
    #[must_use]
    pub fn erasing(mut self, erase: Erase) -> Self {
        self.controller.erase_first(erase);
        self
    }

    /// Goes on as far as possible without waiting. `None`: call again soon.
    ///
    /// # Errors
    /// [`StartError`]; the controller is cut off and let go of.
    pub fn poll(&mut self, now: Nanos) -> Option<Result<(), StartError>> {
        let change = self.controller.poll(now);
        if let Some(cause) = self.controller.gone() {
            return Some(Err(cause.clone()));
        }
        while let Some(event) = self.controller.take_event() {
            (self.observer)(event);
        }
        (change == Change::Started).then_some(Ok(()))
    }

    /// The device, once [`poll`](Self::poll) said that it runs.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn finish(self) -> NvmeDevice<H> {
        let Self { controller, layout, memory, options, observer } = self;
        let facts = controller.facts().expect("a controller that runs").clone();
        let depth = layout.shape.depth();
        let hardware = controller.hardware().expect("a controller that runs");
        let wake = hardware.interrupt();
        hardware.mask();
        NvmeDevice {
            info: facts.info("nvme-pcie", &options.name, u32::from(depth)),
            pairs: Pairs::new(&layout, controller.pairs(), controller.cap().dstrd(), facts.shadow_doorbells),
            facts,
            controller,
            layout,
            window: Window {
                region: memory.buffers.region(),
                iova: memory.buffers_iova,
                _pool: memory.buffers,
            },
            memory: memory.queues,
            table: Table::new(depth),
            ready: Ready::new(u32::from(depth)),
            wake,
            armed: false,
            command_timeout: options.command_timeout,
            next_sweep: Nanos::ZERO,
            again: false,
            observer,
        }
    }
}

impl Window {
    /// The controller's address of a buffer; `None`: it comes from another pool.
    #[inline]
    pub(super) fn iova_of(&self, buffer: &Buffer) -> Option<u64> {
        let start = (buffer.as_ptr().addr() as u64).checked_sub(self.region.base.addr().get() as u64)?;
        (start < self.region.length_bytes).then_some(self.iova.0 + start)
    }
}

const _: () = assert!(LIST_BYTES as u64 * (DEEPEST as u64 + 1) < 1 << 32, "lists of a few MiB");
