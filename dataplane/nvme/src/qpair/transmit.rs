//! Transmit queue: what a qpair has to send, gathered into I/O slices without copying payload.
//!
//! Headers, digests and response capsules go one after the other into one linear byte buffer; the queue of
//! segments says how these bytes and payload alternate. Neighbouring inline segments are one, so that the
//! answers to a batch of writes leave as a single slice.
//!
//! ```text
//!   inline   | head: sent | C2HData hdr | C2HData hdr | resp resp resp |
//!   segments               Inline(24)  Data(buffer)  Inline(24)  Zeroes(4096)  Inline(72)
//! ```
//!
//! Invariants: head + sum of inline segments == inline length; no segment is empty; no two inline segments are
//! neighbours. Drained, the buffer starts anew; it moves its bytes to the front only when it would otherwise grow
//! and at least half of it is sent, so a byte moves at most once on average.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Zeroes for payload that no buffer holds; 64 KiB so that a large read needs few slices.
static ZEROES: [u8; ZEROES_BYTES] = [0; ZEROES_BYTES];
const ZEROES_BYTES: usize = 64 * 1024;

/// Pieces of the shared zeroes that make up `length` bytes.
pub(super) fn zeroes(length: usize) -> impl Iterator<Item = &'static [u8]> {
    (0..length).step_by(ZEROES_BYTES).map(move |start| &ZEROES[..(length - start).min(ZEROES_BYTES)])
}

/// A run of bytes of one kind. `S` leads to the payload: a buffer, or the key of one.
#[derive(Debug)]
enum Segment<S> {
    Inline { length: usize },
    Data { source: S, start: usize, end: usize },
    Zeroes { length: usize },
}

/// The queue.
#[derive(Debug)]
pub(super) struct TransmitQueue<S> {
    inline: Vec<u8>,
    head: usize,
    segments: VecDeque<Segment<S>>,
}

impl<S> TransmitQueue<S> {
    /// Holds `inline_bytes` and `segments` before it must allocate.
    pub(super) fn with_capacity(inline_bytes: usize, segments: usize) -> Self {
        Self {
            inline: Vec::with_capacity(inline_bytes),
            head: 0,
            segments: VecDeque::with_capacity(segments),
        }
    }

    /// Makes room for as much in total.
    pub(super) fn reserve(&mut self, inline_bytes: usize, segments: usize) {
        self.inline.reserve(inline_bytes.saturating_sub(self.inline.len()));
        self.segments.reserve(segments.saturating_sub(self.segments.len()));
    }

    /// Drops what is queued.
    pub(super) fn clear(&mut self) {
        self.inline.clear();
        self.head = 0;
        self.segments.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Inline bytes still to be sent.
    pub(super) fn inline_bytes(&self) -> usize {
        self.inline.len() - self.head
    }

    /// Segments still to be sent.
    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Queues a copy of `bytes`.
    #[inline]
    pub(super) fn push_inline(&mut self, bytes: &[u8]) {
        if self.inline.len() + bytes.len() > self.inline.capacity() {
            self.compact();
        }
        self.inline.extend_from_slice(bytes);
        self.grow_inline_segment(bytes.len());
    }

    /// Queues `count` zero bytes of padding.
    pub(super) fn push_padding(&mut self, count: usize) {
        if count > 0 {
            self.push_inline(&ZEROES[..count]);
        }
    }

    /// Queues bytes `start..end` of what `source` leads to; `start < end`.
    #[inline]
    pub(super) fn push_data(&mut self, source: S, start: usize, end: usize) {
        debug_assert!(start < end, "a segment is never empty");
        self.segments.push_back(Segment::Data { source, start, end });
    }

    /// Queues `length` zero bytes of payload, at least 1.
    pub(super) fn push_zeroes(&mut self, length: usize) {
        debug_assert!(length > 0, "a segment is never empty");
        self.segments.push_back(Segment::Zeroes { length });
    }

    /// Fills `out` from its front with what is to be sent next; returns how many slices it filled.
    pub(super) fn gather<'a>(
        &'a self,
        out: &mut [IoSlice<'a>],
        resolve: impl Fn(&'a S) -> &'a [u8],
    ) -> usize {
        let mut filled = 0;
        let mut inline = self.head;
        for segment in &self.segments {
            if filled == out.len() {
                break;
            }
            match segment {
                Segment::Inline { length } => {
                    out[filled] = IoSlice::new(&self.inline[inline..inline + length]);
                    inline += length;
                    filled += 1;
                }
                Segment::Data { source, start, end } => {
                    out[filled] = IoSlice::new(&resolve(source)[*start..*end]);
                    filled += 1;
                }
                Segment::Zeroes { length } => filled += gather_zeroes(*length, &mut out[filled..]),
            }
        }
        filled
    }

    /// The first `bytes` of what was gathered are sent. Sources of finished segments go to `release`.
    ///
    /// # Panics
    /// If more is reported than was queued.
    pub(super) fn transmitted(&mut self, mut bytes: usize, mut release: impl FnMut(S)) {
        while bytes > 0 {
            let front = self.segments.front_mut().expect("more bytes reported sent than were queued");
            let sent = bytes.min(front.length());
            bytes -= sent;
            if front.is_inline() {
                self.head += sent;
            }
            if front.advance(sent)
                && let Some(Segment::Data { source, .. }) = self.segments.pop_front()
            {
                release(source);
            }
        }
        if self.segments.is_empty() {
            self.clear();
        }
    }

    /// The same queue for sources of another type.
    ///
    /// # Panics
    /// If payload of the old type is queued.
    pub(super) fn retype<T>(self) -> TransmitQueue<T> {
        let retype = |segment| match segment {
            Segment::Inline { length } => Segment::Inline { length },
            Segment::Zeroes { length } => Segment::Zeroes { length },
            Segment::Data { .. } => panic!("payload is queued and cannot change its type"),
        };
        let mut segments = VecDeque::with_capacity(self.segments.capacity());
        segments.extend(self.segments.into_iter().map(retype));
        TransmitQueue { inline: self.inline, head: self.head, segments }
    }

    #[inline]
    fn grow_inline_segment(&mut self, bytes: usize) {
        if let Some(Segment::Inline { length }) = self.segments.back_mut() {
            *length += bytes;
        } else {
            self.segments.push_back(Segment::Inline { length: bytes });
        }
    }

    #[cold]
    fn compact(&mut self) {
        if self.head * 2 >= self.inline.len() {
            self.inline.copy_within(self.head.., 0);
            self.inline.truncate(self.inline.len() - self.head);
            self.head = 0;
        }
    }
}

impl<S> Segment<S> {
    fn length(&self) -> usize {
        match self {
            Self::Inline { length } | Self::Zeroes { length } => *length,
            Self::Data { start, end, .. } => end - start,
        }
    }

    fn is_inline(&self) -> bool {
        matches!(self, Self::Inline { .. })
    }

    /// Drops `sent` bytes from the front; whether none are left.
    fn advance(&mut self, sent: usize) -> bool {
        match self {
            Self::Inline { length } | Self::Zeroes { length } => {
                *length -= sent;
                *length == 0
            }
            Self::Data { start, end, .. } => {
                *start += sent;
                start == end
            }
        }
    }
}

fn gather_zeroes<'a>(length: usize, out: &mut [IoSlice<'a>]) -> usize {
    let slots = out.iter_mut().zip(zeroes(length));
    slots.map(|(slot, piece)| *slot = IoSlice::new(piece)).count()
}

