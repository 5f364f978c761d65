//! One storage node: `sluiced` as a process of this machine, in a folder of its own, and `sluice` to command it.
//!
//! The daemon listens on the loopback, which the guest reaches as 10.0.2.2. It chooses its port when it first starts
//! and keeps it over restarts, as a real node would.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::machine::tail;
use crate::programs::Programs;

/// How long the daemon may take to serve or to end: milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What lies under the node's only device.
#[derive(Clone, Copy, Debug)]
pub enum Backing {
    /// A file: survives the daemon.
    File,
    /// A file that loses, with the daemon, what was not flushed: as a drive does when the power fails.
    LosesUnflushed,
    /// Memory: gone with the daemon.
    Memory,
    /// Memory that takes the time of a drive with one die, sixteen times as slow as others, measured before it is
    /// formatted: one that an emulated guest can keep busy.
    SlowDrive,
}

/// A running node with one device of 512-byte blocks, named `disk`.
#[derive(Debug)]
pub struct Node {
    daemon: Child,
    folder: TempDir,
    backing: Backing,
    port: u16,
}

/// A volume that hosts may connect to.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// NQN of its subsystem.
    pub nqn: String,
    /// The namespace's UUID.
    pub uuid: String,
    /// The namespace's NGUID, 32 hexadecimal digits.
    pub nguid: String,
    /// Bytes of a logical block.
    pub block_size: u64,
    /// Bytes of all blocks.
    pub size_bytes: u64,
}

impl Volume {
    /// From what `sluice` says of it.
    ///
    /// # Panics
    ///
    /// When something is missing.
    #[must_use]
    pub fn from_json(volume: &Value) -> Self {
        let text = |member: &str| {
            let value = volume[member].as_str();
            value.unwrap_or_else(|| panic!("no {member} in {volume}")).to_owned()
        };
        let number =
            |member: &str| volume[member].as_u64().unwrap_or_else(|| panic!("no {member} in {volume}"));
        Self {
            name: text("name"),
            nqn: text("nqn"),
            uuid: text("uuid"),
            nguid: text("nguid"),
            block_size: number("block_size_bytes"),
            size_bytes: number("size_bytes"),
        }
    }
}

impl Node {
    /// Starts a node whose device has 512 MiB.
    ///
    /// # Panics
    ///
    /// When the daemon does not build or does not come to serve.
    #[must_use]
    pub fn start(backing: Backing) -> Self {
        let folder = tempfile::tempdir().expect("make a folder for the node");
        let daemon = spawn(&folder, backing, 0);
        let mut node = Self { daemon, folder, backing, port: 0 };
        node.await_ready();
        let listeners = &node.sluice(&["node"])["nvme_tcp_listeners"];
        let address = listeners[0].as_str().unwrap_or_else(|| panic!("no listener in {listeners}"));
        node.port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("an address ends with a port");
        node
    }

    /// The TCP port of the NVMe/TCP target.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a volume and lets every host connect to it.
    ///
    /// # Panics
    ///
    /// When `sluice` fails.
    pub fn volume(&self, name: &str, mebibytes: u32, block_size: u32) -> Volume {
        self.volume_of("vm", name, mebibytes, block_size)
    }

    /// As [`Node::volume`], for an application.
    ///
    /// # Panics
    ///
    /// When `sluice` fails.
    pub fn volume_of(&self, app: &str, name: &str, mebibytes: u32, block_size: u32) -> Volume {
        let (size, block_size) = (format!("{mebibytes}MiB"), block_size.to_string());
        let made = ["volume", "create", name, "--app", app, "--size", &size, "--block-size", &block_size];
        let volume = self.sluice(&made);
        self.sluice(&["volume", "publish", name, "--any-host"]);
        Volume::from_json(&volume)
    }

