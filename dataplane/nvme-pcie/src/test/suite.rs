//! The suite that every device passes, over controllers of many kinds.

use sluice_device::conformance::{self, Traits};
use sluice_device::random::Random;

use super::rig::open;
use crate::Options;
use crate::model::{Config, Model};

/// Runs the suite; afterwards no command may have strayed outside what was mapped.
fn conforms(config: &Config, options: &Options, shuffle: Option<u64>) {
    let mut models = Vec::new();
    conformance::run(Traits::default(), |pool| {
        let model = Model::new(config.clone());
        let device = open(&model, pool, options.clone(), |_| {}).unwrap();
        model.faults(|faults| (faults.shuffle, faults.keep) = (shuffle.map(Random::new), shuffle.is_some()));
        models.push(model);
        device
    });
    assert!(models.iter().all(|model| model.counts().stray == 0), "{config:?}");
}

fn options(queue_depth: u32) -> Options {
    Options { name: "0000:01:00.0".to_owned(), queue_depth, ..Options::default() }
}

#[test]
fn a_controller_with_everything_conforms() {
    for block_size in [512, 4096] {
        let config = Config { block_size, blocks: (8 << 20) / u64::from(block_size), ..Config::default() };
        conforms(&config, &options(40), None);
    }
}

#[test]
fn a_controller_with_nothing_conforms() {
    let config = Config {
        mdts: 5,
        sgl: false,
        shadow_doorbells: false,
        volatile_write_cache: false,
        clears: false,
        weighted: false,
        doorbell_stride: 3,
        ..Config::default()
    };
    conforms(&config, &options(40), None);
}

#[test]
fn prp_lists_of_the_longest_transfers_conform() {
    let config = Config { mdts: 0, sgl: false, blocks: 65_536, ..Config::default() };
    conforms(&config, &options(255), None);
}

#[test]
fn short_queues_and_interrupts_conform() {
    let config = Config { queue_entries: 41, interrupt: true, ..Config::default() };
    conforms(&config, &options(255), None);
}

#[test]
fn completions_out_of_order_conform() {
    for seed in 0..4 {
        println!("seed {seed}");
        conforms(&Config::default(), &options(64), Some(seed));
    }
}

#[test]
fn several_queue_pairs_conform() {
    let config = Config { queue_entries: 41, interrupt: true, ..Config::default() };
    conforms(&config, &Options { queue_pairs: 8, ..options(255) }, None);
    let bare = Config { shadow_doorbells: false, weighted: false, ..Config::default() };
    conforms(&bare, &Options { queue_pairs: 4, ..options(64) }, Some(1));
}
