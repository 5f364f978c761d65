//! Both qpair machines against each other over a simulated wire.
//!
//! Fault model: segments are split and merged at any byte, either end sends and receives in any order and amount,
//! commands are answered in any order, with data, zeroes, results or errors. In the corruption runs one bit of one
//! direction is flipped behind the initialization PDUs, which have no digests.
//!
//! Checkers: every command completes exactly once; reads bring the bytes of their key, writes deliver them; Out
//! buffers come back unharmed; with digests nobody ever sees wrong data; nothing panics or stalls.
//!
//! A failing run prints its seed; `SLUICE_SEED=n` replays it alone.

#![forbid(unsafe_code)]

mod load;
mod random;
mod target;
mod wire;

use load::Load;
use random::Random;
use sluice_nvme::qpair::{ControllerParams, HostParams};
use target::Target;
use wire::Wire;

/// Length of ICReq and of ICResp.
const INITIALIZATION_BYTES: usize = 128;
/// More rounds than any run needs.
const ROUNDS: usize = 200_000;

struct World {
    random: Random,
    load: Load,
    target: Target,
    to_target: Wire,
    to_load: Wire,
}

impl World {
    fn new(seed: u64, digests: Option<(bool, bool)>) -> Self {
        let mut random = Random::new(seed);
        let depth = 1 + random.below(128);
        let max_commands = u16::try_from(depth).expect("at most 128");
        let (header_digest, data_digest) = digests.unwrap_or((random.one_in(2), random.one_in(2)));
        let mut pda = || u8::try_from(random.below(32)).expect("at most 31");
        let (cpda, hpda) = (pda(), pda());
        let in_capsule_bytes = random.pick(&[0, 512, 4096, 16384]);
        let controller = ControllerParams {
            header_digest: header_digest || digests.is_none() && random.one_in(2),
            data_digest: data_digest || digests.is_none() && random.one_in(2),
            cpda,
            max_h2c_data: random.pick(&[4096, 8192, 5000, 131_072]),
            in_capsule_bytes,
            max_commands,
        };
        let max_r2t = u32::try_from(random.below(4)).expect("at most 3");
        let host = HostParams { header_digest, data_digest, hpda, max_r2t, max_commands };
        let commands = 1 + random.below(60);
        Self {
            load: Load::new(&host, in_capsule_bytes, commands),
            target: Target::new(&controller, random.one_in(2)),
            to_target: Wire::default(),
            to_load: Wire::default(),
            random,
        }
    }

    /// One random thing happens.
    fn step(&mut self) {
        let Self { random, load, target, to_target, to_load } = self;
        match random.below(7) {
            0 => load.submit(random),
            1 => target.answer(random),
            2 => {
                let sent = to_target.take(random, |out| load.qpair.transmit(out));
                load.qpair.transmitted(sent);
            }
            3 => {
                let sent = to_load.take(random, |out| target.qpair.transmit(out));
                target.qpair.transmitted(sent);
            }
            4 => target.receive(&to_target.segment(random), random),
            _ => load.receive(&to_load.segment(random), random),
        }
    }

    /// Until all commands are done or an end has given up; whether that happened in time.
    fn run(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.step();
            if self.load.is_done() || self.target.peer_terminated || self.load.peer_terminated {
                return true;
            }
        }
        false
    }

    fn is_over(&self) -> bool {
        self.load.is_over() || self.target.is_over()
    }

    fn saw_wrong_data(&self) -> bool {
        self.load.wrong_data || self.target.wrong_data
    }
}

/// Runs `test` for `count` seeds, or for the one that the environment names.
fn for_each_seed(count: u64, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    if let Ok(seed) = std::env::var("SLUICE_SEED") {
        return test(seed.parse().expect("SLUICE_SEED is a number"));
    }
    for seed in 0..count {
        if let Err(panic) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("failed with SLUICE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn every_command_completes_with_its_data() {
    for_each_seed(1500, |seed| {
        let mut world = World::new(seed, None);
        assert!(world.run(), "stalled");
        assert!(world.load.is_done() && !world.is_over());
        assert_eq!(world.load.transport_errors, 0);
        assert!(!world.saw_wrong_data(), "wrong data");
        assert_eq!(world.target.qpair.outstanding(), 0);
    });
}

/// Flips one bit within the first bytes of one direction.
fn corrupted(seed: u64, digests: (bool, bool)) -> World {
    let mut world = World::new(seed, Some(digests));
    let bit = INITIALIZATION_BYTES * 8 + world.random.below(8 * 20_000);
    let wire = if seed.is_multiple_of(2) { &mut world.to_target } else { &mut world.to_load };
    wire.flip = Some(bit);
    world
}

#[test]
fn with_digests_a_flipped_bit_never_becomes_wrong_data() {
    let found = std::cell::Cell::new([0u32; 3]);
    let count = std::panic::AssertUnwindSafe(&found);
    for_each_seed(3000, move |seed| {
        let mut world = corrupted(seed, (true, true));
        assert!(world.run(), "stalled");
        assert!(!world.saw_wrong_data(), "wrong data");
        let flipped = world.to_target.flipped || world.to_load.flipped;
        let noticed = world.is_over() || world.load.transport_errors > 0;
        assert!(flipped || !noticed, "noticed what did not happen");
        assert!(world.load.transport_errors <= 1, "one flip fails one command");
        let mut tally = count.get();
        tally[usize::from(flipped) + usize::from(noticed)] += 1;
        count.set(tally);
    });
    let [untouched, padding, noticed] = found.get();
    println!("no flip {untouched}, in padding {padding}, noticed {noticed}");
    assert!(std::env::var_os("SLUICE_SEED").is_some() || noticed > 1000, "the flips hit too little");
}

/// Also shows that the checkers see wrong data when there is any.
#[test]
fn header_digests_alone_guard_headers_and_nothing_else() {
    let wrong = std::cell::Cell::new(0u32);
    let count = std::panic::AssertUnwindSafe(&wrong);
    for_each_seed(1500, move |seed| {
        let mut world = corrupted(seed, (true, false));
        assert!(world.run(), "stalled");
        assert_eq!(world.load.transport_errors, 0);
        count.set(count.get() + u32::from(world.saw_wrong_data()));
    });
    assert!(std::env::var_os("SLUICE_SEED").is_some() || wrong.get() > 100, "the checkers are blind");
}
