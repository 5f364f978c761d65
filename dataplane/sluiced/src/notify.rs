//! Telling systemd about states, for units with `Type=notify` (sd_notify(3)).

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends a state such as `READY=1` to the supervisor that `NOTIFY_SOCKET` names; does nothing if none is named.
///
/// # Errors
/// If the socket is named but cannot be reached.
pub fn notify(state: &str) -> io::Result<()> {
    match env::var("NOTIFY_SOCKET") {
        Ok(name) if !name.is_empty() => send(&name, state),
        _ => Ok(()),
    }
}

/// `@NAME` is a socket of the abstract namespace, anything else a path.
fn send(name: &str, state: &str) -> io::Result<()> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod test {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::send;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn reaches_a_path() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bind");
        send(path.to_str().expect("text"), "READY=1").expect("sent");
        assert_eq!(received(&socket), "READY=1");
    }

    #[test]
    fn reaches_an_abstract_name() {
        let name = format!("sluice-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("address");
        let socket = UnixDatagram::bind_addr(&address).expect("bind");
        send(&format!("@{name}"), "STOPPING=1").expect("sent");
        assert_eq!(received(&socket), "STOPPING=1");
    }

    #[test]
    fn says_so_when_nobody_listens() {
        let folder = tempfile::tempdir().expect("folder");
        send(folder.path().join("none").to_str().expect("text"), "READY=1").expect_err("nobody");
    }
}
