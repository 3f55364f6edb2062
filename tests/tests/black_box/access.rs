//! Who may ask: on loopback whoever is on the machine, but no web page of others; with tokens only
//! who has one; and never everybody by mistake.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::{Host, serve_command};
use http::Method;
use tokio::process::Command;

const TOKEN: &str = "a-token-that-is-long-enough-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn no_web_page_of_others_reaches_a_host_on_loopback() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let path = "/v1/actors/probe/a/increment";
    for headers in [
        [("host", "attacker.example")],
        [("origin", "https://attacker.example")],
        [("sec-fetch-site", "cross-site")],
    ] {
        let reply = host.send_request(Method::POST, path, &headers, Bytes::new()).await?;
        reply.refused(403, "forbidden");
    }
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_has_no_effect_unless_it_is_allowed() -> anyhow::Result<()> {
    const PATH: &str = "/v1/actors/probe/a/increment";
    let host = Host::with_probe(Settings::default()).await?;
    let page = [("origin", "http://localhost:3000"), ("content-type", "text/plain")];
    let preflight = [("origin", "http://localhost:3000"), ("access-control-request-method", "POST")];
    host.send_request(Method::POST, PATH, &page, Bytes::new()).await?.refused(403, "forbidden");
    let reply = host.send_request(Method::OPTIONS, PATH, &preflight, Bytes::new()).await?;
    assert!(reply.status >= 400 && !reply.headers.contains_key("access-control-allow-origin"));
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");

    let settings = Settings::default().variable("GREENROOM_CORS_ORIGINS", "http://localhost:3000");
    let host = Host::with_probe(settings).await?;
    let allowed = host.send_request(Method::OPTIONS, PATH, &preflight, Bytes::new()).await?;
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-origin")),
        (204, "http://localhost:3000")
    );
    assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
    let reply = host.send_request(Method::POST, PATH, &page, Bytes::new()).await?.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!((reply.header("vary"), reply.header("x-content-type-options")), ("origin", "nosniff"));
    let other = [("origin", "http://localhost:3001")];
    host.send_request(Method::POST, PATH, &other, Bytes::new()).await?.refused(403, "forbidden");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_only_their_bearers_are_let_in() -> anyhow::Result<()> {
    let host = Host::with(Settings::default().variable("GREENROOM_TOKENS", TOKEN)).await?;
    let path = "/v1/actor-types";
    for given in [None, Some("Bearer wrong-token-of-the-same-length-0123"), Some("Basic YTpi"), Some(TOKEN)] {
        let headers: Vec<_> = given.map(|value| ("authorization", value)).into_iter().collect();
        let reply = host.send_request(Method::GET, path, &headers, Bytes::new()).await?;
        reply.refused(401, "unauthenticated");
    }
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let reply = host.send_request(Method::GET, path, &headers, Bytes::new()).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    host.get("/healthz").await?.expect(200);
    assert!(!host.log().contains(TOKEN), "the token is in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_did_not_arrive_opens_no_host() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for empty in ["", " ", ","] {
        let mut command = serve_command(&folder.path().join("data"))?;
        command.env("GREENROOM_TOKENS", empty);
        let ended = tokio::time::timeout(Duration::from_secs(30), command.output());
        let output = ended.await.context("it starts, and asks nobody for a token")??;
        assert_eq!(output.status.code(), Some(2), "{empty:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("names no token"), "{said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tokens_it_listens_on_loopback_only() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(guests::host_binary()?);
    command.args(["serve", "--listen", "0.0.0.0:0", "--data"]).arg(folder.path().join("data"));
    command.env_remove("GREENROOM_TOKENS").stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(30), command.output());
    let output = ended.await.context("it listens to everybody")??;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("token"), "{said}");
    Ok(())
}
