//! Peers that mean harm, or behave as if: bodies that lie or never end, requests and replies that trickle, floods of
//! connections and of frames, requests hidden in requests. Each is refused or let go, nothing of it is held without
//! a bound, and a client beside it is served all the while.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use greenroom_tests::attack::while_under_attack;
use greenroom_tests::client::{Client, encode};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::wire::Connection;
use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How long a client beside an attack may wait for a reply that takes a millisecond without.
const BESIDE: Duration = Duration::from_secs(5);
/// What a host may have more of memory after an attack.
const MEMORY_MORE: u64 = 64 << 20;

const INCREMENT: &str = "POST /v1/actors/probe/a/increment HTTP/1.1\r\nhost: localhost\r\n";

pub(crate) fn address(host: &Host) -> &str {
    host.base().trim_start_matches("http://")
}

pub(crate) async fn connect(host: &Host) -> anyhow::Result<TcpStream> {
    TcpStream::connect(address(host)).await.context("could not connect")
}

/// What comes until the connection is closed, which must be soon.
pub(crate) async fn rest(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut all = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut all)).await;
    // A connection that is reset has said all it will.
    let _ = read.context("the connection stays open")?;
    Ok(all)
}

/// Sends these bytes and reads what comes back until the connection is closed.
async fn exchange(host: &Host, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = connect(host).await?;
    // It may be refused before it is written.
    let _ = stream.write_all(bytes).await;
    Ok(String::from_utf8_lossy(&rest(&mut stream).await?).into_owned())
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

/// A client that goes on calling an actor of its own, and fails when it has to wait.
struct Beside {
    calling: JoinHandle<anyhow::Result<u64>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Beside {
    fn start(host: &Host) -> Self {
        let (client, (stop, stopped)) = (Client::clone(host), tokio::sync::watch::channel(false));
        let calling = tokio::spawn(async move {
            let mut calls = 0;
            while !*stopped.borrow() {
                let asked = Instant::now();
                client.call("probe", "beside", "increment", "").await?.expect(200);
                ensure!(asked.elapsed() < BESIDE, "a client beside waited for {:?}", asked.elapsed());
                calls += 1;
            }
            Ok(calls)
        });
        Beside { calling, stop }
    }

    async fn was_served(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let calls = self.calling.await??;
        ensure!(calls > 0, "a client beside was not served at all");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_id_a_key_or_a_name_holds_comes_back_as_it_was() -> anyhow::Result<()> {
    const PARTS: [&str; 24] = [
        "/", "%", "%2F", "%252e", "..", ".", "-", "?", "#", "&", "=", "+", " ", ";", "'", "\"", "\\", "{id}",
        "*", "a", "é", "e\u{301}", "😀", "\u{202e}",
    ];
    let host = Host::with_probe(Settings::default()).await?;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut texts = std::collections::BTreeSet::new();
    while texts.len() < 150 {
        let parts = random.random_range(1..6);
        texts.insert((0..parts).filter_map(|_| PARTS.choose(&mut random).copied()).collect::<String>());
    }
    for text in &texts {
        let actor = format!("/v1/actors/probe/{}", encode(text));
        host.post(&format!("{actor}/increment"), "").await?.expect(200);
        let key = encode(text);
        host.put(&format!("/v1/actors/probe/one/-/state/{key}"), text.clone()).await?.expect(204);
        let read = host.get(&format!("/v1/actors/probe/one/-/state/{key}")).await?.expect(200);
        assert_eq!(read.text(), *text);
        let headers = [("content-type", "application/json")];
        let reminder = json!({ "method": "append", "delay_ms": 3_600_000 }).to_string();
        let path = format!("/v1/actors/probe/one/-/reminders/{key}");
        host.send_request(Method::PUT, &path, &headers, reminder).await?.expect(204);
        let seen: Value = host.get(&actor).await?.expect(200).json();
        assert_eq!((&seen["id"], &seen["state_keys"]), (&json!(text), &json!(1)));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let listed = async |path: &str, name: fn(&Value) -> &Value| {
        let page: Value = host.get(path).await?.expect(200).json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            items.iter().filter_map(|item| name(item).as_str()).map(str::to_owned).collect();
        names.sort_unstable();
        anyhow::Ok(names)
    };
    let mut actors = listed("/v1/actors?type=probe&limit=1000", |actor| &actor["id"]).await?;
    actors.retain(|id| id != "one");
    assert_eq!(actors, texts);
    assert_eq!(listed("/v1/actors/probe/one/-/state?limit=1000", |key| key).await?, texts);
    assert_eq!(listed("/v1/actors/probe/one/-/reminders", |reminder| &reminder["name"]).await?, texts);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_one_actor_however_its_bytes_are_escaped() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let id = "a/b.é~";
    let upper = id.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let lower = upper.to_lowercase();
    for (count, spelled) in [encode(id), upper, lower, "a%2Fb.%C3%a9~".to_owned()].iter().enumerate() {
        let counted = host.post(&format!("/v1/actors/probe/{spelled}/increment"), "").await?.expect(200);
        assert_eq!(counted.text(), (count + 1).to_string(), "{spelled}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_read_no_further_than_its_bound() -> anyhow::Result<()> {
    const BODIES: u64 = 8;
    /// The default of `payload_bytes`.
    const BODY_BYTES_MAX: u64 = 4 << 20;
    let host = Host::with_probe(Settings::default()).await?;
    let before = host.memory()?.anonymous;
    let beside = Beside::start(&host);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let endless = async || {
        let mut stream = connect(&host).await?;
        let head =
            "POST /v1/actors/probe/a/echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let (mut answer, mut body) = stream.split();
        let writing = async { while body.write_all(chunk.as_bytes()).await.is_ok() {} };
        let mut all = Vec::new();
        let reading = async { drop(answer.read_to_end(&mut all).await) };
        tokio::time::timeout(SOON, futures::future::join(writing, reading))
            .await
            .context("it is read for ever")?;
        anyhow::Ok(String::from_utf8_lossy(&all).into_owned())
    };
    for answer in try_join_all((0..BODIES).map(|_| endless())).await? {
        assert_eq!(status(&answer), "413", "{answer}");
        assert!(answer.contains("payload_bytes"), "{answer}");
    }
    beside.was_served().await?;
    let more = host.memory()?.anonymous.saturating_sub(before);
    assert!(more < BODIES * BODY_BYTES_MAX + MEMORY_MORE, "it has {more} bytes more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_of_a_byte_is_a_body_like_any_other() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let body = "1\r\nx\r\n".repeat(5_000);
    let echo = "POST /v1/actors/probe/a/echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked";
    let answer = exchange(&host, format!("{echo}\r\n\r\n{body}0\r\n\r\n").as_bytes()).await?;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.ends_with(&"x".repeat(5_000)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_has_no_effect() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for broken in [
        "content-length: 10\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\nff\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut stream = connect(&host).await?;
        stream.write_all(format!("{INCREMENT}{broken}").as_bytes()).await?;
        stream.shutdown().await?;
        let answer = String::from_utf8_lossy(&rest(&mut stream).await?).into_owned();
        assert!(answer.is_empty() || status(&answer) == "400", "{broken:?}: {answer}");
    }
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");
    Ok(())
}

/// A whole request that nobody is to see as one.
const SMUGGLED: &str =
    "POST /v1/actors/probe/smuggled/increment HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_hidden_in_another() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let length = SMUGGLED.len() + 5;
    for head in [
        format!("content-length: {length}\r\ncontent-length: 0\r\n"),
        format!("content-length: 0\r\ncontent-length: {length}\r\n"),
        format!("content-length: +{length}\r\n"),
        format!("content-length: 0, {length}\r\n"),
        "content-length: -1\r\n".to_owned(),
        "content-length: 0x10\r\n".to_owned(),
        "content-length: 99999999999999999999\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: identity\r\n".to_owned(),
        "transfer-encoding : chunked\r\n".to_owned(),
        "transfer-encoding: \u{b}chunked\r\n".to_owned(),
        "x: y\r\n transfer-encoding: chunked\r\n".to_owned(),
        "x: y\rtransfer-encoding: chunked\r\n".to_owned(),
    ] {
        let answer = exchange(&host, format!("{INCREMENT}{head}\r\n0\r\n\r\n{SMUGGLED}").as_bytes()).await?;
        assert_eq!(status(&answer), "400", "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
    }
    for size in ["-1", "+0", "0x0", "g", "fffffffffffffffff", "1;\nx"] {
        let chunked = format!("{INCREMENT}transfer-encoding: chunked\r\n\r\n{size}\r\n\r\n{SMUGGLED}");
        let answer = exchange(&host, chunked.as_bytes()).await?;
        assert!(answer.is_empty() || status(&answer) == "400", "{size:?}: {answer}");
    }
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");
    // RFC 9112, 6.1: of both, the chunks count, and nothing that follows on the connection.
    for head in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let answer = exchange(&host, format!("{INCREMENT}{head}\r\n0\r\n\r\n{SMUGGLED}").as_bytes()).await?;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
        assert!(answer.contains("connection: close"), "{head:?}: {answer}");
    }
    host.get("/v1/actors/probe/smuggled").await?.refused(404, "unknown-actor");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_have_a_bound_in_number_and_in_size() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let before = host.memory()?.anonymous;
    let many =
        |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<Vec<_>>().concat();
    let large = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    for fields in [many(100), many(10_000), large(40 << 10), large(1 << 20), large(50 << 20)] {
        let answer = exchange(
            &host,
            format!("{INCREMENT}connection: close\r\n{fields}content-length: 0\r\n\r\n").as_bytes(),
        )
        .await?;
        // Far above the bound the connection may be gone before the answer was read.
        assert!(status(&answer) == "431" || (answer.is_empty() && fields.len() > 1 << 20), "{answer}");
    }
    let long = format!(
        "POST /v1/actors/probe/{}/increment HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "x".repeat(60_000)
    );
    let answer = exchange(&host, long.as_bytes()).await?;
    assert!(matches!(status(&answer), "431" | "414"), "{answer}");
    let more = host.memory()?.anonymous.saturating_sub(before);
    assert!(more < MEMORY_MORE, "it has {more} bytes more");
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_paths_that_are_not_there_are_told_so() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for method in ["TRACE", "OPTIONS", "BREW", "PROPFIND"] {
        for path in ["/v1/actors/probe/a/increment", "/v1/actors", "/v1/node", "/healthz", "/openapi.json"] {
            let method = Method::from_bytes(method.as_bytes())?;
            let reply = host.send_request(method.clone(), path, &[], Bytes::new()).await?;
            reply.refused(405, "method-not-allowed");
            assert!(!reply.header("allow").is_empty(), "{method} {path}");
        }
    }
    for path in
        ["/.env", "/v1/actors/probe/a/-", "/v1/../etc/passwd", "/openapi.json/", "/V1/node", "/v1/node/"]
    {
        let answer = exchange(
            &host,
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
        assert!(matches!(status(&answer), "404" | "405" | "400"), "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json") && !answer.contains("panicked"),
            "{path}: {answer}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_trickle_are_let_go_while_others_are_served() -> anyhow::Result<()> {
    let settings = Settings::default()
        .variable("GREENROOM_HTTP_HEADER_TIMEOUT", "1s")
        .variable("GREENROOM_HTTP_BODY_TIMEOUT", "1s");
    let host = Host::with_probe(settings).await?;
    let beside = Beside::start(&host);
    let trickle = async |begin: String, drop_of: &str| {
        let mut stream = connect(&host).await?;
        stream.write_all(begin.as_bytes()).await?;
        let (mut answer, mut request) = stream.split();
        let writing = async {
            while request.write_all(drop_of.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let mut all = Vec::new();
        let reading = async { drop(answer.read_to_end(&mut all).await) };
        tokio::time::timeout(SOON, futures::future::join(writing, reading))
            .await
            .context("it is served for ever")?;
        anyhow::Ok(String::from_utf8_lossy(&all).into_owned())
    };
    let headers = join_all((0..40).map(|_| trickle(format!("{INCREMENT}x: "), "y"))).await;
    let bodies =
        join_all((0..40).map(|_| trickle(format!("{INCREMENT}content-length: 10000\r\n\r\n"), "y"))).await;
    for answer in headers {
        let answer = answer?;
        assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
    }
    for answer in bodies {
        let answer = answer?;
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(answer.contains("body_timeout"), "{answer}");
    }
    beside.was_served().await?;
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_take_its_replies_is_let_go() -> anyhow::Result<()> {
    const REPLIES: usize = 16;
    const REPLY_BYTES: usize = 3 << 20;
    let settings = Settings::default().variable("GREENROOM_HTTP_WRITE_TIMEOUT", "500ms");
    let host = Host::with_probe(settings).await?;
    let beside = Beside::start(&host);
    let before = host.memory()?.anonymous;
    let big = json!([{ "op": "big", "bytes": REPLY_BYTES }]).to_string();
    let request = format!(
        "POST /v1/actors/probe/a/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{big}",
        big.len()
    );
    let mut stream = connect(&host).await?;
    stream.write_all(request.repeat(REPLIES).as_bytes()).await?;
    // Nothing is read for longer than the host waits.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let taken = rest(&mut stream).await?.len();
    assert!(taken < REPLIES * REPLY_BYTES, "all of it was kept for a peer that read nothing");
    beside.was_served().await?;
    let more = host.memory()?.anonymous.saturating_sub(before);
    assert!(more < MEMORY_MORE, "it has {more} bytes more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_ends_at_the_bound_and_passes() -> anyhow::Result<()> {
    let settings = Settings::default()
        .variable("GREENROOM_HTTP_CONNECTIONS", "50")
        .variable("GREENROOM_HTTP_HEADER_TIMEOUT", "2s");
    let host = Host::with_probe(settings).await?;
    // Who came before is served, and who comes after as soon as those who say nothing have been let go.
    let before = Beside::start(&host);
    let flood = try_join_all((0..300).map(|_| connect(&host))).await?;
    let descriptors = open_descriptors(&host)?;
    assert!(descriptors < 150, "{descriptors} descriptors are open");
    let late = tokio::time::timeout(Duration::from_mins(1), exchange_closing(&host));
    assert_eq!(status(&late.await.context("nobody is let in again")??), "200");
    before.was_served().await?;
    drop(flood);
    Ok(())
}

async fn exchange_closing(host: &Host) -> anyhow::Result<String> {
    let mut stream = connect(host).await?;
    let call = format!("{INCREMENT}connection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(call.as_bytes()).await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    Ok(String::from_utf8_lossy(&all).into_owned())
}

pub(crate) fn open_descriptors(host: &Host) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/fd", host.pid()))?.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_descriptor_left_it_waits_and_goes_on() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let mut early = Connection::open(address(&host).parse()?).await?;
    let call = format!("{INCREMENT}content-length: 0\r\n\r\n");
    assert_eq!(early.exchange(call.as_bytes()).await?, 200);
    let pid = Pid::from_raw(host.pid().cast_signed()).context("the host has ended")?;
    let few = open_descriptors(&host)? as u64 + 10;
    let before = prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(few), maximum: Some(few) })?;
    let flood = try_join_all((0..100).map(|_| connect(&host))).await?;
    eventually("it notices", SOON, async || {
        if host.log().contains("can't accept a connection") { Ok(()) } else { Err("nothing in the log") }
    })
    .await?;
    for _ in 0..20 {
        assert_eq!(early.exchange(call.as_bytes()).await?, 200, "who is connected is served");
    }
    drop(flood);
    let late =
        tokio::time::timeout(SOON, exchange_closing(&host)).await.context("nobody is let in again")??;
    assert_eq!(status(&late), "200", "{late}");
    let lines = host.log().matches("can't accept a connection").count();
    assert!(lines < 100, "it tries again without a pause: {lines} lines");
    assert!(host.is_running() && before.current.is_none_or(|before| before > few));
    Ok(())
}

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A field whose name is one of the static table.
fn field(name: u8, value: &str) -> Vec<u8> {
    let mut field = vec![name, u8::try_from(value.len()).unwrap_or(0)];
    field.extend(value.bytes());
    field
}

/// The header section of a call of that method.
fn call_fields_of(method: &str) -> Vec<u8> {
    const POST: u8 = 0x83;
    const HTTP: u8 = 0x86;
    let mut fields = vec![POST, HTTP];
    fields.extend(field(0x01, "localhost"));
    fields.extend(field(0x04, &format!("/v1/actors/probe/a/{method}")));
    fields
}

/// The header section of a call.
pub(crate) fn call_fields() -> Vec<u8> {
    call_fields_of("echo")
}

/// Opens an HTTP/2 connection and writes `frame` of 0, 1, 2 … until the host closes it. Says how many were written.
async fn flood(host: &Host, mut frame: impl FnMut(u32) -> Vec<u8>) -> anyhow::Result<u32> {
    const FRAMES_MAX: u32 = 200_000;
    let mut stream = connect(host).await?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    stream.write_all(&self::frame(SETTINGS, 0, 0, &[])).await?;
    let (mut answer, mut request) = stream.split();
    let written = std::sync::atomic::AtomicU32::new(0);
    let writing = async {
        for number in 0..FRAMES_MAX {
            if request.write_all(&frame(number)).await.is_err() {
                return;
            }
            written.store(number, std::sync::atomic::Ordering::Relaxed);
        }
        // All is written: the host has to close it without further cause.
        std::future::pending::<()>().await;
    };
    let reading = async {
        let mut scratch = vec![0; 16 << 10];
        while answer.read(&mut scratch).await.is_ok_and(|count| count > 0) {}
    };
    let closed = async {
        tokio::select! { () = writing => (), () = reading => () }
    };
    tokio::time::timeout(SOON, closed).await.context("the flood is taken for ever")?;
    Ok(written.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_http2_frames_close_their_connection() -> anyhow::Result<()> {
    let settings = Settings::default().variable("GREENROOM_HTTP_BODY_TIMEOUT", "2s");
    let host = Host::with_probe(settings).await?;
    let before = host.memory()?.anonymous;
    let beside = Beside::start(&host);
    let rapid_reset = flood(&host, |number| {
        let stream = 2 * number + 1;
        let cancel = 8_u32.to_be_bytes();
        let begin = frame(HEADERS, END_HEADERS | END_STREAM, stream, &call_fields());
        [begin, frame(RESET, 0, stream, &cancel)].concat()
    });
    assert!(rapid_reset.await? < 100_000);
    let mut field = vec![0, 1, b'x', 0x7f, 0x81, 0x7e];
    field.resize(field.len() + 0x3f80, b'y');
    let continued = flood(&host, |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &call_fields()),
        _ => frame(CONTINUATION, 0, 1, &field[..16_000]),
    });
    assert!(continued.await? < 10_000);
    let empty = flood(&host, |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &call_fields()),
        _ => frame(DATA, 0, 1, &[]).repeat(10),
    });
    empty.await?;
    beside.was_served().await?;
    let more = host.memory()?.anonymous.saturating_sub(before);
    assert!(more < MEMORY_MORE, "it has {more} bytes more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_wait_for_a_peer_without_a_window_have_a_bound() -> anyhow::Result<()> {
    const REPLIES: u32 = 100;
    const REPLY_BYTES: usize = 3 << 20;
    const ROOM: u64 = 32 << 20;
    let settings = Settings::default().variable("GREENROOM_HTTP_BODY_MEMORY_BYTES", "32 MiB");
    let mut host = Host::with_probe(settings).await?;
    let mut stream = connect(&host).await?;
    let client: Client = (*host).clone();
    let attack = async {
        const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        stream.write_all(&frame(SETTINGS, 0, 0, &NO_WINDOW)).await?;
        let big = json!([{ "op": "big", "bytes": REPLY_BYTES }]).to_string();
        for number in 0..REPLIES {
            let begin = frame(HEADERS, END_HEADERS, 2 * number + 1, &call_fields_of("run"));
            let call = [begin, frame(DATA, END_STREAM, 2 * number + 1, big.as_bytes())].concat();
            // It may be closed before all are asked for.
            if stream.write_all(&call).await.is_err() {
                break;
            }
        }
        rest(&mut stream).await?;
        // Who takes its replies gets them.
        for _ in 0..20 {
            let big = json!([{ "op": "big", "bytes": REPLY_BYTES }]);
            let reply = client.call_json("probe", "b", "run", &big).await?.expect(200);
            ensure!(reply.text().len() > REPLY_BYTES, "a reply was cut short");
        }
        anyhow::Ok(())
    };
    while_under_attack(&mut host, "replies that nobody takes", ROOM + 2 * MEMORY_MORE, attack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_under_load_it_loses_nothing_that_it_acknowledged() -> anyhow::Result<()> {
    const CLIENTS: usize = 200;
    let mut host = Host::with_probe(Settings::default()).await?;
    let address: std::net::SocketAddr = address(&host).parse()?;
    let mut connections = try_join_all((0..CLIENTS).map(|_| Connection::open(address))).await?;
    let begun = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let clients: Vec<_> = connections
        .drain(..)
        .enumerate()
        .map(|(number, mut connection)| {
            let begun = std::sync::Arc::clone(&begun);
            let request = format!(
                "POST /v1/actors/probe/{number}/increment HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
            );
            tokio::spawn(async move {
                let mut acknowledged = 0_u64;
                loop {
                    match connection.exchange(request.as_bytes()).await {
                        Ok(200) => acknowledged += 1,
                        Ok(503) | Err(_) => return Ok(acknowledged),
                        Ok(other) => anyhow::bail!("actor {number} answered {other}"),
                    }
                    if acknowledged == 1 {
                        begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    eventually("all clients are at it", SOON, async || {
        let begun = begun.load(std::sync::atomic::Ordering::Relaxed);
        if begun == CLIENTS { Ok(()) } else { Err(begun) }
    })
    .await?;
    let status = host.terminate().await?;
    assert!(status.success(), "{status}");
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.push(client.await??);
    }
    host.restart().await?;
    for (number, acknowledged) in acknowledged.into_iter().enumerate() {
        let counted: u64 =
            host.call("probe", &number.to_string(), "get", "").await?.expect(200).text().parse()?;
        // The last request may have taken effect without its reply.
        let possible = acknowledged..=acknowledged + 1;
        assert!(
            possible.contains(&counted),
            "actor {number}: {acknowledged} acknowledged, {counted} counted"
        );
    }
    Ok(())
}
