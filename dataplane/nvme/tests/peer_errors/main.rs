//! What the machines answer to a peer that breaks the rules: the TermReq with its FES, FEI and copy of the header, and
//! nothing that costs memory.

#![forbid(unsafe_code)]

mod controller;
mod digest;
mod host;

use sluice_nvme::tcp::{Fes, TermReq};
use std::io::IoSlice;
use zerocopy::{FromBytes, IntoBytes};

const MAXH2CDATA: u32 = 4096;

/// A PDU as bytes with `payload` bytes of zeroes behind it.
fn with_payload(header: &impl PduHeader, payload: usize) -> Vec<u8> {
    let mut bytes = header.bytes();
    bytes.resize(bytes.len() + payload, 0);
    bytes
}

trait PduHeader {
    fn bytes(&self) -> Vec<u8>;
}

impl<T: IntoBytes + zerocopy::Immutable> PduHeader for T {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// All that `gather` offers.
fn gathered<'a>(gather: impl FnOnce(&mut [IoSlice<'a>]) -> usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = gather(&mut slices);
    assert!(filled < slices.len(), "all of it fits");
    slices[..filled].concat_slices()
}

trait Concat {
    fn concat_slices(&self) -> Vec<u8>;
}

impl Concat for [IoSlice<'_>] {
    fn concat_slices(&self) -> Vec<u8> {
        self.iter().flat_map(|slice| slice.iter().copied()).collect()
    }
}

/// Checks that `sent` ends in a TermReq for `(fes, fei)` which repeats the header at the front of `pdu`.
fn assert_term_req(what: &str, sent: &[u8], (fes, fei): (Fes, u32), pdu: &[u8], header: usize) {
    let copied = header.min(pdu.len());
    let term_req = &sent[sent.len() - 24 - copied..];
    let (term_req, copy) = TermReq::ref_from_prefix(term_req).expect("a whole header");
    assert_eq!((term_req.fes(), term_req.fei.get()), (Some(fes), fei), "{what}");
    assert_eq!(term_req.header.plen.get() as usize, 24 + copied, "{what}");
    assert_eq!(copy, &pdu[..copied], "{what}");
}
