//! The host's drives, with what this node knows of those it has.

use std::path::Path;

use sluice_device::DeviceInfo;
use sluice_host::{Tree, drives as of_host};
use sluice_node_api::v1;
use sluice_nvme_pcie::Health;

use super::error::NodeError;
use super::messages::device_health;
use crate::config::Source;
use crate::node::{NodeState, Slot};

/// A configured device, as far as it is about a drive.
#[derive(Debug)]
struct Ours {
    name: String,
    source: Source,
    /// While it serves.
    info: Option<DeviceInfo>,
    /// Of a drive in user space.
    health: Option<Health>,
}

pub(super) async fn drives(state: &NodeState) -> Result<v1::ListDrivesResponse, NodeError> {
    let mut ours = Vec::with_capacity(state.slots.len());
    for slot in &state.slots {
        ours.push(ours_of(slot).await?);
    }
    // Files of the kernel, and drives that are asked for their health: off the API's thread.
    let look = move || of_host(&Tree::default()).into_iter().map(|drive| message(drive, &ours)).collect();
    let drives = tokio::task::spawn_blocking(look).await.map_err(|_| NodeError::Task)?;
    Ok(v1::ListDrivesResponse { drives })
}

async fn ours_of(slot: &Slot) -> Result<Ours, NodeError> {
    let info = match slot.handle() {
        Some(handle) => Some(handle.pool().await?.device),
        None => None,
    };
    let (name, source) = (slot.config.name.clone(), slot.config.source.clone());
    Ok(Ours { name, source, info, health: slot.watch.told().health })
}

fn message(drive: sluice_host::Drive, ours: &[Ours]) -> v1::Drive {
    let on_it: Vec<&Ours> = ours.iter().filter(|ours| is_on(&ours.source, &drive)).collect();
    let in_user_space = on_it.iter().copied().find(|ours| matches!(ours.source, Source::Pcie { .. }));
    let info = in_user_space.and_then(|ours| ours.info.as_ref());
    let health = match &drive.controller {
        Some(controller) => kernels_health(controller),
        None => in_user_space.and_then(|ours| ours.health),
    };
    let or_ours = |known: String, of: fn(&DeviceInfo) -> &str| match info {
        Some(info) if known.is_empty() => of(info).to_owned(),
        _ => known,
    };
    v1::Drive {
        model: or_ours(drive.model, |info| &info.model),
        serial: or_ours(drive.serial, |info| &info.serial),
        size_bytes: info.map_or(drive.size_bytes, DeviceInfo::size_bytes),
        address: drive.address,
        driver: drive.driver,
        numa_node: drive.numa_node,
        uses: drive.uses,
        users: drive.users,
        devices: on_it.iter().map(|ours| ours.name.clone()).collect(),
        health: health.map(|health| device_health(&health)),
    }
}

/// Whether a device lies on a drive.
fn is_on(source: &Source, drive: &sluice_host::Drive) -> bool {
    let is_disk = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The character device `ng0n1` is the disk `nvme0n1`; `nvme0n1p2` is a part of it.
        let name = name.strip_prefix("ng").map_or_else(|| name.to_owned(), |rest| format!("nvme{rest}"));
        let whole = name.split('p').next().unwrap_or_default();
        drive.disks.iter().any(|disk| *disk == name || disk == whole)
    };
    match source {
        Source::Pcie { address, .. } => drive.address == address.to_string(),
        Source::Block { path } | Source::Ng { path } => is_disk(path),
        _ => false,
    }
}

/// Of a drive that stays with the kernel; none if this process may not ask it.
fn kernels_health(controller: &str) -> Option<Health> {
    let log = sluice_uring::smart_log(Path::new("/dev").join(controller));
    log.as_ref().map(Health::from).map_err(|error| tracing::debug!(%error, "the drive is not asked")).ok()
}

#[cfg(test)]
mod test {
    use super::*;

    fn drive() -> sluice_host::Drive {
        sluice_host::Drive {
            address: "0000:01:00.0".into(),
            controller: None,
            disks: vec!["nvme0n1".into()],
            model: String::new(),
            serial: String::new(),
            size_bytes: 0,
            driver: "vfio-pci".into(),
            iommu_group: None,
            numa_node: Some(1),
            uses: Vec::new(),
            users: vec!["sluiced (7)".into()],
        }
    }

    #[test]
    fn devices_are_on_the_drives_they_name() {
        let block = |path: &str| Source::Block { path: path.into() };
        let on = [
            Source::Pcie { address: "01:00.0".parse().expect("an address"), namespace: None, queue_pairs: 1 },
            Source::Ng { path: "/dev/ng0n1".into() },
            block("/dev/nvme0n1"),
            block("/dev/nvme0n1p2"),
        ];
        assert!(on.iter().all(|source| is_on(source, &drive())), "{on:?}");
        let off = [block("/dev/nvme0n11"), block("/dev/nvme1n1"), block("/dev/loop0"), block("/")];
        assert!(!off.iter().any(|source| is_on(source, &drive())), "{off:?}");
    }

    #[test]
    fn what_the_kernel_does_not_know_the_node_does() {
        let info =
            DeviceInfo { model: "M".into(), serial: "S".into(), block_size: 512, blocks: 8, ..no_info() };
        let source =
            Source::Pcie { address: "01:00.0".parse().expect("an address"), namespace: None, queue_pairs: 1 };
        let ours = Ours { name: "d0".into(), source, info: Some(info), health: None };
        let told = message(drive(), &[ours]);
        assert_eq!((told.model.as_str(), told.serial.as_str(), told.size_bytes), ("M", "S", 4096));
        assert_eq!((told.devices, told.numa_node, told.health), (vec!["d0".to_owned()], Some(1), None));
    }

    fn no_info() -> DeviceInfo {
        use sluice_device::BlockDevice;
        use sluice_device::null::{NullDevice, NullOptions};

        NullDevice::new("n", &NullOptions::default()).info().clone()
    }
}
