//! The `nvme connect` line for a published volume: exact, to be pasted on a host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use sluice_node_api::ApiAddress;

/// What a host NQN made of a UUID begins with; the host ID that goes with it is that UUID.
const UUID_HOST: &str = "nqn.2014-08.org.nvmexpress:uuid:";

/// The command that connects a host to a subsystem. `host` is the NQN it must use, if it may not use its own.
pub(crate) fn command(address: SocketAddr, nqn: &str, host: Option<&str>) -> String {
    let mut line = format!(
        "nvme connect --transport=tcp --traddr={} --trsvcid={} --nqn={nqn}",
        address.ip(),
        address.port()
    );
    if let Some(host) = host {
        line.push_str(&format!(" --hostnqn={host}"));
        // Kernels from 6.5 refuse a host ID that was seen with another NQN.
        if let Some(uuid) = host.strip_prefix(UUID_HOST) {
            line.push_str(&format!(" --hostid={uuid}"));
        }
    }
    line
}

/// An address hosts can use, for a listener as bound: a wildcard is replaced by the address the node was called at,
/// or, for a local call, by this machine's address on its default route.
pub(crate) fn reachable(listener: SocketAddr, node: &ApiAddress) -> SocketAddr {
    if !listener.ip().is_unspecified() {
        return listener;
    }
    let called_at = match node {
        ApiAddress::Tcp { host, .. } => host.parse().ok().filter(|ip: &IpAddr| !ip.is_loopback()),
        ApiAddress::Unix(_) => None,
    };
    let ip = called_at.or_else(outward).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    SocketAddr::new(ip, listener.port())
}

/// This machine's address on its default route. Connecting a UDP socket sends nothing; it only picks the source.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod test {
    use super::{command, reachable};

    const NQN: &str = "nqn.2026-11.io.sluice:6b1c";

    #[test]
    fn any_host() {
        let line = "nvme connect --transport=tcp --traddr=192.0.2.10 --trsvcid=4420 --nqn=nqn.2026-11.io.sluice:6b1c";
        assert_eq!(command(([192, 0, 2, 10], 4420).into(), NQN, None), line);
    }

    #[test]
    fn one_host_with_its_id() {
        let uuid = "0f0e0d0c-0b0a-0908-0706-050403020100";
        let host = format!("nqn.2014-08.org.nvmexpress:uuid:{uuid}");
        let line = command("[::1]:4421".parse().expect("address"), NQN, Some(&host));
        assert!(line.contains("--traddr=::1 --trsvcid=4421 "), "{line}");
        assert!(line.ends_with(&format!(" --hostnqn={host} --hostid={uuid}")), "{line}");
        let line = command(([10, 0, 0, 1], 4420).into(), NQN, Some("nqn.2020-01.com.example:a"));
        assert!(line.ends_with("--hostnqn=nqn.2020-01.com.example:a"), "{line}");
    }

    #[test]
    fn a_wildcard_is_replaced() {
        let bound = ([192, 0, 2, 10], 4420).into();
        let unix = "unix:/s".parse().expect("address");
        assert_eq!(reachable(bound, &unix), bound);
        let wildcard = ([0, 0, 0, 0], 4420).into();
        let remote = "192.0.2.77:4421".parse().expect("address");
        assert_eq!(reachable(wildcard, &remote), ([192, 0, 2, 77], 4420).into());
        assert!(!reachable(wildcard, &unix).ip().is_unspecified());
        assert_eq!(reachable(wildcard, &unix).port(), 4420);
    }
}
