//! The pinned loop that drives one device: rounds, timers, control rings and idling.
//!
//! A reactor is one thread that owns everything an I/O needs and shares none of it. It calls its
//! [`Service`] in *rounds*; a round takes what has arrived, hands it on in batches and returns how
//! much it did. When rounds come back empty the reactor spins for a bounded time, then sleeps in
//! `epoll_wait` and wakes at once for a socket, a control message, the device or a timer:
//!
//! ```text
//!            work                    nothing for `spin`
//!        +----------+            +------------------------+
//!        v          |            |                        v
//!     polling ------+------> polling (empty) ---------> asleep
//!        ^                                                |
//!        +----------- socket | ring | device | timer -----+
//! ```
//!
//! Other threads reach a reactor only through its bounded [`ring`], and get their answers by
//! whatever reply channel the message carries.
#![forbid(unsafe_code)]

pub mod clock;
pub mod reactor;
pub mod ring;
pub mod slab;
pub mod timer;

pub use reactor::{Config, Context, Flow, Polling, Reactor, Service, SpawnError, Token};
pub use ring::{Receiver, RingFull, Sender};
pub use slab::Slab;
