//! The whole way: `sluiced` in the guest drives the drives, and the guest's own kernel is the host, over the loopback.

use std::time::Duration;

use serde_json::Value;
use sluice_vm::{Lab, Machine, MachineConfig, node_programs};

/// A guest whose drives are in the hands of a daemon, as devices `d0` and so on.
pub(crate) struct Served {
    pub(crate) guest: Machine,
}

impl Served {
    pub(crate) fn boot(drives: u32) -> Option<Self> {
        let lab = Lab::open()?;
        let programs = node_programs();
        let mut guest = Machine::boot(lab, &MachineConfig { drives, programs, ..MachineConfig::default() });
        guest.sh("load_drives && hostname vm && sluice host prepare --pages 2MiB=96 > /tmp/host
            printf '[api]\\nlisten = \"unix:/run/api\"\\n[node]\\nready_file = \"/run/ready\"\\n' > /tmp/sluiced.toml");
        for drive in 0..drives {
            guest.sh(&format!(
                "until_true 20 drive_address SLUICE{drive} > /tmp/address{drive} || exit 1
                a=$(cat /tmp/address{drive}); sluice host prepare --drive $a > /tmp/host || exit 1
                printf '[[device]]\\nname = \"d{drive}\"\\nuri = \"pcie:%s\"\\n' $a >> /tmp/sluiced.toml"
            ));
        }
        guest.sh("sluiced --config /tmp/sluiced.toml 2> /tmp/log & echo $! > /tmp/pid
            until_true 30 test -e /run/ready || { cat /tmp/log; exit 1; }");
        Some(Self { guest })
    }

    pub(crate) fn sluice(&mut self, arguments: &str) -> Value {
        self.guest
            .json(&format!("sluice --node unix:/run/api -o json {arguments} || {{ cat /tmp/log; exit 1; }}"))
    }

    /// Makes a volume on device `d<drive>`, connects to it and links it as `/tmp/v<drive>`.
    fn volume(&mut self, drive: u32) -> String {
        let name = format!("v{drive}");
        let made = format!("volume create {name} --app vm --size 128MiB --block-size 4096 --pool d{drive}");
        let volume = self.sluice(&made);
        self.sluice(&format!("volume publish {name} --any-host"));
        let nqn = volume["nqn"].as_str().expect("a volume has an NQN").to_owned();
        let attach = format!("TARGET=127.0.0.1; d=$(attach 4420 {nqn} -i 2) || exit 1; ln -s $d /tmp/{name}");
        self.guest.sh(&attach);
        nqn
    }

    /// The state of device `d<drive>`, and why it is so.
    pub(crate) fn state(&mut self, drive: usize) -> (String, String) {
        let devices = self.sluice("device list");
        let text = |name: &str| devices[drive][name].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    }

    /// Ends the daemon as an operator does.
    pub(crate) fn end(&mut self) {
        self.guest.sh("kill $(cat /tmp/pid); until_true 30 test ! -e /run/ready");
    }
}

#[test]
fn a_file_system_holds_on_a_drive_in_user_space() {
    let Some(mut served) = Served::boot(1) else { return };
    let nqn = served.volume(0);
    let load = served.guest.run_within(
        Duration::from_secs(300),
        "set -e
        mkfs.ext4 -q /tmp/v0 && mount /tmp/v0 /mnt
        fio --name=v --directory=/mnt --size=24m --numjobs=2 --rw=randrw --bsrange=4k-128k --ioengine=libaio \
            --iodepth=16 --direct=1 --fsync=32 --verify=crc32c --verify_fatal=1 --do_verify=1 --group_reporting
        rm /mnt/v.* && fstrim /mnt && umount /mnt
        fsck.ext4 -f -n /tmp/v0 || { cat /tmp/log; exit 1; }",
    );
    assert_eq!(load.code, 0, "{}", load.output);
    assert!(load.output.contains("err= 0"), "{}", load.output);

    let device = &served.sluice("device list")[0];
    assert_eq!(
        (&device["state"], &device["info"]["kind"]),
        (&"pool".into(), &"nvme-pcie".into()),
        "{device}"
    );
    assert_eq!(device["info"]["serial"], "SLUICE0", "{device}");
    assert_eq!(device["health"]["warnings"], Value::Array(Vec::new()), "{device}");
    let drive = &served.sluice("drive list")[0];
    assert_eq!(
        (&drive["serial"], &drive["driver"], &drive["devices"][0]),
        (&"SLUICE0".into(), &"vfio-pci".into(), &"d0".into()),
        "{drive}"
    );
    assert!(drive["size_bytes"] == 256 << 20 && drive["health"]["warnings"].is_array(), "{drive}");
    let log = served.guest.sh("cat /tmp/log");
    assert!(log.contains("buffers=\"2 MiB pages"), "buffers on huge pages, for they were reserved:\n{log}");
    let host = served.guest.json("sluice -o json host status");
    let drive = &host["drives"][0];
    assert_eq!((&drive["driver"], &host["iommu"]), (&"vfio-pci".into(), &true.into()), "{host}");
    assert!(drive["users"][0].as_str().is_some_and(|user| user.starts_with("sluiced (")), "{host}");
    served.guest.sh(&format!("detach {nqn}"));
    served.end();

    // The host is put back, and the kernel's driver leaves a drive with a pool of ours free to be taken again.
    served.guest.sh("sluice host undo && until_true 20 test -b /dev/nvme0n1");
    let host = served.guest.json("sluice -o json host status");
    assert_eq!(
        (&host["drives"][0]["driver"], &host["drives"][0]["uses"]),
        (&"nvme".into(), &Value::Array(Vec::new()))
    );
    assert_eq!(
        (&host["pages"][0]["total"], &host["changes"]),
        (&0.into(), &Value::Array(Vec::new())),
        "{host}"
    );
    served.guest.sh("mkfs.ext4 -q /dev/nvme0n1");
    let refused = served.guest.run("sluice host prepare --drive $(cat /tmp/address0)");
    assert!(
        refused.code == 5 && refused.output.contains("nvme0n1 holds an ext file system"),
        "{}",
        refused.output
    );
    served.guest.finish();
}

#[test]
fn a_drive_that_is_pulled_takes_only_its_own_volumes_along() {
    let Some(mut served) = Served::boot(2) else { return };
    let nqns = [served.volume(0), served.volume(1)];
    served.guest.sh(
        "for v in 0 1; do
            fio --name=v --filename=/tmp/v$v --size=16m --rw=randwrite --bs=16k --ioengine=libaio --iodepth=8 \
                --direct=1 --time_based --runtime=25 --verify=crc32c --verify_fatal=1 > /tmp/fio$v 2>&1 \
                && echo good > /tmp/end$v || echo bad > /tmp/end$v &
        done
        sleep 3",
    );
    served.guest.unplug(1);
    served.guest.sh("until_true 60 test -e /tmp/end1 || { cat /tmp/log; dmesg | tail; exit 1; }");
    let (state, reason) = served.state(1);
    assert_eq!((state.as_str(), reason.as_str()), ("lost", "the host asks for the device back"));
    let pulled = &served.sluice("device list")[1];
    assert_eq!(pulled["counts"]["losses"], 1, "{pulled}");
    let events = served.sluice("device events d1");
    let last = events.as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!(last["text"], "the device is given up: the host asks for the device back", "{events}");
    assert_eq!(served.state(0).0, "pool");
    let ends = served
        .guest
        .sh("until_true 90 test -e /tmp/end0 && cat /tmp/end0 /tmp/end1 && ! test -e $(cat /tmp/address1)");
    assert_eq!(ends, "good\nbad", "the other drive's volume is served as before");

    // A new drive in the same slot becomes a pool of the same name, with the daemon running on.
    served.guest.sh(&format!(
        "detach {}; until_true 30 test ! -e /sys/bus/pci/devices/$(cat /tmp/address1)",
        nqns[1]
    ));
    served.guest.plug(1);
    served
        .guest
        .sh("until_true 30 drive_address NEW1 > /tmp/address && sluice host prepare --drive $(cat /tmp/address) > /tmp/host
        cmp /tmp/address /tmp/address1");
    served.sluice("pool create d1");
    assert_eq!(served.state(1).0, "pool");
    let devices = served.sluice("device list");
    assert_eq!(devices[1]["info"]["serial"], "NEW1", "{devices}");
    let volumes = served.sluice("volume list");
    assert_eq!(volumes.as_array().map(Vec::len), Some(1), "the volumes went with their drive: {volumes}");
    served.guest.sh(&format!("detach {}", nqns[0]));
    served.end();
    served.guest.finish_expecting(&["nvme", "I/O error", "Buffer I/O"]);
}
