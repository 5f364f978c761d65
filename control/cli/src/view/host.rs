//! `sluice host`

use std::fmt::Write as _;

use serde::Serialize;
use sluice_host::{Change, Drive, Status};
use sluice_node_api::Size;

use super::{View, table};

/// A host, in the words of `sluice_host`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct HostView(pub(crate) Status);

/// What was put back.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct UndoneView(pub(crate) Vec<Change>);

const PAGES: [&str; 4] = [">NODE", ">PAGES", ">RESERVED", ">FREE"];
const DRIVES: [&str; 7] = ["DRIVE", "MODEL", "SERIAL", ">SIZE", "DRIVER", "GROUP", "USED BY"];

impl View for HostView {
    fn text(&self) -> String {
        let status = &self.0;
        let pages = status.pages.iter().map(|pool| {
            [pool.node.to_string(), pool.page.to_string(), pool.total.to_string(), pool.free.to_string()]
                .into()
        });
        let mut text = table(&PAGES, pages);
        let memlock =
            status.memlock_bytes.map_or_else(|| "any amount".to_owned(), |limit| Size(limit).rounded());
        let isolated = if status.isolated_cores.is_empty() { "none" } else { &status.isolated_cores };
        let on = |is: bool| if is { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "\nIOMMU {}, vfio-pci {}, locked memory {memlock}, isolated cores {isolated}\n",
            on(status.iommu),
            on(status.vfio)
        );
        text += &table(&DRIVES, status.drives.iter().map(drive));
        for finding in &status.findings {
            let _ = writeln!(text, "\nmissing: {}\n  mend: {}", finding.what, finding.mend);
        }
        if !status.changes.is_empty() {
            let _ = writeln!(text, "\n`sluice host undo` puts back:");
            status.changes.iter().for_each(|change| text += &format!("  {}\n", told(change)));
        }
        text
    }
}

fn drive(drive: &Drive) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let used: Vec<&str> = drive.users.iter().chain(&drive.uses).map(String::as_str).collect();
    vec![
        drive.address.clone(),
        or_dash(&drive.model),
        or_dash(&drive.serial),
        if drive.size_bytes == 0 { "-".to_owned() } else { Size(drive.size_bytes).rounded() },
        or_dash(&drive.driver),
        drive.iommu_group.clone().unwrap_or_else(|| "-".to_owned()),
        or_dash(&used.join(", ")),
    ]
}

impl View for UndoneView {
    fn text(&self) -> String {
        match self.0.as_slice() {
            [] => "nothing was changed\n".to_owned(),
            changes => changes.iter().map(|change| format!("put back: {}\n", told(change))).collect(),
        }
    }
}

/// What a change is put back to.
fn told(change: &Change) -> String {
    match change {
        Change::Pages { node, page, before } => format!("{before} pages of {page} on NUMA node {node}"),
        Change::Driver { address, before } if before.is_empty() => format!("{address} without a driver"),
        Change::Driver { address, before } => format!("{address} with driver {before}"),
    }
}

#[cfg(test)]
mod test {
    use sluice_host::{Finding, PagePool, PageSize};

    use super::*;

    #[test]
    fn a_host_in_words() {
        let drive = Drive {
            address: "0000:01:00.0".into(),
            controller: None,
            disks: Vec::new(),
            model: String::new(),
            serial: String::new(),
            size_bytes: 0,
            driver: "vfio-pci".into(),
            iommu_group: Some("7".into()),
            numa_node: None,
            uses: Vec::new(),
            users: vec!["sluiced (12)".into()],
        };
        let change = Change::Driver { address: "0000:01:00.0".into(), before: "nvme".into() };
        let view = HostView(Status {
            pages: vec![PagePool { node: 0, page: PageSize::Mib2, total: 64, free: 32 }],
            iommu: true,
            vfio: true,
            memlock_bytes: Some(8 << 20),
            isolated_cores: "2-3".into(),
            drives: vec![drive],
            changes: vec![change],
            findings: vec![Finding { what: "it".into(), mend: "so".into() }],
        });
        let expected = "\
NODE  PAGES  RESERVED  FREE
   0  2 MiB        64    32

IOMMU yes, vfio-pci yes, locked memory 8 MiB, isolated cores 2-3

DRIVE         MODEL  SERIAL  SIZE  DRIVER    GROUP  USED BY
0000:01:00.0  -      -          -  vfio-pci  7      sluiced (12)

missing: it
  mend: so

`sluice host undo` puts back:
  0000:01:00.0 with driver nvme
";
        assert_eq!(view.text(), expected);
        let json = serde_json::to_value(&view).expect("JSON");
        assert_eq!(json["pages"][0]["page"], "2MiB");
        assert_eq!(json["changes"][0]["driver"]["before"], "nvme");
        assert_eq!(UndoneView(Vec::new()).text(), "nothing was changed\n");
    }
}
