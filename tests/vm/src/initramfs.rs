//! The guest's root file system: busybox, the tools under test with their libraries, and the kernel modules.
//!
//! Made anew by each test process from what the machine has installed, which takes about a second and can never be
//! stale. Contents are streamed to the archive as they are read: fio's libraries alone are 75 MB.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::cpio::Archive;
use crate::modules::Tree;
use crate::tool;

/// What the guest runs besides busybox.
pub(crate) const PROGRAMS: [&str; 4] = ["nvme", "fio", "mkfs.ext4", "fsck.ext4"];

const MODULES: [&str; 7] =
    ["virtio_pci", "virtio_net", "virtio_console", "nvme_tcp", "ext4", "crc32c_generic", "crc32c_intel"];

/// What drives in user space need; loaded by those tests that have drives.
const DRIVE_MODULES: [&str; 3] = ["nvme", "vfio_iommu_type1", "vfio_pci"];

const FOLDERS: [&str; 11] =
    ["bin", "dev", "etc", "etc/nvme", "lib", "lib/modules", "mnt", "proc", "root", "run", "sys"];

/// The guest's host NQN. The kernel refuses one host identifier with two NQNs and the reverse, so the pair is fixed.
pub const HOST_NQN: &str = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555";
const HOST_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Writes the archive for a kernel whose modules are in `lib/modules/<version>` below `kernel`.
pub(crate) fn build(kernel: &Path, target: &Path) -> io::Result<()> {
    let mut archive = Archive::new(BufWriter::with_capacity(1 << 20, File::create(target)?));
    for folder in FOLDERS.into_iter().chain(["tmp"]) {
        archive.directory(folder)?;
    }
    archive.file("init", include_bytes!("../guest/init"))?;
    archive.file("lib/sluice.sh", include_bytes!("../guest/sluice.sh"))?;
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")?;
    archive.file("etc/nvme/hostnqn", format!("{HOST_NQN}\n").as_bytes())?;
    archive.file("etc/nvme/hostid", format!("{HOST_ID}\n").as_bytes())?;
    busybox(&mut archive)?;
    programs(&mut archive)?;
    modules(&mut archive, kernel)?;
    archive.finish()
}

fn busybox<W: io::Write>(archive: &mut Archive<W>) -> io::Result<()> {
    let program = tool::find("busybox").ok_or_else(|| io::Error::other("busybox is not installed"))?;
    archive.file("bin/busybox", &fs::read(program)?)?;
    for applet in tool::text("busybox", ["--list"]).lines().filter(|applet| *applet != "busybox") {
        if !PROGRAMS.contains(&applet) {
            archive.symlink(&format!("bin/{applet}"), "busybox")?;
        }
    }
    Ok(())
}

fn programs<W: io::Write>(archive: &mut Archive<W>) -> io::Result<()> {
    let missing = |name| io::Error::other(format!("{name} is not installed"));
    let find = |name| Ok((name, tool::find(name).ok_or_else(|| missing(name))?));
    let programs = PROGRAMS.into_iter().map(find).collect::<io::Result<Vec<_>>>()?;
    let folders = FOLDERS.into_iter().map(str::to_owned).collect();
    install(archive, &programs, folders)
}

/// Puts programs into `bin` and the libraries they need where their loader looks; `folders` are there already.
fn install<W: io::Write>(
    archive: &mut Archive<W>,
    programs: &[(&'static str, PathBuf)],
    mut folders: BTreeSet<String>,
) -> io::Result<()> {
    let mut libraries = BTreeSet::new();
    for (name, program) in programs {
        archive.file(&format!("bin/{name}"), &fs::read(program)?)?;
        libraries.extend(linked(&tool::text("ldd", [program])));
    }
    for library in libraries {
        let name = library.trim_start_matches('/');
        for (end, _) in name.match_indices('/') {
            if folders.insert(name[..end].to_owned()) {
                archive.directory(&name[..end])?;
            }
        }
        archive.file(name, &fs::read(&library)?)?;
    }
    Ok(())
}

/// Adds programs to the archive at `target`: the kernel unpacks one archive after the other.
pub(crate) fn append(more: &[(&'static str, PathBuf)], target: &Path) -> io::Result<()> {
    let mut archive = Archive::new(BufWriter::new(File::options().append(true).open(target)?));
    install(&mut archive, more, BTreeSet::new())?;
    archive.finish()
}

/// The files that `ldd` names: the loader and every library, with the path under which the loader looks for it.
fn linked(ldd: &str) -> Vec<String> {
    ldd.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

fn modules<W: io::Write>(archive: &mut Archive<W>, kernel: &Path) -> io::Result<()> {
    let versions = kernel.join("lib/modules");
    let version =
        fs::read_dir(versions)?.next().ok_or_else(|| io::Error::other("the kernel has no modules"))??;
    let tree = Tree::read(&version.path());
    let mut known = BTreeSet::new();
    for (list, wanted) in [("load", &MODULES[..]), ("load-drives", &DRIVE_MODULES[..])] {
        let mut order = String::new();
        for module in tree.closure(wanted) {
            let path = format!("lib/modules/{}.ko", module.name);
            if known.insert(module.name) {
                archive.file(&path, &module.contents)?;
                order.push_str(&format!("/{path}\n"));
            }
        }
        archive.file(&format!("lib/modules/{list}"), order.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found_in_what_ldd_prints() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\t/lib64/ld.so.2 (0x3)\n";
        assert_eq!(linked(text), ["/lib/x/libc.so.6", "/lib64/ld.so.2"]);
    }
}
