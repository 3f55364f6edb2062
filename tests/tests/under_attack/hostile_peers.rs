//! Peers that take what all share: headers of requests under way, memory for bodies, connections. What they can have is
//! bounded, and leaves enough for everybody else.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::wire::Connection;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::hostile_http::{
    CONTINUATION, DATA, END_HEADERS, HEADERS, RESET, SETTINGS, address, call_fields, connect, frame,
    open_descriptors, rest, status,
};

const PING: u8 = 6;

/// A connection from another address of this machine.
async fn connect_from_another_peer(host: &Host) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    Ok(socket.connect(address(host).parse()?).await?)
}

/// Echoes so many bytes, and says the status.
async fn echo(mut stream: TcpStream, bytes: usize) -> anyhow::Result<String> {
    let head = format!(
        "POST /v1/actors/probe/b/echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    // It may be refused before all is written.
    let _ = stream.write_all(&[head.into_bytes(), vec![b'x'; bytes]].concat()).await;
    let answer = rest(&mut stream).await?;
    Ok(status(&String::from_utf8_lossy(&answer)).to_owned())
}

/// Reads frames of HTTP/2 until one of those kinds comes.
async fn read_until_frame(stream: &mut TcpStream, kinds: &[u8]) -> anyhow::Result<u8> {
    let reading = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).await?;
            if kinds.contains(&head[3]) {
                return anyhow::Ok(head[3]);
            }
        }
    };
    tokio::time::timeout(SOON, reading).await.context("the frame does not come")?
}

