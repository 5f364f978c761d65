//! The programs that take part, as built beside this one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, io};

use anyhow::{Context, ensure};
use serde_json::Value;

/// Folder of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Those in this program's folder.
    pub(crate) fn beside_this() -> anyhow::Result<Self> {
        let this = env::current_exe()?;
        let folder = this.parent().context("this program lies in no folder")?;
        for name in ["sluiced", "sluice", "sluice-perf", "sluice-socket-paths"] {
            let hint = "run perf/run, or `cargo build --release` first";
            ensure!(folder.join(name).is_file(), "{name} is not in {}: {hint}", folder.display());
        }
        Ok(Self(folder.to_owned()))
    }

    /// Path of a program.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A program to run.
    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }
}

/// Waits for a program and reads the JSON it printed.
pub(crate) fn json(command: &mut Command) -> anyhow::Result<Value> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    parse(command, &output)
}

/// Reads the JSON that a finished program printed.
pub(crate) fn parse(command: &Command, output: &Output) -> anyhow::Result<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {errors}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} printed no JSON: {errors}"))
}

/// Whether a program can be started at all.
pub(crate) fn exists(name: &str) -> bool {
    !matches!(Command::new(name).arg("--version").output(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
