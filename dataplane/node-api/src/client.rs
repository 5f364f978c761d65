//! A client of the node API over either kind of address.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Error};

use crate::v1::node_client;
use crate::{ApiAddress, MAX_MESSAGE_BYTES};

/// A connected client.
pub type NodeClient = node_client::NodeClient<Channel>;

/// How long a connection may take to open before the node counts as not reachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to a node.
///
/// # Errors
/// If nothing answers at the address within 5 s.
pub async fn connect(address: &ApiAddress) -> Result<NodeClient, Error> {
    let uri = match address {
        ApiAddress::Unix(_) => address.to_string(),
        ApiAddress::Tcp { .. } => format!("http://{address}"),
    };
    let channel = Endpoint::from_shared(uri)?.connect_timeout(CONNECT_TIMEOUT).connect().await?;
    Ok(node_client::NodeClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES))
}