#[tokio::test(flavor = "multi_thread")]
async fn large_headers_of_requests_under_way_are_not_kept() -> anyhow::Result<()> {
    const CONNECTIONS: u32 = 30;
    const REQUESTS: u32 = 120;
    const MORE: u64 = 64 << 20;
    let host = Host::with_probe(Settings::default()).await?;
    let before = host.memory()?.anonymous;
    // A field of 14,000 bytes, without a place in the table that both sides keep.
    let mut field = vec![0, 1, b'x', 0x7f, 0xb1, 0x6c];
    field.resize(field.len() + 14_000, b'y');
    let flood = async || {
        let mut stream = connect(&host).await?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
        for number in 0..REQUESTS {
            // Its body never comes.
            let begin = frame(HEADERS, 0, 2 * number + 1, &[call_fields(), field.clone()].concat());
            let rest = frame(CONTINUATION, END_HEADERS, 2 * number + 1, &field);
            stream.write_all(&[begin, rest].concat()).await?;
        }
        // What comes back for this comes after all of them were read.
        stream.write_all(&frame(PING, 0, 0, &[7; 8])).await?;
        read_until_frame(&mut stream, &[PING]).await?;
        anyhow::Ok(stream)
    };
    let held = try_join_all((0..CONNECTIONS).map(|_| flood())).await?;
    let more = host.memory()?.anonymous.saturating_sub(before);
    println!("{} MiB more for {} requests", more >> 20, CONNECTIONS * REQUESTS);
    assert!(more < MORE, "it has {more} bytes more");
    host.call("probe", "a", "increment", "").await?.expect(200);
    drop(held);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_stand_still_take_no_memory_from_others() -> anyhow::Result<()> {
    const BODY_BYTES: usize = 1 << 20;
    const MISSING: usize = 100;
    /// Far less than such a body may take when nobody needs its room.
    const PATIENCE: Duration = Duration::from_secs(15);
    let settings = Settings::default().variable("GREENROOM_HTTP_BODY_MEMORY_BYTES", "8 MiB");
    let host = Host::with_probe(settings).await?;
    let begin = async || {
        let mut stream = connect(&host).await?;
        let head = format!(
            "POST /v1/actors/probe/a/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: {BODY_BYTES}\r\n\r\n"
        );
        // One more than there is room for is refused.
        let _ = stream.write_all(&[head.into_bytes(), vec![b'x'; BODY_BYTES - MISSING]].concat()).await;
        anyhow::Ok(stream)
    };
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(begin().await?);
    }
    let other = echo(connect_from_another_peer(&host).await?, 200_000).await?;
    assert_eq!(other, "200", "one peer has all of the memory");
    eventually("a body finds room", PATIENCE, async || {
        match echo(connect(&host).await?, BODY_BYTES).await?.as_str() {
            "200" => Ok(()),
            status => Err(anyhow::anyhow!("{status}")),
        }
    })
    .await?;
    let mut ended = 0;
    for stream in &mut held {
        let mut answer = vec![0; 4 << 10];
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
        if let Ok(Ok(count)) = read
            && String::from_utf8_lossy(&answer[..count]).contains("body_bytes_per_second")
        {
            ended += 1;
        }
    }
    ensure!(ended > 0, "none of those that stand still was told why it was ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http2_an_early_refusal_is_no_reset() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let mut stream = connect(&host).await?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    // A field that makes it too large a head, so that it is refused at once.
    let mut field = vec![0, 1, b'x', 0x7f, 0xb1, 0x6c];
    field.resize(field.len() + 14_000, b'y');
    let begin = frame(HEADERS, 0, 1, &[call_fields(), field.clone()].concat());
    let rest = [frame(CONTINUATION, 0, 1, &field), frame(CONTINUATION, END_HEADERS, 1, &field)].concat();
    stream.write_all(&[begin, rest].concat()).await?;
    assert_eq!(read_until_frame(&mut stream, &[HEADERS, RESET]).await?, HEADERS);
    // As much as a peer may send that has not looked at the host's settings.
    for _ in 0..3 {
        stream.write_all(&frame(DATA, 0, 1, &[b'x'; 16_000])).await?;
    }
    stream.write_all(&frame(PING, 0, 0, &[7; 8])).await?;
    assert_eq!(read_until_frame(&mut stream, &[PING, RESET]).await?, PING, "what it sends is not wanted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_json_does_not_say_by_itself_is_named() -> anyhow::Result<()> {
    const SETTINGS_OF_TYPE: &str = "/v1/actor-types/probe/settings";
    let host = Host::with_probe(Settings::default()).await?;
    let patch = async |body: &'static str| {
        let headers = [("content-type", "application/merge-patch+json")];
        host.send_request(Method::PATCH, SETTINGS_OF_TYPE, &headers, body).await
    };
    let twice = patch(r#"{"turn_timeout_ms": 1000, "turn_timeout_ms": 2000}"#).await?;
    assert!(twice.refused(400, "invalid-request").detail.contains("twice"));
    let marked = patch("\u{feff}{}").await?;
    assert!(marked.refused(400, "invalid-request").detail.contains("byte order mark"));
    patch("{}").await?.expect(200);
    let encoded = [("content-encoding", "gzip"), ("content-type", "application/json")];
    let path = "/v1/actors/probe/a/echo";
    let reply = host.send_request(Method::POST, path, &encoded, "\u{1f}").await?;
    assert!(reply.refused(415, "unsupported-media-type").detail.contains("gzip"));
    let html = [("content-type", "text/html")];
    let reply = host.send_request(Method::POST, path, &html, "<p>").await?.expect(200);
    assert_eq!(
        (reply.header("content-type"), reply.header("x-content-type-options")),
        ("text/html", "nosniff")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_leave_files_for_everything_else() -> anyhow::Result<()> {
    const FILES: u64 = 256;
    let host = Host::with(Settings::default().files(FILES)).await?;
    let call = b"GET /v1/node HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut connection = Connection::open(address(&host).parse()?).await?;
        assert_eq!(connection.exchange(call).await?, 200, "those that rest make room");
        idle.push(connection);
    }
    let open = open_descriptors(&host)?;
    assert!(open < FILES as usize - 64, "{open} descriptors are open");
    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.send_request(Method::GET, "/v1/backup", &[], bytes::Bytes::new()).await?.expect(200);
    assert!(host.log().contains("fewer connections than http.connections"));
    Ok(())
}
