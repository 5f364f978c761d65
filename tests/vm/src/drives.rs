//! Emulated NVMe drives behind a virtual IOMMU, each in a slot of its own that it can be pulled from.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const DRIVE_BYTES: u64 = 256 << 20;

/// Adds `count` drives, their files in `folder`, and qemu's monitor.
pub(crate) fn attach(command: &mut Command, count: u32, folder: &Path) {
    if count == 0 {
        return;
    }
    let monitor = format!("unix:{},server=on,wait=off", folder.join("monitor").display());
    command.args(["-qmp", &monitor, "-device", "intel-iommu,intremap=on"]);
    for drive in 0..count {
        let file = blank(folder, &format!("drive{drive}"));
        let slot = drive + 1;
        command.args(["-drive", &format!("file={file},format=raw,if=none,id=drive{drive},cache=unsafe")]);
        command.args(["-device", &format!("pcie-root-port,id=port{drive},chassis={slot},slot={slot}")]);
        let device = format!("nvme,id=nvme{drive},bus=port{drive},serial=SLUICE{drive},drive=drive{drive}");
        command.args(["-device", &format!("{device},max_ioqpairs=8")]);
    }
}

/// A sparse file of a drive's size.
fn blank(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    File::create(&path).and_then(|file| file.set_len(DRIVE_BYTES)).expect("make a drive's file");
    path.display().to_string()
}

pub(crate) fn throttle(folder: &Path, drive: u32, iops: u32) {
    let limits = json!({ "device": format!("drive{drive}"), "iops": iops, "iops_rd": 0, "iops_wr": 0,
                         "bps": 0, "bps_rd": 0, "bps_wr": 0 });
    Monitor::open(folder).execute("block_set_io_throttle", &limits);
}

pub(crate) fn unplug(folder: &Path, drive: u32) {
    Monitor::open(folder).execute("device_del", &json!({ "id": format!("nvme{drive}") }));
}

pub(crate) fn plug(folder: &Path, drive: u32) {
    let mut monitor = Monitor::open(folder);
    let (node, file) = (format!("new{drive}"), blank(folder, &format!("new{drive}")));
    monitor.execute("blockdev-add", &json!({ "driver": "file", "node-name": node, "filename": file }));
    let (id, bus) = (format!("nvme{drive}"), format!("port{drive}"));
    let serial = format!("NEW{drive}");
    monitor.execute(
        "device_add",
        &json!({ "driver": "nvme", "id": id, "bus": bus, "serial": serial, "drive": node }),
    );
}

/// A session with qemu's monitor (QMP).
struct Monitor {
    answers: BufReader<UnixStream>,
}

impl Monitor {
    fn open(folder: &Path) -> Self {
        let stream = UnixStream::connect(folder.join("monitor")).expect("connect to qemu's monitor");
        let mut monitor = Self { answers: BufReader::new(stream) };
        let greeting = monitor.next();
        assert!(greeting["QMP"].is_object(), "{greeting}");
        monitor.execute("qmp_capabilities", &json!({}));
        monitor
    }

    fn execute(&mut self, command: &str, arguments: &Value) {
        let text = json!({ "execute": command, "arguments": arguments }).to_string();
        self.answers.get_mut().write_all(text.as_bytes()).expect("write to qemu's monitor");
        loop {
            let answer = self.next();
            assert!(answer["error"].is_null(), "{command}: {answer}");
            // Events come in between.
            if !answer["return"].is_null() {
                return;
            }
        }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("read from qemu's monitor");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("qemu's monitor: {error} in {line}"))
    }
}
