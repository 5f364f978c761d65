//! Calls that erase drives.

use std::sync::Arc;

use sluice_node_api::v1;
use sluice_node_api::v1::erase_device_request::Erase as Wanted;
use sluice_nvme::admin::format_nvm::SecureErase;
use sluice_nvme_pcie::{Erase, Method};
use sluice_target::handle::PoolStatus;

use super::error::NodeError;
use super::messages;
use crate::node::NodeState;

pub(super) async fn erase(
    state: Arc<NodeState>,
    request: v1::EraseDeviceRequest,
) -> Result<v1::EraseDeviceResponse, NodeError> {
    let v1::EraseDeviceRequest { device, erase, force } = request;
    let erase = wanted(erase)?;
    let index = state.device(&device)?;
    if let Some(handle) = state.slots[index].handle() {
        let PoolStatus { volumes, snapshots, .. } = handle.pool().await?;
        if volumes > 0 || snapshots > 0 {
            return Err(NodeError::HasVolumes { name: device, volumes, snapshots });
        }
    }
    // It blocks for as long as the drive takes, so it is done off the API's thread.
    let erasing = Arc::clone(&state);
    let work = move || erasing.slots[index].erase(erase, force);
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeError::Task)??;
    Ok(v1::EraseDeviceResponse { device: Some(messages::device(&state.slots[index], None)) })
}

/// What is asked for, in the driver's words.
fn wanted(erase: Option<Wanted>) -> Result<Erase, NodeError> {
    match erase {
        Some(Wanted::Format(format)) => {
            let secure = match format.secure_erase() {
                v1::SecureErase::Unspecified => SecureErase::None,
                v1::SecureErase::UserData => SecureErase::UserData,
                v1::SecureErase::Cryptographic => SecureErase::Cryptographic,
            };
            match format.block_size {
                0 => Ok(Erase::Format { block_size: None, secure }),
                block_size @ (512 | 4096) => Ok(Erase::Format { block_size: Some(block_size), secure }),
                other => Err(NodeError::BlockSize(other)),
            }
        }
        Some(Wanted::Sanitize(sanitize)) => match sanitize.method() {
            v1::SanitizeMethod::Unspecified => Err(NodeError::NoErase),
            v1::SanitizeMethod::BlockErase => Ok(Erase::Sanitize(Method::BlockErase)),
            v1::SanitizeMethod::CryptoErase => Ok(Erase::Sanitize(Method::CryptoErase)),
            v1::SanitizeMethod::Overwrite => Ok(Erase::Sanitize(Method::Overwrite)),
        },
        None => Err(NodeError::NoErase),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn format(block_size: u32, secure_erase: v1::SecureErase) -> Option<Wanted> {
        Some(Wanted::Format(v1::FormatDrive { block_size, secure_erase: secure_erase.into() }))
    }

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        let keep = wanted(format(0, v1::SecureErase::Unspecified)).expect("a format");
        assert_eq!(keep, Erase::Format { block_size: None, secure: SecureErase::None });
        let other = wanted(format(4096, v1::SecureErase::Cryptographic)).expect("a format");
        assert_eq!(other, Erase::Format { block_size: Some(4096), secure: SecureErase::Cryptographic });
        assert!(matches!(wanted(format(1024, v1::SecureErase::UserData)), Err(NodeError::BlockSize(1024))));
        let sanitize = |method: v1::SanitizeMethod| {
            wanted(Some(Wanted::Sanitize(v1::SanitizeDrive { method: method.into() })))
        };
        let overwrite = sanitize(v1::SanitizeMethod::Overwrite).expect("a sanitize");
        assert_eq!(overwrite, Erase::Sanitize(Method::Overwrite));
        assert!(matches!(sanitize(v1::SanitizeMethod::Unspecified), Err(NodeError::NoErase)));
        assert!(matches!(wanted(None), Err(NodeError::NoErase)));
    }
}
