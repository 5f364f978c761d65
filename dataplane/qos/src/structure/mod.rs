//! What the scheduler is built from: buckets, a heap, lists, timers and the slot table.
//!
//! All of it is allocated when applications and volumes come, none of it when I/O does, and every step is an integer's.

mod bucket;
mod heap;
mod lists;
mod slots;
mod wheel;

pub(crate) use bucket::{Bucket, PER_UNIT};
pub(crate) use heap::TagHeap;
pub(crate) use lists::Lists;
pub(crate) use slots::{EnteredIo, Haste, Queue, Slot, SlotState, SlotTable};
pub(crate) use wheel::Wheel;
