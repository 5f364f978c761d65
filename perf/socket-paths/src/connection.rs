//! One connection's protocol at the target: framing, landing of write payload, the queue of responses.
//!
//! The paths differ in how bytes get here and leave; what is done per request is the same for all.

use std::collections::VecDeque;

use libc::iovec;

use crate::sys::{self, Gather, Pages};
use crate::wire::{self, Kind, REQUEST_BYTES, RESPONSE_BYTES, Workload};

/// How responses lie in memory when they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A header iovec of its own per response.
    Split,
    /// Headers in one linear buffer; adjacent ones merge.
    Merged,
    /// The header directly before its payload: one iovec per read.
    Headroom,
    /// Header and payload copied to one linear buffer: one iovec in all.
    Linear,
}

/// Where a read's payload comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Each request's own buffer (memory device).
    Buffers,
    /// One page for all (null device, thin holes).
    ZeroPage,
}

const HEADERS: usize = 1024;

/// State of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    workload: Workload,
    layout: Layout,
    source: Source,
    carry: [u8; REQUEST_BYTES],
    carried: usize,
    payload: Option<(usize, usize)>,
    slots: Pages,
    stride: usize,
    zero: Pages,
    headers: Pages,
    linear: Pages,
    linear_end: usize,
    linear_start: usize,
    next_header: usize,
    queue: VecDeque<(usize, Kind, usize)>,
    head_sent: usize,
}

impl Connection {
    /// Sizes everything for `workload`.
    pub(crate) fn new(workload: Workload, layout: Layout, source: Source) -> Self {
        let stride = workload.payload_bytes.next_multiple_of(4096) + 4096;
        Self {
            workload,
            layout,
            source,
            carry: [0; REQUEST_BYTES],
            carried: 0,
            payload: None,
            slots: Pages::new(stride * (workload.depth + 1)),
            stride: if layout == Layout::Headroom { stride } else { stride - 4096 },
            zero: Pages::new(workload.payload_bytes),
            headers: Pages::new(HEADERS * RESPONSE_BYTES),
            linear: Pages::new(if layout == Layout::Linear {
                2 * workload.depth * (RESPONSE_BYTES + workload.payload_bytes)
            } else {
                1
            }),
            linear_end: 0,
            linear_start: 0,
            next_header: 0,
            queue: VecDeque::with_capacity(HEADERS),
            head_sent: 0,
        }
    }

    fn slot(&self, slot: usize) -> usize {
        4096 + slot * self.stride
    }

    /// Where the payload being received continues, and how much is missing.
    pub(crate) fn wanted(&self) -> Option<(*mut u8, usize)> {
        let (slot, filled) = self.payload?;
        Some((self.slots.at(self.slot(slot) + filled), self.workload.payload_bytes - filled))
    }

    /// Takes note of payload that was received straight into place.
    pub(crate) fn landed(&mut self, length: usize) {
        let (slot, filled) = self.payload.expect("wanted");
        if filled + length == self.workload.payload_bytes {
            self.payload = None;
            self.complete(slot, Kind::Write);
        } else {
            self.payload = Some((slot, filled + length));
        }
    }

    /// True between requests, when the next byte begins a header.
    pub(crate) fn at_boundary(&self) -> bool {
        self.payload.is_none() && self.carried == 0
    }

    /// Takes a header received elsewhere.
    pub(crate) fn header(&mut self, header: &[u8]) {
        let (kind, slot) = wire::read_request(header);
        match kind {
            Kind::Read => self.complete(slot, kind),
            Kind::Write => self.payload = Some((slot, 0)),
        }
    }

