//! Crash images: after every request that the disk carries out, what a loss of power would leave just then.

use sluice_device::random::Random;
use sluice_volume::FormatOptions;
use sluice_volume::thin::{ThinDone, ThinPool};

use crate::disk;
use crate::world::{Seen, World};

/// Histories, and turns of each.
const HISTORIES: u64 = 24;
const TURNS: u32 = 150;

impl World {
    /// Another world, which begins with what is left of this one.
    fn fork(&self, random: &mut Random) -> Self {
        let device = self.pool.device().inner().crashed(random);
        Self {
            random: Random::new(random.next()),
            buffers: self.buffers.clone(),
            pool: ThinPool::new(disk::disk(device, &self.faults), &self.buffers).unwrap(),
            faults: self.faults.clone(),
            now: self.now,
            tick: self.tick,
            next_stamp: self.next_stamp,
            model: self.model.clone(),
            flights: Vec::new(),
            control: self.control.clone(),
            prepared: None,
            faulty: false,
            pace: 1,
            scheduled: false,
            turns: Vec::new(),
            tells: false,
            seen: Seen::default(),
        }
    }

    /// Opens the pool that is left, and holds it against the model.
    fn survive(mut self) -> bool {
        self.pool.begin_open().unwrap();
        let opened = self.open_within(100_000).expect("it ends");
        assert_eq!(opened, Ok(ThinDone::Opened));
        let under_way = self.control.is_some();
        self.adopt(true);
        under_way
    }
}

#[test]
fn every_image_of_a_history_opens_to_what_was_promised() {
    let (mut images, mut under_way) = (0, 0);
    for seed in 0..HISTORIES {
        let mut world = World::new(seed, false);
        world.faulty = false;
        let uuid = world.uuid();
        world.pool.begin_format(FormatOptions { uuid, force: false }).unwrap();
        assert_eq!(world.finish_control(), Ok(ThinDone::Formatted));
        let mut random = Random::new(seed ^ 0x5eed);
        for turn in 0..TURNS {
            match world.random.below(10) {
                0..6 => world.begin_io(),
                6..8 => world.begin_control(),
                _ => {}
            }
            let before = world.pool.device().inner().carried_out();
            world.poll();
            if world.pool.device().inner().carried_out() > before {
                println!("history {seed}, turn {turn}");
                under_way += u32::from(world.fork(&mut random).survive());
                images += 1;
            }
        }
    }
    println!("{images} images, {under_way} of them in the midst of a control operation");
    assert!(images > 1000 && under_way > 50);
}
