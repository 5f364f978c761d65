//! `sluice app`

use sluice_node_api::NodeClient;
use sluice_node_api::v1::{
    App, AppQos, EndLeaseRequest, LeaseAppRequest, ListAppsRequest, RemoveAppRequest, SetAppRequest,
};

use super::Context;
use crate::args::{AppCommand, AppLeaseArgs, AppSetArgs};
use crate::error::CliError;
use crate::view::{self, AppCards, AppView, Deleted, Rows};

pub(super) async fn run(context: &Context, command: AppCommand) -> Result<(), CliError> {
    let client = context.client().await?;
    match command {
        AppCommand::List => list(context, client).await,
        AppCommand::Show { name } => show(context, client, name).await,
        AppCommand::Set(args) => set(context, client, args).await,
        AppCommand::Remove { name, pool } => remove(context, client, name, pool).await,
        AppCommand::Lease(args) => lease(context, client, args).await,
    }
}

async fn list(context: &Context, mut client: NodeClient) -> Result<(), CliError> {
    let request = ListAppsRequest { name: String::new() };
    let apps = client.list_apps(request).await?.into_inner().apps;
    Ok(view::show(context.output, &Rows(apps.into_iter().map(AppView::from).collect()))?)
}

async fn show(context: &Context, mut client: NodeClient, name: String) -> Result<(), CliError> {
    let apps = client.list_apps(ListAppsRequest { name: name.clone() }).await?.into_inner().apps;
    if apps.is_empty() {
        return Err(CliError::NoApp { name });
    }
    Ok(view::show(context.output, &AppCards(apps.into_iter().map(AppView::from).collect()))?)
}

async fn set(context: &Context, mut client: NodeClient, args: AppSetArgs) -> Result<(), CliError> {
    let qos = AppQos {
        min_iops: args.min_iops,
        max_iops: args.max_iops,
        burst_iops: args.burst_iops,
        burst_credit_s: args.burst_seconds.unwrap_or(0),
        weight: args.weight,
        max_bytes_per_s: args.max_bandwidth.map(|size| size.0),
        low_latency: args.low_latency,
    };
    let request = SetAppRequest {
        name: args.name,
        pool: args.pool.unwrap_or_default(),
        labels: args.labels.into_iter().collect(),
        qos: Some(qos),
    };
    show_app(context, client.set_app(request).await?.into_inner().app)
}

async fn remove(
    context: &Context,
    mut client: NodeClient,
    name: String,
    pool: Option<String>,
) -> Result<(), CliError> {
    client.remove_app(RemoveAppRequest { name: name.clone(), pool: pool.unwrap_or_default() }).await?;
    Ok(view::show(context.output, &Deleted { deleted: name })?)
}

async fn lease(context: &Context, mut client: NodeClient, args: AppLeaseArgs) -> Result<(), CliError> {
    let (name, pool) = (args.name, args.pool.unwrap_or_default());
    let app = match args.length {
        None => client.end_lease(EndLeaseRequest { name, pool }).await?.into_inner().app,
        Some(length) => {
            let seconds = u32::try_from(length.as_secs()).expect("at most 30 days");
            let (min_iops, max_iops) = (args.min_iops.unwrap_or(0), args.max_iops);
            let request = LeaseAppRequest { name, pool, min_iops, max_iops, seconds };
            client.lease_app(request).await?.into_inner().app
        }
    };
    show_app(context, app)
}

fn show_app(context: &Context, app: Option<App>) -> Result<(), CliError> {
    let app = app.ok_or(CliError::Incomplete("application"))?;
    Ok(view::show(context.output, &AppView::from(app))?)
}
