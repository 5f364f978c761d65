//! The NVMe drives of a host, and who uses them.

use std::fs::File;
use std::io::Read;

use serde::Serialize;

use crate::content::{Content, LOOK_BYTES, judge};
use crate::tree::Tree;

/// Class of NVM Express I/O controllers.
const NVME_CLASS: &str = "0x010802";

/// The driver that hands devices to user space.
pub(crate) const VFIO: &str = "vfio-pci";

/// The kernel counts disks in sectors of this size, whatever their blocks are.
const SECTOR_BYTES: u64 = 512;

/// An NVMe drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// PCI address, such as `0000:01:00.0`.
    pub address: String,
    /// The kernel's name of the controller, such as `nvme0`; none while the kernel does not drive it.
    pub controller: Option<String>,
    /// The kernel's names of its namespaces, such as `nvme0n1`; none while the kernel does not drive it.
    pub disks: Vec<String>,
    /// Product name; empty while the kernel does not drive it.
    pub model: String,
    /// Serial number; empty while the kernel does not drive it.
    pub serial: String,
    /// Bytes of all its namespaces; 0 while the kernel does not drive it.
    pub size_bytes: u64,
    /// The driver it is bound to; empty if none.
    pub driver: String,
    /// Its IOMMU group; none without an IOMMU.
    pub iommu_group: Option<String>,
    /// Its NUMA node, if the host has several.
    pub numa_node: Option<u32>,
    /// What keeps it from being handed over, in words: mounts, partitions, data.
    pub uses: Vec<String>,
    /// The processes that hold it in user space.
    pub users: Vec<String>,
}

impl Drive {
    /// In the hands of vfio-pci.
    #[must_use]
    pub fn is_handed_over(&self) -> bool {
        self.driver == VFIO
    }
}

/// All NVMe drives, by address.
#[must_use]
pub fn drives(tree: &Tree) -> Vec<Drive> {
    let folder = "/sys/bus/pci/devices";
    let is_drive = |address: &String| tree.read(&format!("{folder}/{address}/class")) == NVME_CLASS;
    tree.list(folder).into_iter().filter(is_drive).map(|address| drive(tree, address)).collect()
}

fn drive(tree: &Tree, address: String) -> Drive {
    let folder = format!("/sys/bus/pci/devices/{address}");
    let controller = tree.list(&format!("{folder}/nvme")).into_iter().next();
    let told = |name: &str| {
        let controller = controller.as_ref().map(|controller| format!("{folder}/nvme/{controller}/{name}"));
        controller.map(|path| tree.read(&path)).unwrap_or_default()
    };
    let disks =
        controller.as_ref().map_or_else(Vec::new, |name| disks(tree, &format!("{folder}/nvme/{name}")));
    let sectors = |disk: &String| tree.read(&format!("/sys/block/{disk}/size")).parse::<u64>().unwrap_or(0);
    let iommu_group = tree.link(&format!("{folder}/iommu_group"));
    Drive {
        model: told("model"),
        serial: told("serial"),
        size_bytes: disks.iter().map(sectors).sum::<u64>() * SECTOR_BYTES,
        driver: tree.link(&format!("{folder}/driver")).unwrap_or_default(),
        numa_node: tree.read(&format!("{folder}/numa_node")).parse().ok(),
        uses: disks.iter().flat_map(|disk| uses(tree, disk)).collect(),
        users: iommu_group.as_ref().map_or_else(Vec::new, |group| users(tree, group)),
        iommu_group,
        controller,
        disks,
        address,
    }
}

/// The block devices of a controller. A path of a shared namespace, `nvme0c1n1`, stands for its head, `nvme0n1`.
fn disks(tree: &Tree, controller: &str) -> Vec<String> {
    let names = tree.list(controller);
    let namespaces = names.into_iter().filter(|name| name.starts_with("nvme") && name.contains('n'));
    namespaces
        .filter_map(|name| head(&name))
        .filter(|disk| tree.exists(&format!("/sys/block/{disk}")))
        .collect()
}

/// `nvme0n1` of `nvme0n1` and of `nvme0c1n1`; none for other names.
fn head(name: &str) -> Option<String> {
    let (controller, namespace) = name.strip_prefix("nvme")?.rsplit_once('n')?;
    let subsystem = controller.split('c').next()?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(subsystem) && number(namespace)).then(|| format!("nvme{subsystem}n{namespace}"))
}

/// What keeps a disk from being taken away.
fn uses(tree: &Tree, disk: &str) -> Vec<String> {
    let partition = |name: &String| name.starts_with(disk);
    let partitions: Vec<String> =
        tree.list(&format!("/sys/block/{disk}")).into_iter().filter(partition).collect();
    let mut uses: Vec<String> = [disk]
        .into_iter()
        .chain(partitions.iter().map(String::as_str))
        .flat_map(|part| {
            let holders = match part == disk {
                true => format!("/sys/block/{disk}/holders"),
                false => format!("/sys/block/{disk}/{part}/holders"),
            };
            let held =
                tree.list(&holders).into_iter().map(move |holder| format!("{part} is part of {holder}"));
            mounts(tree, part).into_iter().chain(held).collect::<Vec<_>>()
        })
        .collect();
    if !partitions.is_empty() {
        uses.push(format!("{disk} has partitions"));
    } else if let Content::Foreign(what) = content(tree, disk) {
        uses.push(format!("{disk} holds {what}"));
    }
    uses
}

/// Where a disk or partition is mounted, or that it is swap.
fn mounts(tree: &Tree, part: &str) -> Vec<String> {
    let device = format!("/dev/{part}");
    let is_it = |line: &&str| line.split_whitespace().next() == Some(device.as_str());
    let table = tree.read("/proc/self/mounts");
    let mounted = table.lines().filter(is_it).filter_map(|line| line.split_whitespace().nth(1));
    let mut uses: Vec<String> = mounted.map(|place| format!("{part} is mounted on {place}")).collect();
    uses.extend(tree.read("/proc/swaps").lines().find(is_it).map(|_| format!("{part} is swap space")));
    uses
}

/// What a disk holds; unreadable ones count as foreign.
fn content(tree: &Tree, disk: &str) -> Content {
    let mut beginning = Vec::new();
    let read = File::open(tree.path(&format!("/dev/{disk}")))
        .and_then(|file| file.take(LOOK_BYTES.into()).read_to_end(&mut beginning));
    match read {
        Ok(_) => judge(&beginning),
        Err(_) => Content::Foreign("what cannot be read"),
    }
}

/// The processes that have a group open: name and number.
fn users(tree: &Tree, group: &str) -> Vec<String> {
    let device = format!("/dev/vfio/{group}");
    let processes =
        tree.list("/proc").into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let has_open = |process: &String| {
        let folder = format!("/proc/{process}/fd");
        let opened = |fd: &String| std::fs::read_link(tree.path(&format!("{folder}/{fd}")));
        tree.list(&folder)
            .iter()
            .any(|fd| opened(fd).is_ok_and(|target| target.as_os_str() == device.as_str()))
    };
    let name = |process: String| format!("{} ({process})", tree.read(&format!("/proc/{process}/comm")));
    processes.filter(has_open).map(name).collect()
}

#[cfg(test)]
mod test {
    use super::head;

    #[test]
    fn paths_stand_for_their_heads() {
        assert_eq!(head("nvme0n1").as_deref(), Some("nvme0n1"));
        assert_eq!(head("nvme3c11n2").as_deref(), Some("nvme3n2"));
        for other in ["nvme0", "ng0n1", "nvme0n", "nvmen1", "nvme0n1p1"] {
            assert_eq!(head(other), None, "{other}");
        }
    }
}
