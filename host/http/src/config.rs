//! What a [`crate::Server`] is told: where to listen, who may ask, and every bound on what a peer
//! can make the host hold or wait for.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cors::Origin;
use crate::guard::Token;

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Who may ask. Without any, only a loopback address may be listened on.
    pub tokens: Vec<Token>,
    /// Of which origins web pages may use the host, besides its own.
    pub cors_origins: Vec<Origin>,
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
    /// Connections at once. For the next, those close that have been without a request for longest, of the peer that
    /// has most; when none is, it waits.
    pub connections: usize,
    /// Header fields of one request; one more is `headers-too-large`.
    pub headers: usize,
    /// Request line and headers together; more is `headers-too-large`.
    pub header_bytes: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// Within so long the end of a body has to arrive, or as much as `body_bytes_per_second` asks for, and again
    /// within as long after that; else it is `request-timeout`.
    pub body_timeout: Duration,
    /// The pace of a body, over each `body_timeout`; and while there is no memory left for bodies, over the last
    /// seconds: the slowest of those below it are ended with `request-timeout`.
    pub body_bytes_per_second: u64,
    /// Memory for the bodies of requests under way, those up to 1 KiB not counted; a request that
    /// finds none is `overloaded`. As much again for components on their way to be deployed. As much
    /// again for replies: beyond it, connections whose peers have not taken theirs for longest are
    /// closed.
    pub body_memory_bytes: usize,
    /// How long a peer may take nothing of what is written to it before its connection is closed.
    pub write_timeout: Duration,
    /// How long a connection may stay without a request. Longer than load balancers keep theirs, or they send
    /// requests on connections that close.
    pub idle_timeout: Duration,
    /// Requests under way at once; one more is `overloaded`. One peer, an address or a /64 network of IPv6, has
    /// three quarters of them at most.
    pub requests: usize,
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
            idle_timeout: Duration::from_mins(2),
            requests: 20_000,
            http2_streams: 128,
        }
    }
}
