//! A server on loopback, met by well-behaved and by hostile peers.

use super::*;
use crate::body::{BodyReader, Limit};
use crate::config::Bounds;
use crate::peer::Shared;
use crate::problem::Problem;
use crate::testing::{Running, config, read_all};
use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

/// Echoes a body of at most 1,000 bytes; says hello after a moment; panics.
fn router(bounds: &Bounds) -> Router {
    let reader = Arc::new(BodyReader::new(bounds, Shared::Bodies));
    let echo = move |request: Request| {
        let reader = Arc::clone(&reader);
        async move {
            let limit = Limit { bytes: 1_000, name: "payload_bytes" };
            reader.read_all_of(request, limit).await.map(|received| received.bytes)
        }
    };
    let slow = || async {
        sleep(Duration::from_millis(300)).await;
        "hello"
    };
    let panics = || async {
        let path = std::hint::black_box("/secret/path");
        assert!(path.is_empty(), "{path}");
    };
    Router::new()
        .route("/v1/echo", post(echo))
        .route("/v1/slow", get(slow))
        .route("/v1/panic", get(panics))
        .fallback(async || Problem::new(greenroom_core::Code::NotFound, "no"))
}

async fn started(bounds: Bounds) -> Running {
    Running::start(router(&bounds), config(bounds, &[])).await
}

fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap_or(reply)
}

/// So many header fields, with values of that size.
fn fields(count: usize, size: usize) -> String {
    let lines: Vec<String> = (0..count).map(|n| format!("x-{n}: {}\r\n", "x".repeat(size))).collect();
    lines.concat()
}

const CLOSING: &str = "host: localhost\r\nconnection: close\r\n";

#[tokio::test]
async fn only_loopback_is_listened_on_without_tokens() {
    let mut asked = config(Bounds::default(), &[]);
    asked.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::bind(asked.clone()).await.err().unwrap();
    assert!(matches!(refused, BindError::NeedsTokens(_)), "{refused}");
    asked.tokens = config(Bounds::default(), &["0123456789abcdef"]).tokens;
    assert!(Server::bind(asked).await.is_ok());
}

#[tokio::test]
async fn bodies_are_echoed_and_large_ones_refused() {
    let server = started(Bounds::default()).await;
    let small = format!("POST /v1/echo HTTP/1.1\r\n{CLOSING}content-length: 2\r\n\r\nhi");
    assert!(server.exchange(small.as_bytes()).await.ends_with("\r\n\r\nhi"));
    let chunked = format!(
        "POST /v1/echo HTTP/1.1\r\n{CLOSING}transfer-encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"
    );
    assert!(server.exchange(chunked.as_bytes()).await.ends_with("hi"));

    let announced = format!("POST /v1/echo HTTP/1.1\r\n{CLOSING}content-length: 1001\r\n\r\n");
    let reply = server.exchange(announced.as_bytes()).await;
    assert_eq!(status(&reply), "413", "before a byte of it was sent: {reply}");
    let mut long =
        format!("POST /v1/echo HTTP/1.1\r\n{CLOSING}content-length: 20000000\r\n\r\n").into_bytes();
    long.resize(20_000_000, b'x');
    let reply = server.exchange(&long).await;
    assert_eq!(status(&reply), "413", "although its peer goes on sending: {reply}");
    assert!(reply.contains("payload_bytes"), "{reply}");
    server.stop().await;
}

