//! The ready file: tells a supervisor or a test that the node serves, and where.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sluice_node_api::ApiAddress;

/// What the file says: one JSON object.
#[derive(Debug, Serialize)]
struct Ready {
    /// The daemon's process.
    pid: u32,
    /// The API, as `sluice --node` takes it.
    api: String,
    /// Bound NVMe/TCP addresses.
    nvme_tcp: Vec<String>,
    /// Where metrics are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
}

/// A ready file that stands; removed when dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes the file whole or not at all: a reader never sees a part.
    pub(crate) fn write(
        path: &Path,
        api: &ApiAddress,
        nvme_tcp: &[SocketAddr],
        metrics: Option<SocketAddr>,
    ) -> io::Result<ReadyFile> {
        let ready = Ready {
            pid: std::process::id(),
            api: api.to_string(),
            nvme_tcp: nvme_tcp.iter().map(SocketAddr::to_string).collect(),
            metrics,
        };
        let mut part = path.to_owned().into_os_string();
        part.push(".part");
        fs::write(&part, serde_json::to_vec(&ready)?)?;
        fs::rename(&part, path)?;
        Ok(ReadyFile(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the ready file");
        }
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::ApiAddress;

    use super::ReadyFile;

    #[test]
    fn says_where_and_goes_away() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ready");
        let api = ApiAddress::Unix("/s".into());
        let at = |port| ([127, 0, 0, 1], port).into();
        let pid = std::process::id();
        for (metrics, end) in [(None, ""), (Some(at(9464)), r#","metrics":"127.0.0.1:9464""#)] {
            let file = ReadyFile::write(&path, &api, &[at(4420)], metrics).expect("written");
            let text = std::fs::read_to_string(&path).expect("read");
            assert_eq!(
                text,
                format!(r#"{{"pid":{pid},"api":"unix:/s","nvme_tcp":["127.0.0.1:4420"]{end}}}"#)
            );
            drop(file);
        }
        assert_eq!(folder.path().read_dir().expect("folder").count(), 0);
    }
}
