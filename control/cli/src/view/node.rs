//! `sluice node`

use serde::Serialize;
use sluice_node_api::v1::{GetNodeResponse, Polling};

use super::{View, card};
use crate::units;

/// The node.
#[derive(Debug, Serialize)]
pub(crate) struct NodeView {
    name: String,
    version: String,
    uptime_ns: u64,
    nvme_tcp_listeners: Vec<String>,
    discovery_nqn: String,
    polling: &'static str,
    spin_us: u32,
    reactors: Vec<ReactorView>,
}

#[derive(Debug, Serialize)]
struct ReactorView {
    device: String,
    core: Option<u32>,
}

impl From<GetNodeResponse> for NodeView {
    fn from(node: GetNodeResponse) -> NodeView {
        let polling = match node.polling() {
            Polling::Unspecified => "unknown",
            Polling::Adaptive => "adaptive",
            Polling::Always => "always",
        };
        let reactor = |reactor: sluice_node_api::v1::Reactor| ReactorView {
            device: reactor.device,
            core: reactor.core,
        };
        NodeView {
            polling,
            name: node.name,
            version: node.version,
            uptime_ns: node.uptime_ns,
            nvme_tcp_listeners: node.nvme_tcp_listeners,
            discovery_nqn: node.discovery_nqn,
            spin_us: node.spin_us,
            reactors: node.reactors.into_iter().map(reactor).collect(),
        }
    }
}

impl View for NodeView {
    fn text(&self) -> String {
        let polling = match self.polling {
            "adaptive" => format!("adaptive, spins {} us", self.spin_us),
            other => other.to_owned(),
        };
        card(&[
            ("node", self.name.clone()),
            ("version", self.version.clone()),
            ("up", units::long_duration(self.uptime_ns)),
            ("nvme/tcp", self.nvme_tcp_listeners.join(" ")),
            ("discovery", self.discovery_nqn.clone()),
            ("polling", polling),
            ("reactors", self.reactors.iter().map(ReactorView::to_string).collect::<Vec<_>>().join(", ")),
        ])
    }
}

impl std::fmt::Display for ReactorView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.core {
            Some(core) => write!(f, "{} on core {core}", self.device),
            None => write!(f, "{} on any core", self.device),
        }
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{GetNodeResponse, Polling, Reactor};

    use super::{NodeView, View};

    #[test]
    fn snapshot() {
        let view = NodeView::from(GetNodeResponse {
            name: "storage-1".into(),
            version: "0.1.0".into(),
            uptime_ns: 62_000_000_000,
            nvme_tcp_listeners: vec!["192.0.2.10:4420".into(), "[::1]:4420".into()],
            discovery_nqn: "nqn.2014-08.org.nvmexpress.discovery".into(),
            reactors: vec![
                Reactor { device: "a".into(), core: Some(3) },
                Reactor { device: "b".into(), core: None },
            ],
            polling: Polling::Adaptive.into(),
            spin_us: 50,
        });
        let expected = "\
node       storage-1
version    0.1.0
up         1m 02s
nvme/tcp   192.0.2.10:4420 [::1]:4420
discovery  nqn.2014-08.org.nvmexpress.discovery
polling    adaptive, spins 50 us
reactors   a on core 3, b on any core
";
        assert_eq!(view.text(), expected);
        let json = serde_json::to_value(&view).expect("JSON");
        assert_eq!(json["reactors"][1]["core"], serde_json::Value::Null);
        assert_eq!(
            (json["polling"].as_str(), json["uptime_ns"].as_u64()),
            (Some("adaptive"), Some(62_000_000_000))
        );
    }
}
