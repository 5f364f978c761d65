//! The suite that every device passes.

use sluice_device::conformance::{self, Traits};
use sluice_nvme_pcie::Options;

use crate::rig::{RealTime, address, open};

#[test]
fn conforms() {
    let Some(address) = address() else { return };
    let plain = Options { sgl: false, shadow_doorbells: false, queue_depth: 64, ..Options::default() };
    let spread = Options { queue_pairs: 4, ..Options::default() };
    for options in [Options::default(), plain, spread] {
        conformance::run(Traits::default(), |pool| RealTime(open(address, &options, pool).0));
    }
}
