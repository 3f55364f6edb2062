//! The address to listen on, as people write it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};

/// Parses an address and a port, a name and a port, or a port alone, which is loopback's.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let unusable = || {
        format!("{text:?} is not an address, for example 127.0.0.1:7070, [::1]:7070, localhost:7070 or :7070")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(unusable)?;
    let port: u16 = port.parse().map_err(|_| unusable())?;
    if host.is_empty() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    if host.contains(['[', ':', '/']) {
        return Err(unusable());
    }
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("{host:?} can't be found: {error}"))?
        .collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("{host:?} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_several_ways() {
        for (text, expected) in [
            ("127.0.0.1:7070", "127.0.0.1:7070"),
            ("[::1]:0", "[::1]:0"),
            (":7070", "127.0.0.1:7070"),
            ("localhost:7070", "127.0.0.1:7070"),
        ] {
            assert_eq!(address(text).map(|found| found.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "here", ":", "localhost", "localhost:", ":70000", "::1", "http://localhost:7070"] {
            assert!(address(text).is_err_and(|why| why.contains("is not an address")), "{text}");
        }
    }
}
