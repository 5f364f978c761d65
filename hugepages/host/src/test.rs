//! A host laid out in a folder. A folder does nothing when it is written to, so tests do what the kernel would, or look
//! at what was written; that a real kernel then binds the drive is shown in the VM (`tests/vm/tests/drives`).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::{Change, HostError, PageSize, Plan, Tree, prepare, status, undo};

const ADDRESS: &str = "0000:01:00.0";
const DEVICE: &str = "/sys/bus/pci/devices/0000:01:00.0";

struct Host {
    folder: TempDir,
    tree: Tree,
}

impl Host {
    /// One drive with the kernel's driver, blank; 10 pages of 2 MiB on node 0.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Self { tree: Tree::at(folder.path()), folder };
        host.put(&format!("{DEVICE}/class"), "0x010802\n");
        host.put(&format!("{DEVICE}/numa_node"), "-1\n");
        host.put(&format!("{DEVICE}/driver_override"), "(null)\n");
        host.put(&format!("{DEVICE}/nvme/nvme0/model"), "A drive   \n");
        host.put(&format!("{DEVICE}/nvme/nvme0/serial"), "S1  \n");
        host.put(&format!("{DEVICE}/nvme/nvme0/nvme0n1/size"), "2048\n");
        host.put("/sys/block/nvme0n1/size", "2048\n");
        host.put("/dev/nvme0n1", &"\0".repeat(4096));
        host.put("/sys/bus/pci/drivers/vfio-pci/unbind", "");
        host.put("/sys/bus/pci/drivers/nvme/unbind", "");
        host.put("/sys/bus/pci/drivers_probe", "");
        host.put("/proc/self/mounts", "/dev/vda1 / ext4 rw 0 0\n");
        let pages = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB";
        host.put(&format!("{pages}/nr_hugepages"), "10\n");
        host.put(&format!("{pages}/free_hugepages"), "4\n");
        host.link(&format!("{DEVICE}/iommu_group"), "/sys/kernel/iommu_groups/7");
        host.put("/sys/kernel/iommu_groups/7/type", "DMA");
        host.bind("nvme");
        host
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let _ = fs::remove_file(self.at(path));
        symlink(self.at(target), self.at(path)).unwrap();
    }

    /// What the kernel does when it binds the drive.
    fn bind(&self, driver: &str) {
        self.link(&format!("{DEVICE}/driver"), &format!("/sys/bus/pci/drivers/{driver}"));
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }
}

fn hand_over(force: bool) -> Plan {
    Plan { drives: vec![ADDRESS.to_owned()], force, ..Plan::default() }
}

#[test]
fn a_host_is_described_as_it_is() {
    let host = Host::new();
    host.put("/proc/1234/comm", "sluiced\n");
    fs::create_dir_all(host.at("/proc/1234/fd")).unwrap();
    symlink(Path::new("/dev/vfio/7"), host.at("/proc/1234/fd/9")).unwrap();
    let status = status(&host.tree, Some(64 << 10)).unwrap();
    let drive = &status.drives[0];
    assert_eq!((drive.model.as_str(), drive.serial.as_str(), drive.size_bytes), ("A drive", "S1", 1 << 20));
    assert_eq!(
        (drive.driver.as_str(), drive.iommu_group.as_deref(), drive.numa_node),
        ("nvme", Some("7"), None)
    );
    assert_eq!((&drive.uses[..], &drive.users[..]), (&[][..], &["sluiced (1234)".to_owned()][..]));
    assert_eq!((status.pages[0].node, status.pages[0].total, status.pages[0].free), (0, 10, 4));
    assert!(status.iommu && status.vfio && status.changes.is_empty());
    let missing: Vec<&str> = status.findings.iter().map(|finding| finding.mend.as_str()).collect();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("ulimit -l") && missing[1].contains("isolcpus"));
}

