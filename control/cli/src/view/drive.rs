//! `sluice drive list`

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::Drive;

use super::Row;
use super::device::HealthView;

/// A drive of the node's host.
#[derive(Debug, Serialize)]
pub(crate) struct DriveView {
    address: String,
    model: String,
    serial: String,
    size_bytes: u64,
    driver: String,
    numa_node: Option<u32>,
    /// What keeps the kernel from handing it over.
    uses: Vec<String>,
    /// The processes that hold it in user space.
    users: Vec<String>,
    /// The node's devices on it.
    devices: Vec<String>,
    /// Absent if it cannot be asked.
    health: Option<HealthView>,
}

impl From<Drive> for DriveView {
    fn from(drive: Drive) -> DriveView {
        DriveView {
            address: drive.address,
            model: drive.model,
            serial: drive.serial,
            size_bytes: drive.size_bytes,
            driver: drive.driver,
            numa_node: drive.numa_node,
            uses: drive.uses,
            users: drive.users,
            devices: drive.devices,
            health: drive.health.map(HealthView::from),
        }
    }
}

impl Row for DriveView {
    const HEADERS: &'static [&'static str] =
        &["DRIVE", "MODEL", "SERIAL", ">SIZE", "DRIVER", "HEALTH", "DEVICES", "USED BY"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let used: Vec<&str> = self.users.iter().chain(&self.uses).map(String::as_str).collect();
        vec![
            self.address.clone(),
            or_dash(&self.model),
            or_dash(&self.serial),
            if self.size_bytes == 0 { "-".to_owned() } else { Size(self.size_bytes).rounded() },
            or_dash(&self.driver),
            self.health.as_ref().map_or_else(|| "-".to_owned(), HealthView::summary),
            or_dash(&self.devices.join(", ")),
            or_dash(&used.join(", ")),
        ]
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{DeviceHealth, Drive};

    use super::DriveView;
    use crate::view::{Rows, View};

    #[test]
    fn drives() {
        let ours = Drive {
            address: "0000:01:00.0".into(),
            model: "Fast One".into(),
            serial: "S1".into(),
            size_bytes: 1 << 40,
            driver: "vfio-pci".into(),
            users: vec!["sluiced (12)".into()],
            devices: vec!["d0".into()],
            health: Some(DeviceHealth::default()),
            ..Drive::default()
        };
        let kernels = Drive {
            address: "0000:02:00.0".into(),
            driver: "nvme".into(),
            uses: vec!["nvme1n1 is mounted on /".into()],
            ..Drive::default()
        };
        let expected = "\
DRIVE         MODEL     SERIAL   SIZE  DRIVER    HEALTH  DEVICES  USED BY
0000:01:00.0  Fast One  S1      1 TiB  vfio-pci  good    d0       sluiced (12)
0000:02:00.0  -         -           -  nvme      -       -        nvme1n1 is mounted on /
";
        assert_eq!(Rows([ours, kernels].map(DriveView::from).into()).text(), expected);
    }
}
