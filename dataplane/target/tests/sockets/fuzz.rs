//! A million PDUs made of valid traffic and damaged in places, over many short connections, against the live
//! target: it survives, gives back all it held, and a witness alongside reads no wrong block.
//!
//! In a build without optimization a tenth of it, unless `SLUICE_FUZZ_PDUS` says how many. All of it:
//!
//! ```text
//! cargo test --release -p sluice-target --test sockets fuzz
//! ```
//!
//! `SLUICE_SEED` replays a run; its seed is printed when it fails. What arrives between which of the witness's
//! commands is the scheduler's choice, so a replay is the same traffic, not the same interleaving.

use crate::harness::association::{enable, pattern};
use crate::harness::host::{Connect, io};
use crate::harness::pdu::{Digests, Transfer};
use crate::harness::{Association, BLOCK, Target, VOLUME_BLOCKS, Wire, Witness, resident_bytes};
use sluice_device::random::Random;
use sluice_nvme::fabrics::disconnect::DisconnectCommand;
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::nqn::DISCOVERY_NQN;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::property::Property;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::tcp::{DigestFlags, IcReq, PduType};
use std::sync::atomic::{AtomicBool, Ordering};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

/// PDUs that the target is to take in and answer, at least.
fn wanted() -> u64 {
    let chosen = std::env::var("SLUICE_FUZZ_PDUS").ok().and_then(|pdus| pdus.parse().ok());
    chosen.unwrap_or(if cfg!(debug_assertions) { 100_000 } else { 1_000_000 })
}

/// The most that the process may grow meanwhile: the data memory, the device's blocks and some air.
const GROWTH_BYTES: u64 = 256 << 20;

/// PDUs of one connection at most, fewer than its queue has entries: more would be refused for that.
const BURST: u64 = 400;

/// Where traffic comes from.
struct Source<'a> {
    random: Random,
    association: &'a Association,
    digests: Digests,
}

/// What a connection begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nothing said: the handshake is fuzzed.
    Open,
    Initialized,
    Admin,
    Discovery,
    Io(u16),
}

impl Source<'_> {
    fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    fn start(&mut self) -> Start {
        match self.below(20) {
            0 => Start::Open,
            1 => Start::Initialized,
            2..=4 => Start::Admin,
            5 => Start::Discovery,
            _ => Start::Io(u16::try_from(1 + self.below(16)).expect("16 queues")),
        }
    }

    fn connect(&mut self, start: Start) -> Connect {
        match start {
            Start::Io(qid) => Connect { sqsize: 1023, ..self.association.io_queue(qid) },
            Start::Discovery => Connect { sqsize: 1023, ..Connect::admin(DISCOVERY_NQN) },
            _ => Connect { sqsize: 1023, ..Connect::admin(&self.association.subsystem) },
        }
    }

    fn open(&mut self, target: &Target) -> (Start, Wire) {
        self.digests = [Digests::default(), Digests { header: true, data: true }][self.random.index(2)];
        let start = self.start();
        let mut wire = match start {
            Start::Open => Wire::open(target),
            _ => Wire::initialized(target, self.digests),
        };
        if matches!(start, Start::Admin | Start::Discovery | Start::Io(_)) {
            let connect = self.connect(start);
            let cqe = wire.connect(&connect);
            assert!(cqe.status().is_success(), "{start:?}: {:?}", cqe.status());
        }
        (start, wire)
    }

    /// A valid PDU for a connection that began so, or one that is valid elsewhere.
    fn pdu(&mut self, start: Start, cid: u16) -> Vec<u8> {
        match (start, self.below(1024)) {
            (Start::Open, 0..600) => {
                let flags = DigestFlags::new(self.digests.header, self.digests.data);
                IcReq::new(0, flags, 0).as_bytes().to_vec()
            }
            (_, 0) => IcReq::new(0, DigestFlags::default(), 0).as_bytes().to_vec(),
            (Start::Open | Start::Initialized, 1..800) => {
                let other = [Start::Admin, Start::Discovery, Start::Io(9)][self.random.index(3)];
                let (sqe, data) = self.connect(other).capsule();
                self.digests.capsule(&sqe, &data)
            }
            (Start::Admin | Start::Discovery, _) => {
                let sqe = self.admin(cid);
                self.damaged_capsule(sqe, &[])
            }
            (_, 1..4) => self.h2c_data(cid),
            _ => self.io(cid),
        }
    }

    fn h2c_data(&mut self, cid: u16) -> Vec<u8> {
        let ttag = u16::try_from(self.below(4)).expect("small");
        let transfer = Transfer { cid: cid.saturating_sub(1), ttag, offset: 0, last: true };
        self.digests.h2c_data(transfer, &[0xee; BLOCK])
    }

    fn io(&mut self, cid: u16) -> Vec<u8> {
        use NvmOpcode::{Compare, DatasetManagement, Flush, Read, Write, WriteZeroes};
        let opcode =
            [Read, Read, Write, Write, Compare, Flush, WriteZeroes, DatasetManagement][self.random.index(8)];
        let (lba, blocks) = (self.below(VOLUME_BLOCKS), 1 + self.random.index(2));
        let mut sqe = io(opcode, lba, blocks);
        sqe.cid = U16::new(cid);
        let bytes = blocks * BLOCK;
        match opcode {
            Flush | WriteZeroes => sqe.set_sgl(Sgl::Transport { length: 0 }),
            Write | Compare if self.below(8) > 0 => {
                let length = u32::try_from(bytes).expect("short");
                sqe.set_sgl(Sgl::InCapsule { offset: 0, length });
                let data = pattern(self.random.next(), blocks);
                return self.damaged_capsule(sqe, &data);
            }
            DatasetManagement => {
                (sqe.cdw10, sqe.cdw11) = (U32::new(1), U32::new(4));
                sqe.set_sgl(Sgl::InCapsule { offset: 0, length: 32 });
                let ranges = pattern(self.below(VOLUME_BLOCKS), 1);
                return self.damaged_capsule(sqe, &ranges[..32]);
            }
            _ => sqe.set_sgl(Sgl::Transport { length: u32::try_from(bytes).expect("short") }),
        }
        self.damaged_capsule(sqe, &[])
    }

    fn admin(&mut self, cid: u16) -> Sqe {
        use AdminOpcode::{
            Abort, AsyncEventRequest, GetFeatures, GetLogPage, Identify, KeepAlive, SetFeatures,
        };
        let mut sqe = Sqe::default();
        match self.below(12) {
            0 => sqe = enable(),
            1 => PropertyCommand::get(Property::Csts).write_get_to(&mut sqe),
            2 => DisconnectCommand::default().write_to(&mut sqe),
            _ => {
                let all =
                    [Identify, GetLogPage, GetFeatures, SetFeatures, KeepAlive, Abort, AsyncEventRequest];
                sqe.opcode = all[self.random.index(all.len())].wire();
                sqe.cdw10 = U32::new(u32::try_from(self.below(256)).expect("small") | 0x00ff_0000);
            }
        }
        sqe.cid = U16::new(cid);
        sqe.set_sgl(Sgl::Transport { length: 4096 });
        sqe
    }

    /// A capsule whose entry may be wrong in up to three bytes, with right digests: what is deep gets deep.
    fn damaged_capsule(&mut self, mut sqe: Sqe, data: &[u8]) -> Vec<u8> {
        for _ in 0..self.below(4) {
            let (at, value) = (self.random.index(64), self.byte());
            let bytes = sqe.as_mut_bytes();
            bytes[at] = if self.random.chance(500) { value } else { bytes[at] ^ (1 << (value % 8)) };
        }
        self.digests.capsule(&sqe, data)
    }

    /// The PDU as it is in most cases; else damaged anywhere, cut, or with a stretch of it twice.
    fn damaged(&mut self, mut pdu: Vec<u8>) -> Vec<u8> {
        let at = self.random.index(pdu.len());
        match self.below(1500) {
            0 => pdu[at] = self.byte(),
            1 => pdu[at % 24] = self.byte(),
            2 => pdu.truncate(at),
            3 => pdu.extend_from_within(..at),
            _ => {}
        }
        pdu
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("less than 256")
    }

    /// What one connection sends, and how many PDUs that is.
    fn burst(&mut self, start: Start) -> Vec<u8> {
        let count = u16::try_from(1 + self.below(BURST)).expect("small");
        let mut bytes = Vec::new();
        for cid in 0..count {
            let pdu = self.pdu(start, cid);
            bytes.extend(self.damaged(pdu));
        }
        bytes
    }
}