#[test]
fn drives_that_hold_something_are_refused_and_nothing_is_changed() {
    let host = Host::new();
    let refusal = |force| prepare(&host.tree, &hand_over(force)).unwrap_err().to_string();
    host.put("/dev/nvme0n1", &format!("XFSB{}", "\0".repeat(4096)));
    assert!(refusal(false).contains("nvme0n1 holds an XFS file system"));
    host.put("/sys/block/nvme0n1/nvme0n1p1/size", "1\n");
    assert!(refusal(false).contains("nvme0n1 has partitions"));
    host.put("/proc/self/mounts", "/dev/nvme0n1p1 /data xfs rw 0 0\n");
    for force in [false, true] {
        let refusal = prepare(&host.tree, &hand_over(force)).unwrap_err();
        assert!(matches!(refusal, HostError::Busy { .. }), "{refusal}");
        assert!(refusal.to_string().contains("nvme0n1p1 is mounted on /data"), "{refusal}");
    }
    host.put("/proc/self/mounts", "");
    host.put("/sys/block/nvme0n1/holders/dm-0/size", "1\n");
    assert!(refusal(true).contains("nvme0n1 is part of dm-0"));
    let unknown = Plan { drives: vec!["0000:09:00.0".to_owned()], ..Plan::default() };
    assert!(prepare(&host.tree, &unknown).unwrap_err().to_string().contains("there are: 0000:01:00.0"));
    assert_eq!(host.text(&format!("{DEVICE}/driver_override")), "(null)\n");
    assert_eq!(status(&host.tree, None).unwrap().changes, []);
}

#[test]
fn a_pool_of_ours_is_no_hindrance_and_force_takes_the_rest() {
    let host = Host::new();
    // The folder does not bind by itself, so a drive that may be taken ends in `NotBound`, after the writes.
    host.put("/dev/nvme0n1", &format!("SLUICEPL{}", "x".repeat(64)));
    let taken = prepare(&host.tree, &hand_over(false)).unwrap_err();
    assert!(matches!(taken, HostError::NotBound { .. }), "{taken}");
    host.put("/dev/nvme0n1", &"x".repeat(4096));
    assert!(matches!(prepare(&host.tree, &hand_over(false)).unwrap_err(), HostError::InUse { .. }));
    assert!(matches!(prepare(&host.tree, &hand_over(true)).unwrap_err(), HostError::NotBound { .. }));
    assert_eq!(host.text(&format!("{DEVICE}/driver_override")), "vfio-pci");
    assert_eq!(host.text("/sys/bus/pci/drivers/nvme/unbind"), ADDRESS);
    let changes = status(&host.tree, None).unwrap().changes;
    assert_eq!(changes, [Change::Driver { address: ADDRESS.to_owned(), before: "nvme".to_owned() }]);
}

#[test]
fn what_was_changed_is_put_back_latest_first() {
    let host = Host::new();
    let pages = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";
    for count in [64, 128] {
        let plan = Plan { pages: vec![(0, PageSize::Mib2, count)], ..Plan::default() };
        prepare(&host.tree, &plan).unwrap();
        assert_eq!(host.text(pages), count.to_string());
    }
    host.bind("vfio-pci");
    prepare(&host.tree, &hand_over(false)).unwrap();
    let undone = undo(&host.tree).unwrap();
    assert_eq!(
        undone,
        [Change::Pages { node: 0, page: PageSize::Mib2, before: 10 }],
        "what was first is what is put back"
    );
    assert_eq!(host.text(pages), "10");
    assert_eq!(undo(&host.tree).unwrap(), []);
}

#[test]
fn a_drive_that_was_pulled_needs_no_driver() {
    let host = Host::new();
    prepare(&host.tree, &hand_over(false)).unwrap_err();
    fs::remove_dir_all(host.at(DEVICE)).unwrap();
    assert_eq!(undo(&host.tree).unwrap().len(), 1);
}

#[test]
fn pages_that_are_not_to_be_had_are_told() {
    let host = Host::new();
    let plan = |node, page| Plan { pages: vec![(node, page, 8)], ..Plan::default() };
    for (node, page) in [(0, PageSize::Gib1), (1, PageSize::Mib2)] {
        let refusal = prepare(&host.tree, &plan(node, page)).unwrap_err();
        assert!(matches!(refusal, HostError::NoPages { .. }), "{refusal}");
    }
}
