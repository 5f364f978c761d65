//! The guest's kernel: Debian's 6.12 kernel for clouds, fetched by apt once and kept in a cache folder.
//!
//! Nothing is installed and no root is needed: the package is downloaded and unpacked beside others of its kind.
//! 6.12 rather than the distribution's 6.1 because it is the kernel the promise is made about.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const META_PACKAGE: &str = "linux-image-6.12-cloud-amd64";

/// `SLUICE_VM_CACHE`, or `sluice-vm` in the user's cache folder.
fn cache() -> io::Result<PathBuf> {
    if let Some(folder) = env::var_os("SLUICE_VM_CACHE") {
        return Ok(folder.into());
    }
    let home = env::home_dir().ok_or_else(|| io::Error::other("neither SLUICE_VM_CACHE nor HOME is set"))?;
    Ok(env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from).join("sluice-vm"))
}

/// The unpacked kernel package; fetched when the cache has none. Several processes may ask at once.
pub(crate) fn unpacked() -> io::Result<PathBuf> {
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    let kernel = cache.join("kernel");
    if !kernel.exists() {
        fetch(&cache, &kernel)?;
    }
    Ok(kernel)
}

/// Unpacks beside the final place and renames, so an interrupted fetch leaves nothing that looks whole.
fn fetch(cache: &Path, kernel: &Path) -> io::Result<()> {
    let scratch = tempfile::tempdir_in(cache)?;
    let package = package_name()?;
    run(Command::new("apt-get").args(["download", "--quiet", &package]).current_dir(&scratch))?;
    let archive =
        fs::read_dir(&scratch)?.next().ok_or_else(|| io::Error::other("apt-get downloaded nothing"))??;
    let tree = scratch.path().join("tree");
    run(Command::new("dpkg").arg("-x").arg(archive.path()).arg(&tree))?;
    fs::rename(tree, kernel)
}

/// The package that the meta package stands for at present.
fn package_name() -> io::Result<String> {
    let text = run(Command::new("apt-cache").args(["depends", META_PACKAGE]))?;
    let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.find(|name| name.starts_with("linux-image")).map(str::to_owned).ok_or_else(|| {
        io::Error::other(format!("apt knows no kernel for {META_PACKAGE}; is `apt-get update` due?"))
    })
}

fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{command:?}: {}: {errors}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The kernel image inside the unpacked package.
pub(crate) fn image(kernel: &Path) -> io::Result<PathBuf> {
    let entries = fs::read_dir(kernel.join("boot"))?.collect::<io::Result<Vec<_>>>()?;
    let image = entries.iter().find(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz-"));
    image.map(fs::DirEntry::path).ok_or_else(|| io::Error::other("the kernel package has no vmlinuz"))
}