    /// Runs `sluice` on this node; its JSON output, null if there is none.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn sluice(&self, arguments: &[&str]) -> Value {
        let output = self.try_sluice(arguments);
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "sluice {}: {stderr}{stdout}", arguments.join(" "));
        if stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("sluice {arguments:?}: {error} in {stdout}"))
    }

    /// Runs `sluice` on this node, however it ends.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn try_sluice(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&Programs::get().sluice);
        command.args(["--node", &api(&self.folder), "--output", "json"]).args(arguments);
        command.output().expect("run sluice")
    }

    /// The open connections to a volume.
    ///
    /// # Panics
    ///
    /// When `sluice` fails.
    #[must_use]
    pub fn connections(&self, volume: &Volume) -> Vec<Value> {
        let answer = self.sluice(&["connection", "list", "--volume", &volume.name]);
        answer.as_array().unwrap_or_else(|| panic!("not a list: {answer}")).clone()
    }

    /// Ends the daemon as an operator does, with SIGTERM.
    ///
    /// # Panics
    ///
    /// When it does not end, or not well.
    pub fn terminate(&mut self) {
        let status = self.end(Signal::TERM);
        assert!(status.success(), "the daemon ended with {status} on SIGTERM");
    }

    /// Ends the daemon as a crash does, with SIGKILL.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Starts the daemon again on the same port and folder.
    ///
    /// # Panics
    ///
    /// When it does not come to serve.
    pub fn start_again(&mut self) {
        self.daemon = spawn(&self.folder, self.backing, self.port);
        self.await_ready();
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let id = i32::try_from(self.daemon.id()).ok().and_then(Pid::from_raw).expect("a process has an ID");
        kill_process(id, signal).expect("signal the daemon");
        let end = |node: &mut Self| node.daemon.try_wait().expect("wait for the daemon");
        self.poll("end", end)
    }

    fn await_ready(&mut self) {
        self.poll("serve", |node| {
            let end = node.daemon.try_wait().expect("wait for the daemon");
            assert!(end.is_none(), "the daemon ended at once: {end:?}");
            ready_file(&node.folder).exists().then_some(())
        });
    }

    fn poll<T>(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(value) = done(self) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "the daemon did not {what} in {} s", PATIENCE.as_secs());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Failures mean that the process has ended already, which is what is wanted.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- sluiced, the end\n{}", tail(&log, 40));
        }
    }
}

fn spawn(folder: &TempDir, backing: Backing, port: u16) -> Child {
    let path = folder.path();
    let (config, ready) = (path.join("sluiced.toml"), ready_file(folder));
    let (disk, api) = (path.join("disk"), api(folder));
    let (uri, calibration_ms) = match backing {
        Backing::File => (format!("uri = \"file:{}\"\nsize = \"512MiB\"", disk.display()), 0),
        Backing::LosesUnflushed => (format!("uri = \"cached:{}\"\nsize = \"512MiB\"", disk.display()), 0),
        Backing::Memory => ("uri = \"memory:512MiB\"".to_owned(), 0),
        Backing::SlowDrive => ("uri = \"ssd:128MiB\"\ndies = 1\nslowdown = 16".to_owned(), 500),
    };
    let text = format!(
        "[node]\nready_file = \"{}\"\n[api]\nlisten = \"{api}\"\n[qos]\ncalibration_ms = {calibration_ms}\n\
         [nvme_tcp]\nlisten = [\"127.0.0.1:{port}\"]\n\
         [[device]]\nname = \"disk\"\n{uri}\nblock_size = 512\n",
        ready.display()
    );
    fs::write(&config, text).expect("write the daemon's configuration");
    // One that was killed has left it behind.
    let _ = fs::remove_file(ready);
    let log =
        OpenOptions::new().create(true).append(true).open(path.join("log")).expect("open the daemon's log");
    let mut command = Command::new(&Programs::get().sluiced);
    command.arg("--config").arg(config).stderr(log).spawn().expect("start the daemon")
}

fn ready_file(folder: &TempDir) -> PathBuf {
    folder.path().join("ready")
}

fn api(folder: &TempDir) -> String {
    format!("unix:{}", folder.path().join("api").display())
}
