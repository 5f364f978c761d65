//! Drives that the daemon formats, and what it refuses.

use std::time::Duration;

use serde_json::Value;

use crate::daemon::Served;

impl Served {
    /// What erasing is refused with.
    fn refusal(&mut self, arguments: &str) -> String {
        let refused = self.guest.run(&format!("sluice --node unix:/run/api device {arguments}"));
        assert_eq!(refused.code, 5, "{arguments}: {}", refused.output);
        refused.output
    }

    /// Formats device `d0`.
    fn format(&mut self, arguments: &str) -> Value {
        let command = format!("sluice --node unix:/run/api -o json device format d0 {arguments}");
        let done = self.guest.run_within(Duration::from_secs(120), &command);
        assert_eq!(done.code, 0, "{}", done.output);
        serde_json::from_str(&done.output).expect("JSON")
    }
}

#[test]
fn a_drive_is_formatted_but_never_with_a_volume_on_it() {
    let Some(mut served) = Served::boot(1) else { return };
    let block_size = |device: &Value| device["info"]["block_size_bytes"].as_u64();
    let before = served.sluice("device list");
    assert_eq!((block_size(&before[0]), served.state(0).0.as_str()), (Some(512), "pool"), "{before}");

    served.sluice("volume create v0 --app vm --size 64MiB --block-size 4096");
    let refusal = served.refusal("format d0 --block-size 4096 --force");
    assert!(refusal.contains("pool \"d0\" holds volumes (1)"), "{refusal}");
    served.guest.sh("sluice --node unix:/run/api volume delete v0");
    let refusal = served.refusal("format d0 --block-size 4096");
    assert!(refusal.contains("holds a pool of volumes: use --force"), "{refusal}");
    assert_eq!(served.state(0).0, "pool", "it is served as before");

    let device = &served.format("--block-size 4096 --force")[0];
    assert_eq!(device["state"], "idle", "{device}");
    // Now it is blank, and needs no force; nor does a pool.
    assert_eq!(served.format("--block-size 512")[0]["state"], "idle");
    served.format("--block-size 4096");
    served.sluice("pool create d0");
    let after = served.sluice("device list");
    assert_eq!((block_size(&after[0]), served.state(0).0.as_str()), (Some(4096), "pool"), "{after}");

    // What the drive cannot do it is not asked for; the pool is opened again as it was.
    let refusal = served.refusal("sanitize d0 --by overwrite --force");
    assert!(refusal.contains("cannot be sanitized so; it offers none"), "{refusal}");
    assert_eq!(served.state(0).0, "idle");
    let pool = served.sluice("pool create d0");
    assert_eq!(pool[0]["uuid"], served.sluice("pool list")[0]["uuid"], "{pool}");
    served.end();
    let blocks = served
        .guest
        .sh("sluice host undo > /tmp/undone && until_true 20 test -b /dev/nvme0n1 && cat /sys/block/nvme0n1/queue/logical_block_size");
    assert_eq!(blocks, "4096", "the kernel's driver finds the format");
    served.guest.finish();
}