#[tokio::test]
async fn what_only_looks_like_a_request_is_refused() {
    let server = started(Bounds::default()).await;
    for head in [
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: +2\r\n",
        "content-length: 2, 3\r\n",
        "transfer-encoding: gzip, chunked, identity\r\n",
    ] {
        let reply = server
            .exchange(format!("POST /v1/echo HTTP/1.1\r\n{CLOSING}{head}\r\n0\r\n\r\n").as_bytes())
            .await;
        let refused = status(&reply) == "400"
            || (head.starts_with("content-length: 2\r\ntransfer") && reply.contains("close"));
        assert!(refused, "{head}: {reply}");
    }
    assert_eq!(
        status(&server.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 what is this\r\n\r\n").await),
        "400"
    );
    server.stop().await;
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let server = started(Bounds::default()).await;
    for (count, size) in [(65, 1), (3, 12_000), (500, 1), (3, 60_000)] {
        let fields = fields(count, size);
        let reply =
            server.exchange(format!("GET /v1/slow HTTP/1.1\r\n{CLOSING}{fields}\r\n").as_bytes()).await;
        assert_eq!(status(&reply), "431", "{count} of {size}: {reply}");
    }
    let fields = fields(50, 1);
    let reply = server.exchange(format!("GET /v1/slow HTTP/1.1\r\n{CLOSING}{fields}\r\n").as_bytes()).await;
    assert_eq!(status(&reply), "200");
    server.stop().await;
}

#[tokio::test]
async fn slow_peers_are_let_go_while_others_are_served() {
    let short = Duration::from_millis(200);
    let bounds = Bounds { header_timeout: short, body_timeout: short, ..Bounds::default() };
    let server = started(bounds).await;
    for part in ["P", "PRI * HTTP/2.0\r\n", "GET /v1/slow HTTP/1.1\r\nhost: loc"] {
        let mut slow = server.connect().await;
        slow.write_all(part.as_bytes()).await.unwrap();
        let rest = read_all(&mut slow).await;
        assert!(rest.is_empty() || status(&rest) == "408", "{part}: {rest}");
    }
    let body = format!("POST /v1/echo HTTP/1.1\r\n{CLOSING}content-length: 9\r\n\r\nhi");
    let reply = server.exchange(body.as_bytes()).await;
    assert_eq!(status(&reply), "408", "{reply}");
    assert!(reply.contains("request-timeout"), "{reply}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let bounds = Bounds { idle_timeout: Duration::from_millis(200), ..Bounds::default() };
    let server = started(bounds).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /v1/none HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let reply = read_all(&mut stream).await;
    assert_eq!(status(&reply), "404");
    let mut silent = server.connect().await;
    assert_eq!(read_all(&mut silent).await, "");
    let mut http2 = server.connect().await;
    http2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    read_all(&mut http2).await;
    server.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_problem_without_details() {
    let server = started(Bounds::default()).await;
    let reply = server.exchange(format!("GET /v1/panic HTTP/1.1\r\n{CLOSING}\r\n").as_bytes()).await;
    assert_eq!(status(&reply), "500");
    assert!(reply.contains("\"code\":\"internal\"") && !reply.contains("secret"), "{reply}");
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_the_setting_says() {
    let bounds = Bounds {
        header_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_secs(2),
        ..Bounds::default()
    };
    let server = started(bounds).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /v1/none HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    read_all(&mut stream).await;
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "after {:?}", begun.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn beyond_the_cap_a_connection_waits_until_another_closes() {
    let server = started(Bounds { connections: 2, ..Bounds::default() }).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    let unended = b"POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n";
    first.write_all(unended).await.unwrap();
    second.write_all(unended).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let mut third = server.connect().await;
    third.write_all(format!("GET /v1/none HTTP/1.1\r\n{CLOSING}\r\n").as_bytes()).await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(200), third.read(&mut byte)).await.is_err(), "it waits");
    drop(first);
    assert!(read_all(&mut third).await.contains("404"));
    drop(second);
    server.stop().await;
}

#[tokio::test]
async fn beyond_the_cap_connections_that_rest_make_room() {
    let server = started(Bounds { connections: 2, ..Bounds::default() }).await;
    let (mut silent, mut busy) = (server.connect().await, server.connect().await);
    busy.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let answer = server.exchange(format!("GET /v1/none HTTP/1.1\r\n{CLOSING}\r\n").as_bytes()).await;
    assert!(answer.contains("404"), "{answer}");
    assert_eq!(read_all(&mut silent).await, "");
    let mut all = [0; 15];
    busy.read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"HTTP/1.1 200 OK");
    drop(busy);
    server.stop().await;
}

#[tokio::test]
async fn requests_under_way_have_a_bound_and_no_peer_has_all_of_it() {
    let server = started(Bounds { requests: 4, ..Bounds::default() }).await;
    let unended = b"POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(unended).await.unwrap();
        held.push(stream);
    }
    sleep(Duration::from_millis(50)).await;
    let ask = format!("GET /v1/none HTTP/1.1\r\n{CLOSING}\r\n");
    let refused = server.exchange(ask.as_bytes()).await;
    assert_eq!(status(&refused), "503", "{refused}");
    assert!(refused.contains("retry-after: 1") && refused.contains("127.0.0.1 has as many"), "{refused}");
    let alive = server.exchange(format!("GET /healthz HTTP/1.1\r\n{CLOSING}\r\n").as_bytes()).await;
    assert_eq!(status(&alive), "404", "it is not among the routes of this test: {alive}");
    let mut last = held.pop().unwrap();
    last.write_all(b"hi").await.unwrap();
    let mut answered = [0; 15];
    last.read_exact(&mut answered).await.unwrap();
    assert_eq!(status(&server.exchange(ask.as_bytes()).await), "404", "there is room again");
    drop((held, last));
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_finishes_what_is_under_way_and_takes_nothing_new() {
    let server = started(Bounds::default()).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    idle.write_all(b"GET /v1/none HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    busy.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let address = server.address;
    let reading = tokio::spawn(async move { read_all(&mut busy).await });
    server.stop().await;
    assert!(reading.await.unwrap().ends_with("hello"));
    assert_eq!(status(&read_all(&mut idle).await), "404");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn http2_is_spoken_without_being_asked() {
    let server = started(Bounds::default()).await;
    let io = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driving = tokio::spawn(connection);
    let uri = format!("http://{}/v1/echo", server.address);
    let request = http::Request::post(&uri).body(String::from("over two")).unwrap();
    let reply = client.send_request(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "over two");
    let foreign = http::Request::post("http://example.com/v1/echo").body(String::new()).unwrap();
    assert_eq!(client.send_request(foreign).await.unwrap().status(), 403);
    drop(client);
    driving.await.unwrap().unwrap();
    server.stop().await;
}
