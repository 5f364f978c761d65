//! When a silent host loses its controller.

use super::{Controller, Host, Personality};
use crate::config::Limits;
use sluice_device::Nanos;
use sluice_nvme::feature::host_identifier::HostIdentifier;

const SECOND_NS: u64 = 1_000_000_000;

fn controller(personality: Personality, kato_ms: u32) -> Controller {
    let host = Host { nqn: "nqn.2014-08.org.nvmexpress:uuid:host".to_owned(), id: HostIdentifier([0; 16]) };
    Controller::new(personality, 0, 1, host, kato_ms, &Limits::default())
}

/// The first second after the last word at which the host is gone.
fn expires_after(personality: Personality, kato_ms: u32) -> Option<u64> {
    let controller = controller(personality, kato_ms);
    let last = Nanos(7 * SECOND_NS);
    (0..1000).find(|seconds| controller.keep_alive_expired(last, Nanos(last.0 + seconds * SECOND_NS + 1)))
}

#[test]
fn the_timeout_is_the_hosts_and_discovery_has_its_own() {
    assert_eq!(expires_after(Personality::Volume, 5_000), Some(6), "with a second of grace");
    assert_eq!(expires_after(Personality::Volume, 4_001), Some(6), "rounded up to the granularity");
    assert_eq!(expires_after(Personality::Volume, 0), None);
    assert_eq!(expires_after(Personality::Discovery, 5_000), Some(6));
    assert_eq!(expires_after(Personality::Discovery, 0), Some(121));
}
