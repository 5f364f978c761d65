//! `sluice host`

use rustix::process::{Resource, geteuid, getrlimit};
use sluice_host::{HostError, Plan, Tree, prepare, status, undo};

use super::Context;
use crate::args::{HostCommand, PrepareArgs};
use crate::error::CliError;
use crate::view::{self, HostView, UndoneView};

pub(super) fn run(context: &Context, command: HostCommand) -> Result<(), CliError> {
    let tree = Tree::default();
    match command {
        HostCommand::Status => {}
        HostCommand::Prepare(PrepareArgs { pages, drives, force }) => {
            administrator()?;
            prepare(&tree, &Plan { pages, drives, force })?;
        }
        HostCommand::Undo => {
            administrator()?;
            return Ok(view::show(context.output, &UndoneView(undo(&tree)?))?);
        }
    }
    let status = status(&tree, getrlimit(Resource::Memlock).current)?;
    Ok(view::show(context.output, &HostView(status))?)
}

fn administrator() -> Result<(), HostError> {
    if geteuid().is_root() { Ok(()) } else { Err(HostError::NotRoot) }
}
