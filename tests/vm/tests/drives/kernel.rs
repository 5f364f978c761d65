//! Drives that stay with the guest kernel's driver: commands through io_uring, and polled block devices.

use std::time::Duration;

use sluice_vm::{Lab, Machine, MachineConfig, drive_tests, node_programs};

#[test]
fn a_drive_is_served_through_the_kernels_driver() {
    let Some(lab) = Lab::open() else { return };
    let programs = [vec![("drive", drive_tests())], node_programs()].concat();
    let mut guest = Machine::boot(lab, &MachineConfig { drives: 1, programs, ..MachineConfig::default() });
    guest.sh("load_drives && hostname vm && until_true 20 test -c /dev/ng0n1
        drive_address SLUICE0 > /tmp/address");
    let passed = guest.run_within(
        Duration::from_secs(300),
        "SLUICE_NG=/dev/ng0n1 SLUICE_BLOCK=/dev/nvme0n1 RUST_BACKTRACE=1 drive kernel:: --test-threads=1 --nocapture",
    );
    println!("{}", passed.output);
    assert_eq!(passed.code, 0, "{}", passed.output);

    // The daemon: a pool, a volume, and the guest's own kernel as the host.
    guest.sh("printf '[api]\\nlisten = \"unix:/run/api\"\\n[node]\\nready_file = \"/run/ready\"\\n' > /tmp/sluiced.toml
        printf '[[device]]\\nname = \"d0\"\\nuri = \"ng:/dev/ng0n1\"\\n' >> /tmp/sluiced.toml
        dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=128 oflag=direct 2> /dev/null
        sluiced --config /tmp/sluiced.toml 2> /tmp/log & echo $! > /tmp/pid
        until_true 30 test -e /run/ready || { cat /tmp/log; exit 1; }
        export SLUICE_NODE=unix:/run/api
        sluice --node unix:/run/api pool create d0 --force > /tmp/pool || sluice --node unix:/run/api device list
        sluice --node unix:/run/api volume create v0 --app vm --size 64MiB --block-size 4096 --pool d0 > /tmp/made
        sluice --node unix:/run/api volume publish v0 --any-host > /tmp/made || { cat /tmp/log; exit 1; }");
    let volume = guest.json("sluice --node unix:/run/api -o json volume list");
    let nqn = volume[0]["nqn"].as_str().expect("a volume has an NQN").to_owned();
    let load = guest.run_within(
        Duration::from_secs(120),
        &format!("TARGET=127.0.0.1; d=$(attach 4420 {nqn} -i 1) || {{ cat /tmp/log; exit 1; }}
        fio --name=v --filename=$d --size=8m --rw=randrw --bsrange=4k-64k --ioengine=libaio --iodepth=8 --direct=1 \
            --verify=crc32c --verify_fatal=1 --do_verify=1 && detach {nqn}"),
    );
    assert_eq!(load.code, 0, "{}", load.output);
    let device = &guest.json("sluice --node unix:/run/api -o json device list")[0];
    assert_eq!(
        (&device["state"], &device["info"]["serial"]),
        (&"pool".into(), &"SLUICE0".into()),
        "{device}"
    );
    let drive = &guest.json("sluice --node unix:/run/api -o json drive list")[0];
    assert_eq!(
        (&drive["serial"], &drive["driver"], &drive["devices"][0]),
        (&"SLUICE0".into(), &"nvme".into(), &"d0".into()),
        "{drive}"
    );
    assert!(drive["health"]["temperature_celsius"].as_i64().is_some_and(|celsius| celsius > 0), "{drive}");
    let log = guest.sh("kill $(cat /tmp/pid); until_true 30 test ! -e /run/ready; cat /tmp/log");
    assert!(log.contains("direct, registered buffers, registered file"), "the modes are told:\n{log}");

    // Queues that are polled come with the driver's next probe.
    guest.sh("echo 1 > /sys/module/nvme/parameters/poll_queues
        a=$(cat /tmp/address); echo $a > /sys/bus/pci/drivers/nvme/unbind; echo $a > /sys/bus/pci/drivers/nvme/bind
        until_true 20 test -b /dev/nvme0n1 && [ $(cat /sys/block/nvme0n1/queue/io_poll) = 1 ]");
    let polled = guest.run_within(
        Duration::from_secs(200),
        "SLUICE_POLLED=/dev/nvme0n1 RUST_BACKTRACE=1 drive kernel:: --test-threads=1 --nocapture",
    );
    println!("{}", polled.output);
    assert_eq!(polled.code, 0, "{}", polled.output);
    guest.finish();
}
