//! A load generator that costs little: HTTP/1.1 over keep-alive connections, one request at a time
//! on each, with nothing allocated per request but its bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::statistics::Latencies;

/// One keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: BytesMut::with_capacity(16 << 10) })
    }

    /// Sends a whole request and reads the whole response; its status.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((status, length)) = response(&self.buffer)? {
                let _ = self.buffer.split_to(length);
                return Ok(status);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The status and the length in bytes of the response at the head of `bytes`, when it is complete.
fn response(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let malformed = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| malformed("the head is not text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status: u16 = status.ok_or_else(|| malformed("no status"))?;
    let mut length = (status == 204).then_some(0);
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let length: usize = length.ok_or_else(|| malformed("no content-length"))?;
    let end = head + 4 + length;
    Ok((bytes.len() >= end).then_some((status, end)))
}

/// Puts a `POST` of a text into `request`, in place of what it held.
pub fn post(request: &mut Vec<u8>, path: &str, body: &str) {
    use std::io::Write as _;

    request.clear();
    // Writing to a Vec can't fail.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    /// From the first request to the last response.
    pub took: Duration,
    /// Of the requests that succeeded.
    pub latencies: Latencies,
    /// Requests with a status other than 2xx.
    pub refused: u64,
}

impl Outcome {
    /// Successful requests per second.
    pub fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }
}

/// How long a load goes on.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// So long.
    Time(Duration),
    /// So many requests.
    Requests(u64),
}

/// Puts a load on the server at `address`: each connection sends one request after the other, the
/// n-th of all as `make` writes it.
pub async fn load<Make>(
    address: SocketAddr,
    connections: usize,
    extent: Extent,
    make: Make,
) -> anyhow::Result<Outcome>
where
    Make: Fn(u64, &mut Vec<u8>) + Send + Sync + 'static,
{
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await.context("could not connect")?);
    }
    let (make, next) = (Arc::new(make), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let clients = opened.into_iter().map(|connection| {
        tokio::spawn(client(connection, extent, begun, Arc::clone(&next), Arc::clone(&make)))
    });
    let (mut latencies, mut refused) = (Vec::new(), 0);
    for ended in futures::future::join_all(clients).await {
        let (of_client, refused_of_client) = ended??;
        latencies.extend(of_client);
        refused += refused_of_client;
    }
    Ok(Outcome { took: begun.elapsed(), latencies: latencies.into(), refused })
}

async fn client<Make: Fn(u64, &mut Vec<u8>)>(
    mut connection: Connection,
    extent: Extent,
    begun: Instant,
    next: Arc<AtomicU64>,
    make: Arc<Make>,
) -> io::Result<(Vec<Duration>, u64)> {
    let (mut latencies, mut refused) = (Vec::new(), 0);
    let mut request = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let over = match extent {
            Extent::Time(time) => begun.elapsed() >= time,
            Extent::Requests(count) => number >= count,
        };
        if over {
            return Ok((latencies, refused));
        }
        make(number, &mut request);
        let sent = Instant::now();
        if (200..300).contains(&connection.exchange(&request).await?) {
            latencies.push(sent.elapsed());
        } else {
            refused += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_taken_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(response(whole).unwrap(), Some((200, whole.len())));
        for length in 0..whole.len() {
            assert_eq!(response(&whole[..length]).unwrap(), None, "{length}");
        }
        let empty = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 ";
        assert_eq!(response(empty).unwrap(), Some((204, 27)));
    }

    #[test]
    fn what_it_does_not_understand_is_an_error() {
        assert!(response(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(response(b"nonsense\r\n\r\n").is_err());
    }
}
