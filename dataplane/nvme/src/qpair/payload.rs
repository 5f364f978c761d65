//! Payload being received: the data and data digest of one H2CData or C2HData, in as many pieces as they come.
//!
//! ```text
//!   Idle --begin--> Data --last byte--> Digest --4 bytes--> Done --finish--> Idle
//!                       `--no digest-------------------------^
//! ```

use super::PendingPayload;
use crate::tcp::{Crc32c, DIGEST_BYTES, DigestError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Data,
    Digest,
    Done,
}

/// What the next bytes mean.
pub(super) enum Progress<'i> {
    /// Payload at this offset of the command's data.
    Bytes(u32, &'i [u8]),
    /// The input must hold this many bytes.
    Wants(usize),
    /// The PDU is over; so many bytes were its digest.
    Over(usize, Result<(), DigestError>),
}

/// The receiver. `key` is the owner's: a transfer tag or a command identifier.
#[derive(Debug)]
pub(super) struct PayloadReceiver {
    phase: Phase,
    data_digest: bool,
    key: u16,
    context: u32,
    offset: u32,
    remaining: u32,
    crc: Crc32c,
}

impl PayloadReceiver {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            data_digest: false,
            key: 0,
            context: 0,
            offset: 0,
            remaining: 0,
            crc: Crc32c::new(),
        }
    }

    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    pub(super) fn key(&self) -> u16 {
        self.key
    }

    pub(super) fn context(&self) -> u32 {
        self.context
    }

    /// A PDU with payload `offset..offset + length` begins; `length` is at least 1.
    pub(super) fn begin(&mut self, key: u16, context: u32, range: (u32, u32), data_digest: bool) {
        debug_assert!(self.is_idle() && range.1 > 0);
        (self.key, self.context, self.data_digest) = (key, context, data_digest);
        (self.offset, self.remaining) = range;
        self.phase = Phase::Data;
        if data_digest {
            self.crc.restart();
        }
    }

    /// Payload bytes that are next on the wire.
    pub(super) fn pending(&self) -> Option<PendingPayload> {
        let Self { context, offset, remaining, .. } = *self;
        (self.phase == Phase::Data).then_some(PendingPayload { context, offset, remaining })
    }

    /// Takes `bytes`, which are payload and no more than the PDU has left; returns their offset.
    ///
    /// # Panics
    /// If they are more.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> u32 {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        assert!(self.phase == Phase::Data && length <= self.remaining, "more payload than the PDU has");
        if self.data_digest {
            self.crc.update(bytes);
        }
        let offset = self.offset;
        self.offset += length;
        self.remaining -= length;
        if self.remaining == 0 {
            self.phase = if self.data_digest { Phase::Digest } else { Phase::Done };
        }
        offset
    }

    /// What the front of `input` means. Not called while idle.
    #[inline]
    pub(super) fn advance<'i>(&mut self, input: &'i [u8]) -> Progress<'i> {
        match self.phase {
            Phase::Data if input.is_empty() => Progress::Wants(1),
            Phase::Data => {
                let bytes = &input[..input.len().min(self.remaining as usize)];
                Progress::Bytes(self.take(bytes), bytes)
            }
            Phase::Digest => match input.first_chunk::<DIGEST_BYTES>() {
                None => Progress::Wants(DIGEST_BYTES),
                Some(digest) => {
                    self.phase = Phase::Idle;
                    Progress::Over(DIGEST_BYTES, self.crc.verify(*digest))
                }
            },
            Phase::Done | Phase::Idle => {
                self.phase = Phase::Idle;
                Progress::Over(0, Ok(()))
            }
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::tcp::digest::crc32c;

    /// Runs one PDU through in pieces of `step`; returns the payload and the verdict.
    fn run(wire: &[u8], length: u32, step: usize) -> (Vec<u8>, Result<(), DigestError>) {
        let mut receiver = PayloadReceiver::new();
        receiver.begin(3, 7, (100, length), wire.len() > length as usize);
        let (mut at, mut end, mut payload) = (0, 0, vec![]);
        loop {
            match receiver.advance(&wire[at..end]) {
                Progress::Bytes(offset, bytes) => {
                    assert_eq!(offset as usize, 100 + payload.len());
                    payload.extend_from_slice(bytes);
                    at += bytes.len();
                }
                Progress::Wants(_) => end = (end + step).min(wire.len()),
                Progress::Over(digest_bytes, verdict) => {
                    assert_eq!(at + digest_bytes, wire.len());
                    assert!(receiver.is_idle());
                    return (payload, verdict);
                }
            }
        }
    }

    #[test]
    fn pieces_of_any_size_make_the_payload() {
        let data: Vec<u8> = (0..=255).collect();
        let mut wire = data.clone();
        wire.extend(crc32c(&data).to_le_bytes());
        for step in 1..=wire.len() {
            assert_eq!(run(&wire, 256, step), (data.clone(), Ok(())));
            assert_eq!(run(&data, 256, step), (data.clone(), Ok(())));
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut wire = vec![5; 64];
        wire.extend(crc32c(&wire).to_le_bytes());
        for bit in 0..wire.len() * 8 {
            wire[bit / 8] ^= 1 << (bit % 8);
            assert!(run(&wire, 64, 13).1.is_err(), "bit {bit}");
            wire[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
