//! What the transmit queue of a reactor's qpair holds: pooled buffers of I/O, heap bytes of admin data.

use sluice_hugepages::Buffer;

/// Bytes on their way to a host.
pub(crate) enum Data {
    /// From the reactor's pool; returns there when sent.
    Pool(Buffer),
    /// Identify data, log pages: rare and small.
    Heap(Vec<u8>),
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Pool(buffer) => buffer.as_ref(),
            Self::Heap(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Heap(bytes)
    }
}
