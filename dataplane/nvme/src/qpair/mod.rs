//! The two ends of an NVMe/TCP connection as machines without I/O: [`ControllerQpair`] and [`HostQpair`].
//!
//! Callers: the target drives one [`ControllerQpair`] per connection, the load generator one [`HostQpair`].
//! The owner reads the socket and hands the bytes to `receive`, acts on events, and writes what `transmit`
//! gathers. A machine has no clock, no socket and, once warm, no allocation.
//!
//! ```text
//!            receive(bytes) -> event            +-----------+   submit / respond / request_data
//!   socket ------------------------------------>|   qpair   |<---------------------------------- owner
//!          <------------------------------------|           |----------------------------------> owner
//!            transmit(slices), transmitted(n)   +-----------+   Command, Data, Completion, ...
//! ```
//!
//! The loop of an owner: while `receive(rest)` yields an event, act on it and move `rest` on by `consumed`,
//! even when `rest` has become empty. No event means that only an incomplete PDU is left; `wants` tells how many
//! bytes it needs. Payload of H2CData and C2HData need not be complete: it comes in as many pieces as the
//! socket gave. Every other PDU must be, so the input buffer holds at least `max_pdu_bytes`.
//!
//! Invariants:
//! - a fatal error ends in exactly one `Terminated` and, unless the peer terminated first, one TermReq;
//! - commands taken and not yet answered <= queue entries, and so are the bytes waiting to be sent: a host that
//!   sends commands without reading answers is out of sequence, not a drain on memory;
//! - a buffer that was handed in is not dropped or given back while any of its bytes are still to be sent.

pub mod controller;
mod framing;
pub mod host;
mod payload;
mod transmit;

pub use controller::{ControllerEvent, ControllerParams, ControllerQpair};
pub use host::{HostData, HostEvent, HostParams, HostQpair};

/// Opcode of every Fabrics command; its in-capsule data have a limit of their own.
const FABRICS_OPCODE: u8 = 0x7f;

/// What `receive` did.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Received<E> {
    /// Bytes at the front of the input that are dealt with.
    pub consumed: usize,
    /// What they meant. `None`: nothing more can be done before more bytes come.
    pub event: Option<E>,
}

impl<E> Received<E> {
    const fn event(consumed: usize, event: E) -> Self {
        Self { consumed, event: Some(event) }
    }

    const fn nothing(consumed: usize) -> Self {
        Self { consumed, event: None }
    }

    /// The same, as seen from `bytes` further ahead in the input.
    const fn after(mut self, bytes: usize) -> Self {
        self.consumed += bytes;
        self
    }
}

/// Where the data of a response come from.
#[derive(Debug)]
pub enum Payload<B> {
    /// The first `length` bytes of a buffer, dropped once they are sent.
    Buffer {
        /// The owner's buffer.
        buffer: B,
        /// Bytes to send.
        length: u32,
    },
    /// Zeroes from a page that all connections share.
    Zeroes {
        /// Bytes to send.
        length: u32,
    },
}

impl<B> Payload<B> {
    /// Bytes to send.
    #[must_use]
    pub const fn length(&self) -> u32 {
        match self {
            Self::Buffer { length, .. } | Self::Zeroes { length } => *length,
        }
    }
}

/// Payload that is next on the wire, so that the owner may read the socket right into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingPayload {
    /// Controller: the context given to `request_data`. Host: the command identifier.
    pub context: u32,
    /// Offset of the next byte in the command's data.
    pub offset: u32,
    /// Payload bytes left in this PDU, at least 1.
    pub remaining: u32,
}
