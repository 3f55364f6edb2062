//! What a [`crate::Server`] is told: where to listen, who may ask, and every bound on what a peer
//! can make the host hold or wait for.

use std::net::SocketAddr;
use std::time::Duration;

use crate::guard::Token;

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Who may ask. Without any, only a loopback address may be listened on.
    pub tokens: Vec<Token>,
    /// The bounds on connections and requests.
    pub bounds: Bounds,
    /// What `GET /v1/node` tells of the host.
    pub about: About,
}

/// What the host says of itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The version of Greenroom.
    pub version: String,
    /// What runs the components.
    pub engine: String,
    /// What keeps the data.
    pub storage: String,
}

/// Bounds on what peers can make the server hold or wait for. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once; the next is not accepted until one closes.
    pub connections: usize,
    /// Header fields of one request; one more is `headers-too-large`.
    pub headers: usize,
    /// Request line and headers together; more is `headers-too-large`.
    pub header_bytes: usize,
    /// From a connection's start, or the end of the request before, to the end of the headers.
    pub header_timeout: Duration,
    /// For the body of a request, besides what `body_bytes_per_second` allows for its size;
    /// passing it is `request-timeout`.
    pub body_timeout: Duration,
    /// The pace below which a long body is given up with `request-timeout`.
    pub body_bytes_per_second: u64,
    /// Memory for the bodies of requests under way, those up to 1 KiB not counted; a request that
    /// finds none is `overloaded`. As much again for components on their way to be deployed. As much
    /// again for replies: beyond it, connections whose peers have not taken theirs for longest are
    /// closed.
    pub body_memory_bytes: usize,
    /// How long a peer may take nothing of what is written to it before its connection is closed.
    pub write_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            connections: 10_000,
            headers: 64,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_bytes_per_second: 16 << 10,
            body_memory_bytes: 256 << 20,
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            http2_streams: 128,
        }
    }
}
