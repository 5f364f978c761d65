//! What a PDU costs in the qpair machines, without sockets. A measurement, so it asserts nothing about time and runs only
//! when asked: `cargo test --release -p sluice-nvme --test qpair_cost -- --ignored --nocapture`.
//!
//! Each figure is the least of many rounds of a full queue: submit or receive, answer, gather, report as sent.

#![forbid(unsafe_code)]

use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{
    ControllerEvent, ControllerParams, ControllerQpair, HostData, HostEvent, HostParams, HostQpair, Payload,
};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use std::hint::black_box;
use std::io::IoSlice;
use std::time::Instant;
use zerocopy::little_endian::U16;

const FLUSH: u8 = 0;
const WRITE: u8 = 1;
const READ: u8 = 2;
const DEPTH: u16 = 128;
const BLOCK: usize = 4096;
/// Slices that a batch needs at most.
const SLICES: usize = 1024;
const ROUNDS: usize = 2000;

type Host = HostQpair<&'static [u8; BLOCK]>;
type Controller = ControllerQpair<&'static [u8; BLOCK]>;

static DATA: [u8; BLOCK] = [9; BLOCK];

#[test]
#[ignore = "measures, proves nothing: cargo test --release -p sluice-nvme --test qpair_cost -- --ignored --nocapture"]
fn nanoseconds_per_command() {
    println!("{:<52} {:>9} {:>9}", "ns per command", "plain", "digests");
    print("controller: flush", |digests| controller(FLUSH, digests));
    print("controller: 4 KiB read, C2HData with SUCCESS", |digests| controller(READ, digests));
    print("controller: 4 KiB write in the capsule", |digests| controller(WRITE, digests));
    print("host: 4 KiB read, C2HData with SUCCESS", host);
}

fn print(what: &str, cost: impl Fn(bool) -> f64) {
    println!("{what:<52} {:>9.1} {:>9.1}", cost(false), cost(true));
}

fn pair(digests: bool) -> (Host, Controller) {
    let host =
        HostParams { header_digest: digests, data_digest: digests, hpda: 0, max_r2t: 0, max_commands: DEPTH };
    let controller = ControllerParams {
        header_digest: digests,
        data_digest: digests,
        cpda: 0,
        max_h2c_data: 131_072,
        in_capsule_bytes: 8192,
        max_commands: DEPTH,
    };
    let (mut host, mut controller) = (Host::new(&host), Controller::new(&controller));
    let ic_req = sent(&mut host);
    let _ = controller.receive(&ic_req);
    controller.set_queue(1, DEPTH, false);
    let ic_resp = flushed(&mut controller);
    let _ = host.receive(&ic_resp);
    host.set_in_capsule_bytes(8192);
    (host, controller)
}

fn gather<'a>(fill: impl FnOnce(&mut [IoSlice<'a>]) -> usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let filled = fill(&mut slices);
    slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect()
}

fn sent(host: &mut Host) -> Vec<u8> {
    let bytes = gather(|out| host.transmit(out));
    host.transmitted(bytes.len());
    bytes
}

fn flushed(controller: &mut Controller) -> Vec<u8> {
    let bytes = gather(|out| controller.transmit(out));
    controller.transmitted(bytes.len());
    bytes
}

fn submit_all(host: &mut Host, opcode: u8) {
    for cid in 0..DEPTH {
        let sqe = Sqe { opcode, cid: U16::new(cid), ..Sqe::default() };
        let data = match opcode {
            WRITE => HostData::Out(&DATA),
            READ => HostData::In { length: 4096 },
            _ => HostData::None,
        };
        host.submit(sqe, data, true);
    }
}

fn least(mut round: impl FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64() * 1e9 / f64::from(DEPTH)
    };
    (0..ROUNDS).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// Receive a batch of commands, answer each, gather and report as sent.
fn controller(opcode: u8, digests: bool) -> f64 {
    let (mut host, mut controller) = pair(digests);
    submit_all(&mut host, opcode);
    let input = sent(&mut host);
    least(|| {
        take_and_answer(&mut controller, &input);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = controller.transmit(&mut slices);
        let bytes = slices[..filled].iter().map(|slice| slice.len()).sum();
        black_box(&slices);
        controller.transmitted(bytes);
    })
}

fn take_and_answer(controller: &mut Controller, mut rest: &[u8]) {
    loop {
        let received = controller.receive(rest);
        rest = &rest[received.consumed..];
        let Some(ControllerEvent::Command { sqe, data }) = received.event else { break };
        let cqe = Cqe::new(black_box(sqe).cid.get(), Status::SUCCESS);
        black_box(data).expect("intact");
        if sqe.opcode == READ {
            controller.respond_data(cqe, Payload::Buffer { buffer: &DATA, length: 4096 });
        } else {
            controller.respond(cqe);
        }
    }
}

/// Submit a batch of reads, gather and report it as sent, take the data and completions.
fn host(digests: bool) -> f64 {
    let (mut host, mut controller) = pair(digests);
    submit_all(&mut host, READ);
    take_and_answer(&mut controller, &sent(&mut host));
    let input = flushed(&mut controller);
    take(&mut host, &input);
    least(|| {
        submit_all(&mut host, READ);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = host.transmit(&mut slices);
        let bytes = slices[..filled].iter().map(|slice| slice.len()).sum();
        black_box(&slices);
        host.transmitted(bytes);
        take(&mut host, &input);
    })
}

fn take(host: &mut Host, mut rest: &[u8]) {
    let mut completed = 0;
    loop {
        let received = host.receive(rest);
        rest = &rest[received.consumed..];
        match received.event {
            Some(HostEvent::Completion { .. }) => completed += 1,
            Some(event) => drop(black_box(event)),
            None => break,
        }
    }
    assert_eq!(completed, DEPTH);
}
