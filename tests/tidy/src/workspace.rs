//! Crates as cargo sees them, from `cargo metadata`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// All crates of one workspace.
#[derive(Debug)]
pub struct Workspace {
    /// By name.
    pub crates: Vec<Crate>,
}

/// A crate of a workspace.
#[derive(Debug)]
pub struct Crate {
    /// Its package name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The licence its manifest names; empty if none.
    pub license: String,
    /// What its manifest says it is; empty if nothing.
    pub description: String,
    /// Packages that the shipped crate and its build script use; not what its tests use besides.
    pub dependencies: Vec<String>,
    /// The root sources of the library and the programs.
    pub shipped_roots: Vec<PathBuf>,
    /// All root sources: library, programs, build script, tests, examples, benches.
    pub roots: Vec<PathBuf>,
}

impl Workspace {
    /// Asks cargo about the workspace whose root manifest lies in this folder.
    ///
    /// # Panics
    ///
    /// When cargo fails, which means that a manifest is broken.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root);
        let output = command.output().expect("run cargo");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata: {errors}");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
        let mut crates: Vec<Crate> = array(&metadata, "packages").iter().map(Crate::new).collect();
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        Self { crates }
    }
}

impl Crate {
    fn new(package: &Value) -> Self {
        let dependencies = array(package, "dependencies").iter().filter(|one| text(one, "kind") != "dev");
        let targets = array(package, "targets");
        let root = |target: &Value| PathBuf::from(text(target, "src_path"));
        Self {
            name: text(package, "name"),
            folder: Path::new(&text(package, "manifest_path")).parent().expect("a folder").to_owned(),
            license: text(package, "license"),
            description: text(package, "description"),
            dependencies: dependencies.map(|one| text(one, "name")).collect(),
            shipped_roots: targets.iter().filter(|target| is_shipped(target)).map(root).collect(),
            roots: targets.iter().map(root).collect(),
        }
    }
}

fn is_shipped(target: &Value) -> bool {
    array(target, "kind")
        .iter()
        .any(|kind| ["lib", "bin", "proc-macro"].iter().any(|shipped| kind == shipped))
}

/// A member that is text; empty if it is null.
fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map(Vec::as_slice).unwrap_or_default()
}
