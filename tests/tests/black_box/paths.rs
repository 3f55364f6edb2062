//! Paths: decoded exactly once; ids are opaque and come back as they were given; what is no path is
//! refused in the published form.

use bytes::Bytes;
use greenroom_tests::client::encode;
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_opaque() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let ids = [
        "a/b",
        "..",
        ".",
        "-",
        "%2F",
        "%252e",
        "a b",
        "a+b",
        "a?b#c",
        "'; DROP TABLE state; --",
        "ключ",
        "😀",
        "A",
        "a",
        "a%",
        "\"\\",
        "{id}",
        "%00",
    ];
    let longest = "x".repeat(512);
    let ids: Vec<&str> = ids.into_iter().chain([longest.as_str()]).collect();
    for (number, id) in ids.iter().enumerate() {
        for _ in 0..=number {
            host.call("probe", id, "increment", "").await?.expect(200);
        }
    }
    for (number, id) in ids.iter().enumerate() {
        let counted = host.call("probe", id, "get", "").await?.expect(200).text();
        assert_eq!(counted, (number + 1).to_string(), "{id} is an actor of its own");
    }
    let page: Value = host.get("/v1/actors?type=probe&limit=100").await?.expect(200).json();
    let mut listed: Vec<&str> =
        page["items"].as_array().into_iter().flatten().filter_map(|actor| actor["id"].as_str()).collect();
    let mut expected = ids.clone();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_refused() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for segment in ["a%00b", "a%0Ab", "%ff", "%zz", "%2", &"x".repeat(513), "a%7Fb"] {
        host.post(&format!("/v1/actors/probe/{segment}/get"), "").await?.refused(400, "invalid-path");
    }
    for (actor_type, method) in
        [("1probe", "get"), ("pr%20obe", "get"), ("probe", "g%2Ft"), ("probe", "1get")]
    {
        let path = format!("/v1/actors/{actor_type}/a/{method}");
        host.post(&path, "").await?.refused(400, "invalid-path");
    }
    let long = "m".repeat(65);
    host.post(&format!("/v1/actors/probe/a/{long}"), "").await?.refused(400, "invalid-path");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for path in ["/", "/v1", "/v2/actors", "/v1/actors/probe/a/-/nothing", "/v1/actors/probe/a/get/more"] {
        host.get(path).await?.refused(404, "not-found");
    }
    host.call("nobody", "a", "get", "").await?.refused(404, "unknown-actor-type");
    host.tell("nobody", "a", "get", None, "").await?.refused(404, "unknown-actor-type");
    host.call("Probe", "a", "get", "").await?.refused(404, "unknown-actor-type");
    host.call("probe", "a", "no_such_method", "").await?.refused(501, "unimplemented");
    host.get("/v1/actors/probe/never-seen").await?.refused(404, "unknown-actor");
    host.get("/v1/actor-types/nobody").await?.refused(404, "unknown-actor-type");
    for (method, path) in [
        (Method::GET, "/v1/actors/probe/a/get"),
        (Method::POST, "/v1/actors"),
        (Method::DELETE, "/v1/actors"),
        (Method::PATCH, "/v1/actors/probe/a/get"),
        (Method::POST, "/healthz"),
    ] {
        let reply = host.send_request(method.clone(), path, &[], Bytes::new()).await?;
        reply.refused(405, "method-not-allowed");
        assert!(!reply.header("allow").is_empty(), "{method} {path}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for delay in ["soon", "PT", "-PT5S", "P1Y", "PT99999999999999999999S", "5"] {
        let reply = host.tell("probe", "a", "append", Some(&encode(delay)), "x").await?;
        reply.refused(400, "invalid-request");
    }
    for query in ["limit=0", "limit=many", "limit=-1"] {
        host.get(&format!("/v1/actors?{query}")).await?.refused(400, "invalid-request");
    }
    Ok(())
}

/// Sends raw bytes and reads what comes back until the connection is closed.
async fn raw(host: &Host, bytes: &[u8]) -> anyhow::Result<String> {
    let address = host.base().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    // A connection that is reset has said all it will.
    let _ = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_harms_nobody() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let post = "POST /v1/actors/probe/a/increment HTTP/1.1\r\nhost: x\r\n";
    for bytes in [
        b"\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        long.into_bytes(),
        many.into_bytes(),
        format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nhello").into_bytes(),
        format!("{post}content-length: +5\r\n\r\nhello").into_bytes(),
        format!("{post}content-length: 500\r\n\r\nshort").into_bytes(),
        format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
    ] {
        let answer = raw(&host, &bytes).await?;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}
