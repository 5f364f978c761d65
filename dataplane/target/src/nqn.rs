//! The names under which volumes are found: stable over restarts, unique over nodes.

use uuid::Uuid;

pub use sluice_nvme::nqn::DISCOVERY_NQN as DISCOVERY;

/// What every volume's subsystem NQN begins with.
pub const PREFIX: &str = "nqn.2026-11.io.sluice:";

/// The subsystem NQN of a volume. Made of the UUID, not the name: two nodes may each have a volume
/// `data`, and a host that knows both must not take them for two paths to one.
#[must_use]
pub fn of_volume(uuid: &Uuid) -> String {
    format!("{PREFIX}{}", uuid.hyphenated())
}

/// The NGUID of a volume: its UUID's bytes, in the order hosts print them.
#[must_use]
pub fn nguid(uuid: &Uuid) -> [u8; 16] {
    *uuid.as_bytes()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn is_pinned() {
        let uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        assert_eq!(of_volume(&uuid), "nqn.2026-11.io.sluice:00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(nguid(&uuid)[..4], [0x00, 0x11, 0x22, 0x33]);
    }
}
