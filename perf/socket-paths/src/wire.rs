//! The bytes of the exchange: NVMe/TCP's sizes without NVMe/TCP's meaning.
//!
//! A request is as long as a CapsuleCmd (72 bytes), a response as a C2HData header or a CapsuleResp (24 bytes).
//! A read's response carries its payload, a write's request does (in-capsule data).

/// Length of a request's header.
pub(crate) const REQUEST_BYTES: usize = 72;
/// Length of a response's header.
pub(crate) const RESPONSE_BYTES: usize = 24;

/// Which side carries an operation's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The response.
    Read,
    /// The request.
    Write,
}

/// Reads 70, writes 30.
const MIXED: [Kind; 10] = {
    use Kind::{Read, Write};
    [Read, Read, Write, Read, Read, Write, Read, Read, Write, Read]
};

/// Which kinds follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mix {
    /// Reads only.
    Read,
    /// Writes only.
    Write,
    /// 70 reads to 30 writes, in a fixed order.
    Mixed,
}

impl Mix {
    /// One period.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Read => &[Kind::Read],
            Self::Write => &[Kind::Write],
            Self::Mixed => &MIXED,
        }
    }
}

/// What one run exchanges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// Which kinds follow each other.
    pub mix: Mix,
    /// Payload length of one operation.
    pub payload_bytes: usize,
    /// Operations in flight on each connection.
    pub depth: usize,
    /// Number of connections.
    pub connections: usize,
}

impl Workload {
    /// The bytes that go to the target.
    pub(crate) fn requests(&self) -> Stream {
        Stream::new(self.mix, REQUEST_BYTES, self.payload_bytes, Kind::Write)
    }

    /// The bytes that come back.
    pub(crate) fn responses(&self) -> Stream {
        Stream::new(self.mix, RESPONSE_BYTES, self.payload_bytes, Kind::Read)
    }
}

/// Byte positions of the operations of an endless, periodic exchange, in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    kinds: &'static [Kind],
    /// First byte of each operation of a period, and the period's length.
    starts: Vec<u64>,
}

impl Stream {
    fn new(mix: Mix, header_bytes: usize, payload_bytes: usize, carries: Kind) -> Self {
        let kinds = mix.kinds();
        let mut starts = vec![0];
        for &kind in kinds {
            let length = header_bytes + if kind == carries { payload_bytes } else { 0 };
            starts.push(starts[starts.len() - 1] + wide(length));
        }
        Self { kinds, starts }
    }

    fn period_bytes(&self) -> u64 {
        self.starts[self.kinds.len()]
    }

    /// Bytes of the first `ops` operations.
    pub(crate) fn bytes(&self, ops: u64) -> u64 {
        let period = wide(self.kinds.len());
        ops / period * self.period_bytes() + self.starts[narrow(ops % period)]
    }

    /// Operation that a byte belongs to, its kind, and the byte's offset in it. The operation is also the number of
    /// operations wholly before the byte.
    pub(crate) fn locate(&self, byte: u64) -> (u64, Kind, usize) {
        let (periods, within) = (byte / self.period_bytes(), byte % self.period_bytes());
        let index = self.starts.partition_point(|&start| start <= within) - 1;
        let op = periods * wide(self.kinds.len()) + wide(index);
        (op, self.kinds[index], narrow(within - self.starts[index]))
    }
}

/// Fills in a request's header.
pub(crate) fn write_request(header: &mut [u8], kind: Kind, slot: usize) {
    header[..REQUEST_BYTES].fill(0);
    header[0] = u8::from(kind == Kind::Write);
    header[8..16].copy_from_slice(&slot.to_le_bytes());
}

/// The kind and slot that a request's header names.
pub(crate) fn read_request(header: &[u8]) -> (Kind, usize) {
    let kind = if header[0] == 0 { Kind::Read } else { Kind::Write };
    let mut slot = [0; 8];
    slot.copy_from_slice(&header[8..16]);
    (kind, usize::from_le_bytes(slot))
}

/// A length as a position.
pub(crate) fn wide(value: usize) -> u64 {
    u64::try_from(value).expect("usize is at most 64 bits")
}

/// A position within memory.
pub(crate) fn narrow(value: u64) -> usize {
    usize::try_from(value).expect("usize is 64 bits")
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn positions_and_operations_agree() {
        for mix in [Mix::Read, Mix::Write, Mix::Mixed] {
            let workload = Workload { mix, payload_bytes: 4096, depth: 1, connections: 1 };
            for stream in [workload.requests(), workload.responses()] {
                for op in 0..25 {
                    let start = stream.bytes(op);
                    assert_eq!(stream.locate(start).0, op);
                    assert_eq!(stream.locate(start).2, 0);
                    assert_eq!(stream.locate(stream.bytes(op + 1) - 1).0, op);
                }
            }
        }
    }

    #[test]
    fn the_mixture_is_seventy_to_thirty() {
        let reads = Mix::Mixed.kinds().iter().filter(|&&kind| kind == Kind::Read).count();
        assert_eq!((reads, Mix::Mixed.kinds().len()), (7, 10));
    }

    #[test]
    fn headers_come_back_as_they_were_written() {
        let mut header = [0xff; REQUEST_BYTES];
        write_request(&mut header, Kind::Write, 77);
        assert_eq!(read_request(&header), (Kind::Write, 77));
    }
}
