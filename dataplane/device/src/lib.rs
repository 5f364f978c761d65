//! The block-device trait, the memory and null devices, the layers for tests and one conformance suite.
//!
//! A [`BlockDevice`] takes batches of [`Request`]s and yields batches of [`Completion`]s; it never blocks, never
//! reads a clock and belongs to one reactor. What a request carries in is always handed back, also on error.
//!
//! | module | what | for |
//! |---|---|---|
//! | [`memory`] | blocks in lazily mapped memory | tests, benchmarks, scratch pools |
//! | [`cached`] | a file whose unflushed writes are gone with the process | tests of a loss of power |
//! | [`null`] | remembers nothing, answers at once | measuring everything above it |
//! | [`delay`] | a layer: completions come later, on the caller's clock | tests of timeouts and ordering |
//! | [`ssd`] | a layer: completions come when a flash drive's dies would be done | benchmarks of isolation |
//! | [`error`] | a layer: chosen or random requests fail | tests of error paths |
//! | [`torn`] | memory that loses, tears and reorders unflushed writes when power fails | crash tests |
//! | [`conformance`] | what every device must do, as one function | the tests of every device |
//!
//! Files and block devices are in `sluice-uring`, which may hold unsafe code; this crate may not.
#![forbid(unsafe_code)]

pub mod cached;
mod check;
pub mod conformance;
pub mod delay;
pub mod error;
pub mod memory;
pub mod null;
pub mod random;
mod ready;
mod request;
pub mod ssd;
mod time;
pub mod torn;
mod traits;

pub use check::check;
pub use memory::MemoryDevice;
pub use null::NullDevice;
pub use ready::Ready;
pub use request::{Completion, IoError, Op, Request};
pub use sluice_hugepages::{Buffer, Pool};
pub use time::Nanos;
pub use traits::{BlockDevice, DeviceInfo};