#[cfg(test)]
mod test {
    use super::*;

    type Queue = TransmitQueue<Vec<u8>>;

    fn gathered(queue: &Queue, slots: usize) -> Vec<Vec<u8>> {
        let mut out = vec![IoSlice::new(&[]); slots];
        let filled = queue.gather(&mut out, |buffer| buffer);
        out[..filled].iter().map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn neighbouring_inline_bytes_are_one_slice() {
        let mut queue = Queue::with_capacity(64, 4);
        for byte in 0..128u8 {
            queue.push_inline(&[byte; 24]);
        }
        let slices = gathered(&queue, 4);
        assert_eq!((slices.len(), slices[0].len()), (1, 128 * 24));
        queue.transmitted(128 * 24, |_| unreachable!());
        assert!(queue.is_empty());
    }

    #[test]
    fn buffers_are_released_when_wholly_sent_and_in_order() {
        let mut queue = Queue::with_capacity(64, 4);
        queue.push_inline(b"ab");
        queue.push_data(b"xxCDxx".to_vec(), 2, 4);
        queue.push_inline(b"e");
        queue.push_data(b"F".to_vec(), 0, 1);
        assert_eq!(gathered(&queue, 9), [&b"ab"[..], b"CD", b"e", b"F"]);
        let mut released = vec![];
        for (bytes, left) in [(3, 3), (1, 2), (2, 0)] {
            queue.transmitted(bytes, |buffer| released.push(buffer[0]));
            assert_eq!(gathered(&queue, 9).concat().len(), left);
        }
        assert_eq!(released, b"xF");
        assert_eq!(queue.inline_bytes(), 0);
    }

    #[test]
    fn zeroes_come_from_the_shared_page_in_pieces() {
        let mut queue = Queue::with_capacity(64, 4);
        queue.push_zeroes(ZEROES_BYTES * 2 + 5);
        let lengths = |slots| gathered(&queue, slots).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(9), [ZEROES_BYTES, ZEROES_BYTES, 5]);
        assert_eq!(lengths(2), [ZEROES_BYTES, ZEROES_BYTES]);
        queue.transmitted(ZEROES_BYTES * 2 + 4, |_| ());
        assert_eq!(gathered(&queue, 9), [[0]]);
    }

    #[test]
    fn sent_bytes_make_room_instead_of_growing() {
        let mut queue = Queue::with_capacity(64, 4);
        let mut expected = VecDeque::new();
        for round in 0..200u8 {
            queue.push_inline(&[round; 24]);
            expected.extend([round; 24]);
            if expected.len() > 24 {
                queue.transmitted(24, |_| ());
                expected.drain(..24);
            }
            assert_eq!(gathered(&queue, 1).concat(), Vec::from(expected.clone()));
        }
        assert!(queue.inline.capacity() <= 128, "grew to {}", queue.inline.capacity());
    }

    #[test]
    #[should_panic(expected = "more bytes reported sent")]
    fn reporting_more_than_was_queued_is_a_mistake() {
        Queue::with_capacity(8, 1).transmitted(1, |_| ());
    }
}
