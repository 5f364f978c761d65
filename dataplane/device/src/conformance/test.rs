//! The suite over every device and layer of this crate.

use super::*;
use crate::Nanos;
use crate::cached::CachedDevice;
use crate::delay::{DelayDevice, DelayOptions};
use crate::error::{ErrorDevice, Faults};
use crate::memory::{MemoryDevice, MemoryOptions};
use crate::null::{NullDevice, NullOptions};
use crate::ssd::{SsdDevice, SsdOptions};
use crate::torn::{TornDevice, TornOptions};

const ORDINARY: Traits = Traits { forgetful: false };

fn memory(block_size: u32) -> MemoryDevice {
    let blocks = (4 << 20) / u64::from(block_size);
    let options = MemoryOptions {
        block_size,
        blocks,
        queue_depth: 40,
        huge_pages: block_size == 4096,
        resident: block_size == 512,
    };
    MemoryDevice::new("memory", &options).unwrap()
}

#[test]
fn memory_devices_conform() {
    for block_size in [512, 1024, 4096] {
        run(ORDINARY, |_| memory(block_size));
    }
}

#[test]
fn cached_files_conform() {
    let folder = tempfile::tempdir().unwrap();
    for block_size in [512, 4096] {
        let path = folder.path().join(block_size.to_string());
        run(ORDINARY, |_| CachedDevice::open(&path, block_size, (4 << 20) / u64::from(block_size)).unwrap());
    }
}

#[test]
fn null_devices_conform() {
    let traits = Traits { forgetful: true };
    for block_size in [512, 4096] {
        run(traits, |_| NullDevice::new("null", &NullOptions { block_size, ..NullOptions::default() }));
    }
}

#[test]
fn delayed_devices_conform() {
    let options = DelayOptions { base: Nanos(10_000), spread: Nanos(50_000), seed: 7 };
    run(ORDINARY, |_| DelayDevice::new(memory(4096), options));
}

#[test]
fn devices_with_a_drives_time_conform() {
    let options = SsdOptions { garbage_parts: 50, garbage: Nanos(2_000_000), ..SsdOptions::default() };
    run(ORDINARY, |_| SsdDevice::new(memory(512), options));
}

#[test]
fn a_layer_without_faults_conforms() {
    run(ORDINARY, |_| ErrorDevice::new(memory(512), &Faults::new(1)));
}

#[test]
fn torn_devices_conform() {
    for (block_size, atom_bytes) in [(512, 512), (4096, 512)] {
        let options =
            TornOptions { block_size, blocks: 1024, atom_bytes, seed: 11, ..TornOptions::default() };
        run(ORDINARY, |_| TornDevice::new(options.clone()));
    }
}

#[test]
fn layers_stack() {
    let options = DelayOptions { base: Nanos(100), spread: Nanos(1000), seed: 8 };
    run(ORDINARY, |_| {
        let boxed: Box<dyn BlockDevice> = Box::new(ErrorDevice::new(memory(512), &Faults::new(1)));
        DelayDevice::new(boxed, options)
    });
}

#[test]
#[should_panic(expected = "reads give what was written")]
fn a_device_that_forgets_is_found() {
    run(ORDINARY, |_| NullDevice::new("null", &NullOptions::default()));
}
