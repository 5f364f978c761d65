//! `sluice node`

use sluice_node_api::v1::GetNodeRequest;

use super::Context;
use crate::error::CliError;
use crate::view::{self, NodeView};

pub(super) async fn show(context: &Context) -> Result<(), CliError> {
    let node = context.client().await?.get_node(GetNodeRequest {}).await?.into_inner();
    Ok(view::show(context.output, &NodeView::from(node))?)
}
