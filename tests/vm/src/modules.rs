//! The kernel modules that the guest loads, in the order in which they must be loaded.
//!
//! Dependencies come from the modules themselves (`depends=` in their `.modinfo`), so neither `kmod` nor `depmod` is
//! needed. A module that the kernel has built in is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::tool;

/// A module ready to be copied into the guest.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) contents: Vec<u8>,
}

/// The modules of one kernel tree (`lib/modules/<version>`).
#[derive(Debug)]
pub(crate) struct Tree {
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn read(modules: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(&modules.join("kernel"), &mut files);
        let builtin = fs::read_to_string(modules.join("modules.builtin")).expect("read modules.builtin");
        Self { files, builtin: builtin.lines().map(module_name).collect() }
    }

    /// The wanted modules with all they depend on, dependencies first.
    ///
    /// # Panics
    ///
    /// When a module is neither in the tree nor built in.
    pub(crate) fn closure(&self, wanted: &[&str]) -> Vec<Module> {
        let mut seen = BTreeSet::new();
        let mut loaded = Vec::new();
        for name in wanted {
            self.add(name, &mut seen, &mut loaded);
        }
        loaded
    }

    fn add(&self, name: &str, seen: &mut BTreeSet<String>, loaded: &mut Vec<Module>) {
        let name = module_name(name);
        if self.builtin.contains(&name) || !seen.insert(name.clone()) {
            return;
        }
        let path = self.files.get(&name).unwrap_or_else(|| panic!("the guest kernel has no module {name}"));
        let contents = contents(path);
        for dependency in depends(&contents) {
            self.add(&dependency, seen, loaded);
        }
        loaded.push(Module { name, contents });
    }
}

/// `kernel/drivers/nvme/host/nvme-tcp.ko.xz` is the module `nvme_tcp`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).expect("read the kernel's module tree") {
        let path = entry.expect("read the kernel's module tree").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(module_name(&path.to_string_lossy()), path);
        }
    }
}

fn contents(path: &Path) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "xz") {
        tool::output("xz", ["-dc".as_ref(), path.as_os_str()])
    } else {
        fs::read(path).expect("read a kernel module")
    }
}

/// The names after `depends=`; the entry is NUL-terminated text somewhere in the object file.
fn depends(module: &[u8]) -> Vec<String> {
    let entry = module.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"depends="));
    let names = String::from_utf8_lossy(entry.unwrap_or_default()).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn names_lose_folder_suffix_and_dashes() {
        assert_eq!(module_name("kernel/drivers/nvme/host/nvme-tcp.ko.xz"), "nvme_tcp");
        assert_eq!(module_name("crc32c-intel"), "crc32c_intel");
    }

    #[test]
    fn dependencies_are_read_from_modinfo() {
        assert_eq!(depends(b"\0license=GPL\0depends=a,b-c\0intree=Y\0"), ["a", "b-c"]);
        assert_eq!(depends(b"\0depends=\0"), [""; 0]);
        assert_eq!(depends(b"no modinfo"), [""; 0]);
    }
}