/// One connection from its beginning to its end. Returns how many PDUs the target has answered.
fn connection(source: &mut Source<'_>, target: &Target) -> u64 {
    let (start, mut wire) = source.open(target);
    let burst = source.burst(start);
    // Sent and taken at once, for each side may have to wait for the other.
    let mut sender = wire.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            sender.send(&burst);
            sender.finish();
        });
        let mut answered = 0;
        while let Some(pdu) = wire.pdu_or_end() {
            // A C2HData comes before or instead of the response to the same command.
            answered += u64::from(pdu.kind != PduType::C2hData || pdu.bytes[1] & 8 != 0);
        }
        answered
    })
}

#[test]
fn a_million_damaged_pdus_harm_nobody() {
    let seed = std::env::var("SLUICE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x51_u64);
    println!("SLUICE_SEED={seed}");
    let target = Target::with(|config| config.limits.queue_entries = 1024);
    let (victim, untouched) = (target.volume("victim"), target.volume("untouched"));
    let association = Association::open(&target, &victim, 0);
    let before = resident_bytes();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let witness = scope.spawn(|| {
            let mut witness = Witness::open(&target, &target.volume("witness"));
            let mut rounds = 0u64;
            while !over.load(Ordering::Relaxed) {
                witness.testify();
                rounds += 1;
            }
            rounds
        });
        let mut source =
            Source { random: Random::new(seed), association: &association, digests: Digests::default() };
        let (mut answered, mut connections) = (0, 0u64);
        while answered < wanted() && !witness.is_finished() {
            answered += connection(&mut source, &target);
            connections += 1;
        }
        over.store(true, Ordering::Relaxed);
        let rounds = witness.join().expect("the witness read what it wrote");
        println!(
            "{answered} PDUs answered on {connections} connections beside {rounds} rounds of the witness"
        );
        assert!(rounds > 0);
    });
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "{grown} bytes more than before");
    target.until_connections(1);
    target.until_idle();
    let mut reader = Association::open(&target, &untouched, 1);
    for lba in (0..VOLUME_BLOCKS).step_by(32) {
        assert!(reader.io[0].read(lba, 32) == Ok(vec![0; 32 * BLOCK]), "SLUICE_SEED={seed}: block {lba}");
    }
}
