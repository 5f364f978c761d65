//! Huge pages: how many of each size each NUMA node has reserved.

use serde::{Deserialize, Serialize};

use crate::tree::Tree;

/// A size of huge page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PageSize {
    /// 2 MiB.
    #[serde(rename = "2MiB")]
    Mib2,
    /// 1 GiB.
    #[serde(rename = "1GiB")]
    Gib1,
}

impl PageSize {
    const ALL: [Self; 2] = [Self::Mib2, Self::Gib1];

    /// As the kernel counts them.
    fn kib(self) -> u32 {
        match self {
            Self::Mib2 => 2048,
            Self::Gib1 => 1 << 20,
        }
    }

    /// Its length.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.kib()) << 10
    }
}

impl std::fmt::Display for PageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Mib2 { "2 MiB" } else { "1 GiB" })
    }
}

/// The huge pages of one size on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PagePool {
    /// NUMA node.
    pub node: u32,
    /// Their size.
    pub page: PageSize,
    /// How many are reserved.
    pub total: u64,
    /// How many of these nobody uses.
    pub free: u64,
}

/// The folder of one size on one node.
pub(crate) fn folder(node: u32, page: PageSize) -> String {
    format!("/sys/devices/system/node/node{node}/hugepages/hugepages-{}kB", page.kib())
}

/// All nodes' pages, by node and size; sizes that the processor lacks are left out.
pub(crate) fn pools(tree: &Tree) -> Vec<PagePool> {
    let nodes = tree.list("/sys/devices/system/node");
    let mut nodes: Vec<u32> =
        nodes.iter().filter_map(|name| name.strip_prefix("node")?.parse().ok()).collect();
    nodes.sort_unstable();
    let pool = |node: u32, page: PageSize| {
        let number = |name: &str| tree.read(&format!("{}/{name}", folder(node, page))).parse().ok();
        Some(PagePool { node, page, total: number("nr_hugepages")?, free: number("free_hugepages")? })
    };
    nodes
        .into_iter()
        .flat_map(|node| PageSize::ALL.into_iter().filter_map(move |page| pool(node, page)))
        .collect()
}
