//! The bytes of the exchange: NVMe/TCP's sizes without NVMe/TCP's meaning.
//!
//! A request is as long as a CapsuleCmd (72 bytes), a response as a C2HData or CapsuleResp header (24 bytes).
//! A read's response carries its payload, a write's request does (in-capsule data).

/// Length of a request's header.
pub const REQUEST_BYTES: usize = 72;
/// Length of a response's header.
pub const RESPONSE_BYTES: usize = 24;

/// Which side carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The response carries it.
    Read,
    /// The request carries it.
    Write,
}

/// What one run exchanges.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Which side carries the payload.
    pub kind: Kind,
    /// Payload length of one operation.
    pub payload_bytes: usize,
    /// Operations in flight on each connection.
    pub depth: usize,
    /// Number of connections.
    pub connections: usize,
}

impl Workload {
    /// Bytes of one request on the wire.
    pub fn request_bytes(&self) -> usize {
        match self.kind {
            Kind::Read => REQUEST_BYTES,
            Kind::Write => REQUEST_BYTES + self.payload_bytes,
        }
    }

    /// Bytes of one response on the wire.
    pub fn response_bytes(&self) -> usize {
        match self.kind {
            Kind::Read => RESPONSE_BYTES + self.payload_bytes,
            Kind::Write => RESPONSE_BYTES,
        }
    }
}

/// Fills in a request's header.
pub fn write_request(header: &mut [u8], kind: Kind, slot: usize) {
    header[..REQUEST_BYTES].fill(0);
    header[0] = u8::from(kind == Kind::Write);
    header[8..16].copy_from_slice(&slot.to_le_bytes());
}

/// The kind and slot a request's header names.
pub fn read_request(header: &[u8]) -> (Kind, usize) {
    let kind = if header[0] == 0 { Kind::Read } else { Kind::Write };
    let mut slot = [0; 8];
    slot.copy_from_slice(&header[8..16]);
    (kind, usize::from_le_bytes(slot))
}