    /// A write whose payload lies in `buffer` instead of its slot's memory.
    pub(crate) fn write_landed_elsewhere(&mut self, header: &[u8]) {
        let (kind, slot) = wire::read_request(header);
        self.complete(slot, kind);
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn consume(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if let Some((slot, filled)) = self.payload {
                let length = bytes.len().min(self.workload.payload_bytes - filled);
                self.slots.slice(self.slot(slot) + filled, length).copy_from_slice(&bytes[..length]);
                self.landed(length);
                bytes = &bytes[length..];
            } else if self.carried == 0 && bytes.len() >= REQUEST_BYTES {
                let (header, rest) = bytes.split_at(REQUEST_BYTES);
                self.header(header);
                bytes = rest;
            } else {
                bytes = self.carry(bytes);
            }
        }
    }

    fn carry<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let length = bytes.len().min(REQUEST_BYTES - self.carried);
        self.carry[self.carried..self.carried + length].copy_from_slice(&bytes[..length]);
        self.carried += length;
        if self.carried == REQUEST_BYTES {
            self.carried = 0;
            let header = self.carry;
            self.header(&header);
        }
        &bytes[length..]
    }

    fn complete(&mut self, slot: usize, kind: Kind) {
        if self.layout == Layout::Linear {
            return self.complete_linear(slot, kind);
        }
        let header = if self.layout == Layout::Headroom && kind == Kind::Read {
            self.slots.slice(self.slot(slot) - RESPONSE_BYTES, RESPONSE_BYTES)
        } else {
            let at = self.next_header % HEADERS;
            self.headers.slice(at * RESPONSE_BYTES, RESPONSE_BYTES)
        };
        header.fill(0);
        header[8..16].copy_from_slice(&slot.to_le_bytes());
        self.queue.push_back((slot, kind, self.next_header % HEADERS));
        self.next_header += 1;
    }

    fn complete_linear(&mut self, slot: usize, kind: Kind) {
        if self.linear_start == self.linear_end {
            self.linear_start = 0;
            self.linear_end = 0;
        }
        let to = self.linear.slice(self.linear_end, RESPONSE_BYTES);
        to.fill(0);
        to[8..16].copy_from_slice(&slot.to_le_bytes());
        self.linear_end += RESPONSE_BYTES;
        if kind == Kind::Read {
            let length = self.workload.payload_bytes;
            let to = self.linear.slice(self.linear_end, length);
            to.copy_from_slice(match self.source {
                Source::ZeroPage => self.zero.slice(0, length),
                Source::Buffers => self.slots.slice(self.slot(slot), length),
            });
            self.linear_end += length;
        }
    }

    /// True if responses wait to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.queue.is_empty() || self.linear_start != self.linear_end
    }

    /// Gathers what is to be sent next.
    pub(crate) fn gather(&self, iovecs: &mut [iovec]) -> usize {
        if self.layout == Layout::Linear {
            iovecs[0] = sys::iov(self.linear.at(self.linear_start), self.linear_end - self.linear_start);
            return 1;
        }
        let mut out = Gather::new(iovecs, self.layout != Layout::Split).skip(self.head_sent);
        for &(slot, kind, header) in &self.queue {
            if !out.has_room() {
                break;
            }
            if self.layout == Layout::Headroom && kind == Kind::Read {
                out.push(
                    self.slots.at(self.slot(slot) - RESPONSE_BYTES),
                    RESPONSE_BYTES + self.workload.payload_bytes,
                );
                continue;
            }
            out.push(self.headers.at(header * RESPONSE_BYTES), RESPONSE_BYTES);
            if kind == Kind::Read {
                let base = if self.source == Source::ZeroPage {
                    self.zero.at(0)
                } else {
                    self.slots.at(self.slot(slot))
                };
                out.push(base, self.workload.payload_bytes);
            }
        }
        out.count()
    }

    /// Drops what was sent.
    pub(crate) fn sent(&mut self, length: usize) {
        if self.layout == Layout::Linear {
            self.linear_start += length;
            return;
        }
        self.head_sent += length;
        while let Some(&(_, kind, _)) = self.queue.front() {
            let whole = RESPONSE_BYTES + if kind == Kind::Read { self.workload.payload_bytes } else { 0 };
            if self.head_sent < whole {
                break;
            }
            self.head_sent -= whole;
            self.queue.pop_front();
        }
    }
}
