//! Where the API listens: a Unix socket or TCP.
//!
//! A Unix socket is bound under a temporary name, given its mode and moved into place, so that it is never there
//! with the wrong mode, and a socket left by a daemon that was killed is replaced in the same step.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use sluice_node_api::ApiAddress;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::Error;
use tonic::transport::server::Router;

use super::ApiError;
use crate::config::ApiListen;

/// A bound listener; its socket file is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    address: ApiAddress,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener, SocketFile),
    Tcp(std::net::TcpListener),
}

/// The socket's name in the file system.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the API's socket");
        }
    }
}

impl Bound {
    /// As callers take it.
    pub(super) fn address(&self) -> &ApiAddress {
        &self.address
    }

    /// Serves until `stopped`. Must run inside a runtime.
    pub(super) async fn serve(
        self,
        router: Router,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        match self.socket {
            Socket::Unix(listener, _file) => {
                listener.set_nonblocking(true)?;
                let incoming = UnixListenerStream::new(tokio::net::UnixListener::from_std(listener)?);
                Ok(router.serve_with_incoming_shutdown(incoming, stopped).await?)
            }
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener)?);
                Ok(router.serve_with_incoming_shutdown(incoming, stopped).await?)
            }
        }
    }
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Transport(#[from] Error),
}

/// Binds an address.
pub(super) fn bind(listen: ApiListen) -> Result<Bound, ApiError> {
    match listen {
        ApiListen::Unix { path, mode } => {
            let address = ApiAddress::Unix(path.clone());
            match bind_unix(&path, mode) {
                Ok(listener) => Ok(Bound { address, socket: Socket::Unix(listener, SocketFile(path)) }),
                Err(source) => Err(ApiError::Bind { address, source }),
            }
        }
        ApiListen::Tcp(address) => match bind_tcp(address) {
            Ok((listener, address)) => Ok(Bound { address: of_tcp(address), socket: Socket::Tcp(listener) }),
            Err(source) => Err(ApiError::Bind { address: of_tcp(address), source }),
        },
    }
}

fn of_tcp(address: SocketAddr) -> ApiAddress {
    ApiAddress::Tcp { host: address.ip().to_string(), port: address.port() }
}

fn bind_tcp(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    refuse_occupied(path)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.to_owned().into_os_string();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let listener = UnixListener::bind(&new)?;
    let in_place =
        fs::set_permissions(&new, Permissions::from_mode(mode)).and_then(|()| fs::rename(&new, path));
    if let Err(error) = in_place {
        // The first failure is the one to report.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    Ok(listener)
}

/// Only a socket that nobody serves may be replaced.
fn refuse_occupied(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket has this name"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another process serves it")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod test {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::{Socket, bind};
    use crate::config::ApiListen;

    #[test]
    fn a_socket_has_its_mode_and_goes_away() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("new/folder/api");
        let bound = bind(ApiListen::Unix { path: path.clone(), mode: 0o640 }).expect("bound");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(bound.address().to_string(), format!("unix:{}", path.display()));
        UnixStream::connect(&path).expect("listens");
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("api");
        let listen = ApiListen::Unix { path: path.clone(), mode: 0o600 };
        drop(UnixListener::bind(&path).expect("left behind"));
        let bound = bind(listen.clone()).expect("replaced");
        let error = bind(listen.clone()).expect_err("served").to_string();
        assert!(error.contains("another process"), "{error}");
        drop(bound);
        fs::write(&path, "precious").expect("written");
        bind(listen).expect_err("no socket");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[test]
    fn port_0_is_resolved() {
        let bound = bind(ApiListen::Tcp(([127, 0, 0, 1], 0).into())).expect("bound");
        assert!(!bound.address().to_string().ends_with(":0"));
        assert!(matches!(bound.socket, Socket::Tcp(_)));
    }
}
