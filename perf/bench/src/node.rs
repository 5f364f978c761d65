//! A `sluiced` of our own with one published volume.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::programs::{self, Programs};

/// Longest wait for the daemon; long because it may run under valgrind.
const START: Duration = Duration::from_secs(60);

/// Size of the volume.
pub(crate) const VOLUME_MIB: u64 = 256;

/// What the device is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backing {
    /// Accepts everything, reads zeroes.
    Null,
    /// Memory.
    Memory,
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Null { "null" } else { "memory" })
    }
}

/// What the reactor does when it has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polling {
    /// It polls.
    Always,
    /// It sleeps at once.
    Never,
    /// What the daemon does unless told otherwise.
    Default,
}

/// A running daemon; stopped when dropped.
pub(crate) struct Node {
    child: Child,
    folder: TempDir,
    /// What its device is made from.
    pub backing: Backing,
    /// Where hosts connect.
    pub address: String,
    /// The volume's subsystem.
    pub nqn: String,
}

impl Node {
    /// Starts `sluiced` and publishes a volume.
    pub(crate) fn start(
        programs: &Programs,
        backing: Backing,
        polling: Polling,
        core: usize,
    ) -> anyhow::Result<Self> {
        Self::start_by(programs, programs.command("sluiced"), backing, polling, core)
    }

    /// As [`Node::start`], by a command that takes the daemon's arguments.
    pub(crate) fn start_by(
        programs: &Programs,
        mut command: Command,
        backing: Backing,
        polling: Polling,
        core: usize,
    ) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("sluiced.toml");
        fs::write(&config, configuration(&folder, backing, polling, core))?;
        let log = fs::File::create(folder.path().join("log"))?;
        command.arg("--config").arg(config).current_dir(folder.path());
        let child =
            command.stdout(Stdio::null()).stderr(log).spawn().with_context(|| format!("{command:?}"))?;
        let mut node = Self { child, folder, backing, address: String::new(), nqn: String::new() };
        let ready = node.wait()?;
        text(&ready["nvme_tcp"][0])?.clone_into(&mut node.address);
        node.nqn = publish(programs, text(&ready["api"])?)?;
        Ok(node)
    }

    fn wait(&mut self) -> anyhow::Result<Value> {
        let (path, end) = (self.folder.path().join("ready"), Instant::now() + START);
        while !path.exists() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            ensure!(self.child.try_wait()?.is_none(), "sluiced ended: {}", log());
            ensure!(Instant::now() < end, "sluiced is not ready after {START:?}: {}", log());
            thread::sleep(Duration::from_millis(5));
        }
        programs::read_json(&path)
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Holds the daemon, which would poll on the same core, while something else is measured.
    pub(crate) fn while_stopped<T>(&self, measure: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.signal("-STOP")?;
        let result = measure();
        self.signal("-CONT")?;
        result
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let status = Command::new("kill").arg(signal).arg(self.pid().to_string()).status()?;
        ensure!(status.success(), "kill {signal}: {status}");
        Ok(())
    }

    /// Where the daemon runs and leaves what it writes.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nothing is kept on these devices, so there is nothing to drain. If it is gone already, so much the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &TempDir, backing: Backing, polling: Polling, core: usize) -> String {
    let polling = match polling {
        Polling::Always => "polling = \"always\"",
        Polling::Never => "polling = \"adaptive\"\nspin_us = 0",
        Polling::Default => "",
    };
    let folder = folder.path().display();
    format!(
        "[node]\nlog = \"warn\"\nready_file = \"{folder}/ready\"\n\
         [api]\nlisten = \"unix:{folder}/api\"\n\
         [qos]\ncalibration_ms = 0\n         [nvme_tcp]\nlisten = [\"127.0.0.1:0\"]\n\
         [reactor]\n{polling}\n\
         [[device]]\nname = \"bench\"\nuri = \"{backing}:512MiB\"\ncore = {core}\n"
    )
}

fn publish(programs: &Programs, api: &str) -> anyhow::Result<String> {
    let call = |arguments: &[&str]| {
        let mut sluice = programs.command("sluice");
        programs::json(sluice.args(["--node", api, "--output", "json", "volume"]).args(arguments))
    };
    let size = format!("{VOLUME_MIB}MiB");
    let volume = call(&["create", "bench", "--app", "bench", "--size", &size])?;
    call(&["publish", "bench", "--any-host"])?;
    text(&volume["nqn"]).map(str::to_owned)
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().with_context(|| format!("{value} is no text"))
}
