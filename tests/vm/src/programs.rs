//! The programs under test: `sluiced`, `sluice`, and the NVMe driver's tests on a drive.
//!
//! `SLUICED_BIN`, `SLUICE_BIN` and `SLUICE_DRIVE_TEST_BIN` name ready-made ones. Otherwise cargo builds them, in the profile of the tests, so
//! that assertions are on and hardly anything is built twice.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) sluiced: PathBuf,
    pub(crate) sluice: PathBuf,
}

impl Programs {
    /// The programs, built when first asked for.
    ///
    /// # Panics
    ///
    /// When they do not build; cargo has said why on standard error.
    pub(crate) fn get() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let given = |name| env::var_os(name).map(PathBuf::from);
            match (given("SLUICED_BIN"), given("SLUICE_BIN")) {
                (Some(sluiced), Some(sluice)) => Self { sluiced, sluice },
                _ => Self::build(),
            }
        })
    }

    fn build() -> Self {
        let messages = cargo(&[
            "build",
            "--profile",
            "test",
            "--package",
            "sluiced",
            "--package",
            "sluice-cli",
            "--bins",
        ]);
        let program =
            |name| executable(&messages, name).unwrap_or_else(|| panic!("cargo built no program {name}"));
        Self { sluiced: program("sluiced"), sluice: program("sluice") }
    }
}

/// The daemon and the command line, under the names the guest is to have them.
///
/// # Panics
///
/// When they do not build.
#[must_use]
pub fn node_programs() -> Vec<(&'static str, PathBuf)> {
    let Programs { sluiced, sluice } = Programs::get();
    vec![("sluiced", sluiced.clone()), ("sluice", sluice.clone())]
}

/// The tests of the NVMe driver that need a drive.
///
/// # Panics
///
/// When they do not build.
#[must_use]
pub fn drive_tests() -> PathBuf {
    env::var_os("SLUICE_DRIVE_TEST_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let messages = cargo(&["test", "--package", "sluice-nvme-pcie", "--test", "drive", "--no-run"]);
        executable(&messages, "drive").expect("cargo built the driver's tests")
    })
}

/// Runs cargo; what it did, one JSON object a line.
fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--locked", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("run cargo");
    assert!(output.status.success(), "cargo {} failed", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The program of this name among cargo's messages, which are one JSON object a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == name);
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_program_is_found_among_cargos_messages() {
        let messages = concat!(
            "{\"target\":{\"name\":\"sluiced\"},\"executable\":null}\n",
            "{\"target\":{\"name\":\"sluice\"},\"executable\":\"/t/sluice\"}\n",
            "{\"target\":{\"name\":\"sluiced\"},\"executable\":\"/t/sluiced\"}\n",
        );
        assert_eq!(executable(messages, "sluiced"), Some("/t/sluiced".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}
