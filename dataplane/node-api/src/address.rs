//! Where a node's API listens, as configured and as given on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An address of the node API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiAddress {
    /// `unix:PATH`: a socket in the file system. Who may call is the matter of its mode.
    Unix(PathBuf),
    /// `HOST:PORT`, IPv6 in brackets.
    Tcp {
        /// Name or address.
        host: String,
        /// TCP port; 0 lets a server choose.
        port: u16,
    },
}

impl ApiAddress {
    /// Where a node listens and a caller calls unless told otherwise.
    pub const DEFAULT: &'static str = "unix:/run/sluice/node.sock";
}

/// The text is neither form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an API address: write unix:PATH or HOST:PORT")]
pub struct AddressError(String);

impl FromStr for ApiAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<ApiAddress, AddressError> {
        let bad = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(bad()) } else { Ok(ApiAddress::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // A bare IPv6 address would make the last group a port.
        if bare.is_empty() || (bare.contains(':') && bare.len() == host.len()) || bare.contains('/') {
            return Err(bad());
        }
        Ok(ApiAddress::Tcp { host: bare.to_owned(), port })
    }
}

/// Read back by [`ApiAddress::from_str`].
impl fmt::Display for ApiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            ApiAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            ApiAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod test {
    use super::{AddressError, ApiAddress};

    #[test]
    fn reads_both_forms_and_writes_them_back() {
        let tcp = |host: &str, port| ApiAddress::Tcp { host: host.to_owned(), port };
        let table = [
            ("unix:/run/a.sock", ApiAddress::Unix("/run/a.sock".into()), "unix:/run/a.sock"),
            ("unix:///run/a.sock", ApiAddress::Unix("/run/a.sock".into()), "unix:/run/a.sock"),
            ("unix:relative", ApiAddress::Unix("relative".into()), "unix:relative"),
            ("127.0.0.1:0", tcp("127.0.0.1", 0), "127.0.0.1:0"),
            ("[::1]:65535", tcp("::1", 65535), "[::1]:65535"),
            ("node-3.lan:4421", tcp("node-3.lan", 4421), "node-3.lan:4421"),
        ];
        for (text, address, back) in table {
            assert_eq!(text.parse(), Ok(address.clone()), "{text}");
            assert_eq!(address.to_string(), back);
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "unix:", "host", ":4421", "host:65536", "::1:4421", "http://host:80", "host:"] {
            assert_eq!(text.parse::<ApiAddress>(), Err(AddressError(text.to_owned())), "{text}");
        }
    }
}
