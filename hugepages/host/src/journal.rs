//! What was changed, so that it can be put back.
//!
//! Each change is written down before it is made; one that is written down and was not made is undone to no effect.
//! The file lies in `/run`, for neither pages nor bindings outlive a reboot.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::error::HostError;
use crate::pages::PageSize;
use crate::tree::Tree;

const FOLDER: &str = "/run/sluice";
const FILE: &str = "/run/sluice/host.json";

/// One change of the host, with what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The number of huge pages of a node.
    Pages {
        /// Which node.
        node: u32,
        /// Which pages.
        page: PageSize,
        /// How many there were.
        before: u64,
    },
    /// The driver of a drive.
    Driver {
        /// Which drive.
        address: String,
        /// The driver it had; empty if none.
        before: String,
    },
}

/// Everything changed and not yet put back, oldest first.
pub(crate) fn read(tree: &Tree) -> Result<Vec<Change>, HostError> {
    match tree.read(FILE).as_str() {
        "" => Ok(Vec::new()),
        text => serde_json::from_str(text).map_err(|cause| HostError::file(FILE)(cause.into())),
    }
}

/// Replaces the journal, whole or not at all.
pub(crate) fn write(tree: &Tree, changes: &[Change]) -> Result<(), HostError> {
    let beside = format!("{FILE}.new");
    let text = serde_json::to_string_pretty(changes).map_err(|cause| HostError::file(FILE)(cause.into()))?;
    fs::create_dir_all(tree.path(FOLDER)).map_err(HostError::file(FOLDER))?;
    tree.write(&beside, &text).map_err(HostError::file(&beside))?;
    fs::rename(tree.path(&beside), tree.path(FILE)).map_err(HostError::file(FILE))
}

/// Writes down one more change. Of one thing only what was first is kept: that is what is put back.
pub(crate) fn append(tree: &Tree, change: Change) -> Result<(), HostError> {
    let mut changes = read(tree)?;
    let same = |other: &Change| match (other, &change) {
        (Change::Pages { node: a, page: b, .. }, Change::Pages { node: c, page: d, .. }) => (a, b) == (c, d),
        (Change::Driver { address: a, .. }, Change::Driver { address: b, .. }) => a == b,
        _ => false,
    };
    if !changes.iter().any(same) {
        changes.push(change);
        write(tree, &changes)?;
    }
    Ok(())
}
