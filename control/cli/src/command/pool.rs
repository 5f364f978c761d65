//! `sluice pool`

use sluice_node_api::v1::{CreatePoolRequest, ListPoolsRequest};

use super::Context;
use crate::args::PoolCommand;
use crate::error::CliError;
use crate::view::{self, PoolView, Rows};

pub(super) async fn run(context: &Context, command: PoolCommand) -> Result<(), CliError> {
    if let PoolCommand::Check(args) = &command {
        return super::check::run(context, args);
    }
    let mut client = context.client().await?;
    let pools = match command {
        PoolCommand::Show { name } => {
            let pools = client.list_pools(ListPoolsRequest {}).await?.into_inner().pools;
            let pool = pools.into_iter().find(|pool| pool.name == name).ok_or(CliError::NoPool { name })?;
            return Ok(view::show(context.output, &PoolView::from(pool))?);
        }
        PoolCommand::List => client.list_pools(ListPoolsRequest {}).await?.into_inner().pools,
        PoolCommand::Create { device, force } => {
            let pool = client.create_pool(CreatePoolRequest { device, force }).await?.into_inner().pool;
            vec![pool.ok_or(CliError::Incomplete("pool"))?]
        }
        PoolCommand::Check(_) => unreachable!("it needs no node"),
    };
    Ok(view::show(context.output, &Rows(pools.into_iter().map(PoolView::from).collect()))?)
}
