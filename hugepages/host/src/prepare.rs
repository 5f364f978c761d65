//! Changing the host, and putting it back.

use crate::drive::{Drive, VFIO, drives};
use crate::error::HostError;
use crate::journal::{self, Change};
use crate::pages::{self, PageSize};
use crate::tree::Tree;

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Reserve so many huge pages of a size on each of these nodes.
    pub pages: Vec<(u32, PageSize, u64)>,
    /// Hand these drives to user space, by PCI address.
    pub drives: Vec<String>,
    /// Also drives that hold data. Mounted ones are refused all the same.
    pub force: bool,
}

/// Changes the host as told. All drives are looked at before the first change is made.
///
/// # Errors
/// [`HostError`]; what was changed until then stays changed, and written down for [`undo`].
pub fn prepare(tree: &Tree, plan: &Plan) -> Result<(), HostError> {
    let known = drives(tree);
    let chosen = plan.drives.iter().map(|address| choose(&known, address, plan.force));
    let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
    if chosen.iter().any(|drive| !drive.is_handed_over())
        && !tree.exists(&format!("/sys/bus/pci/drivers/{VFIO}"))
    {
        return Err(HostError::NoVfio);
    }
    for (node, page, count) in &plan.pages {
        reserve(tree, *node, *page, *count)?;
    }
    for drive in chosen.into_iter().filter(|drive| !drive.is_handed_over()) {
        journal::append(
            tree,
            Change::Driver { address: drive.address.clone(), before: drive.driver.clone() },
        )?;
        bind(tree, &drive.address, VFIO)?;
    }
    Ok(())
}

/// Puts back what [`prepare`] changed, latest first. Returns what was put back.
///
/// # Errors
/// [`HostError`]; what is not put back yet stays written down.
pub fn undo(tree: &Tree) -> Result<Vec<Change>, HostError> {
    let mut left = journal::read(tree)?;
    let mut undone = Vec::new();
    while let Some(change) = left.pop() {
        put_back(tree, &change)?;
        journal::write(tree, &left)?;
        undone.push(change);
    }
    Ok(undone)
}

fn put_back(tree: &Tree, change: &Change) -> Result<(), HostError> {
    match change {
        Change::Pages { node, page, before } => set_pages(tree, *node, *page, *before),
        // A drive that was pulled meanwhile needs no driver.
        Change::Driver { address, .. } if !tree.exists(&format!("/sys/bus/pci/devices/{address}")) => Ok(()),
        Change::Driver { address, before } => bind(tree, address, before),
    }
}

/// The drive, if it may be handed over.
fn choose<'a>(known: &'a [Drive], address: &str, force: bool) -> Result<&'a Drive, HostError> {
    let address = address.to_owned();
    let Some(drive) = known.iter().find(|drive| drive.address == address) else {
        let known = known.iter().map(|drive| drive.address.as_str()).collect::<Vec<_>>().join(", ");
        return Err(HostError::NoDrive {
            address,
            known: if known.is_empty() { "none".to_owned() } else { known },
        });
    };
    let running = |text: &&String| text.contains(" is ");
    let busy: Vec<&str> = drive.uses.iter().filter(running).map(String::as_str).collect();
    if !busy.is_empty() {
        return Err(HostError::Busy { address, uses: busy.join(", ") });
    }
    if !drive.uses.is_empty() && !force {
        return Err(HostError::InUse { address, uses: drive.uses.join(", ") });
    }
    if drive.iommu_group.is_none() {
        return Err(HostError::NoIommu { address });
    }
    Ok(drive)
}

fn reserve(tree: &Tree, node: u32, page: PageSize, wanted: u64) -> Result<(), HostError> {
    let pools = pages::pools(tree);
    let pool = pools.iter().find(|pool| (pool.node, pool.page) == (node, page));
    let before = pool.ok_or(HostError::NoPages { node, page })?.total;
    journal::append(tree, Change::Pages { node, page, before })?;
    set_pages(tree, node, page, wanted)?;
    let now = pages::pools(tree).into_iter().find(|pool| (pool.node, pool.page) == (node, page));
    match now.map_or(0, |pool| pool.total) {
        got if got < wanted => Err(HostError::TooFewPages { node, page, wanted, got }),
        _ => Ok(()),
    }
}

fn set_pages(tree: &Tree, node: u32, page: PageSize, count: u64) -> Result<(), HostError> {
    let path = format!("{}/nr_hugepages", pages::folder(node, page));
    tree.write(&path, &count.to_string()).map_err(HostError::file(&path))
}

/// Takes a device from its driver and gives it to another; an empty name gives it to none.
fn bind(tree: &Tree, address: &str, driver: &str) -> Result<(), HostError> {
    let folder = format!("/sys/bus/pci/devices/{address}");
    let write = |path: String, text: &str| tree.write(&path, text).map_err(HostError::file(&path));
    let bound = || tree.link(&format!("{folder}/driver")).unwrap_or_default();
    if bound() == driver {
        return Ok(());
    }
    if !bound().is_empty() {
        write(format!("{folder}/driver/unbind"), address)?;
    }
    // The override keeps other drivers away while it is with vfio-pci; a line feed ends it.
    write(format!("{folder}/driver_override"), if driver == VFIO { VFIO } else { "\n" })?;
    if driver.is_empty() {
        return Ok(());
    }
    write("/sys/bus/pci/drivers_probe".to_owned(), address)?;
    match bound() {
        found if found == driver => Ok(()),
        found => {
            let (address, wanted) = (address.to_owned(), driver.to_owned());
            let found = if found.is_empty() { "no driver".to_owned() } else { found };
            Err(HostError::NotBound { address, wanted, found })
        }
    }
}
