//! Which host a command talks to: over TLS only one that it can trust, and under the names that contexts keep.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::SOON;
use greenroom_tests::guests;
use greenroom_tests::host::{Host, serve_command_at};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::cli::text;

const TOKEN: &str = "a-token-that-is-long-enough-0123456789";

/// Ends TLS for `localhost` in front of a host. Returns its port, and the certificate of its CA.
async fn tls_before(host: &Host) -> anyhow::Result<(u16, String)> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "a CA of this test");
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let own =
        CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address: SocketAddr = host.base().trim_start_matches("http://").parse()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (Ok(mut inside), Ok(mut outside)) =
                    (acceptor.accept(stream).await, TcpStream::connect(address).await)
                else {
                    return;
                };
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    Ok((port, ca_pem))
}

/// Runs `greenroom` with nothing in its environment but these variables, and its contexts in that folder.
async fn greenroom(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(guests::host_binary()?);
    command.args(arguments).env_clear().env("HOME", folder).env("XDG_CONFIG_HOME", folder.join("config"));
    command.envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.output().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_behind_tls_is_asked_only_when_its_ca_is_known() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let (port, ca) = tls_before(&host).await?;
    let (_, other_ca) = tls_before(&host).await?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (ca_file, other_ca_file, component) = (file("ca.pem"), file("other.pem"), file("probe.wasm"));
    std::fs::write(&ca_file, ca)?;
    std::fs::write(&other_ca_file, other_ca)?;
    std::fs::write(&component, guests::component("probe")?)?;
    let url = format!("https://localhost:{port}");
    let deploy = ["deploy", "probe", component.as_str(), "--host", url.as_str()];

    let by_address = format!("https://127.0.0.1:{port}");
    for (arguments, variables) in [
        (&deploy[..], &[("SSL_CERT_FILE", other_ca_file.as_str())][..]),
        (&[&deploy[..], &["--ca-file", other_ca_file.as_str()]].concat(), &[("GREENROOM_CA_FILE", &ca_file)]),
        (&["types", "--host", &by_address, "--ca-file", &ca_file], &[]),
    ] {
        let output = greenroom(folder.path(), variables, arguments).await?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("can't be trusted") && said.contains("--ca-file"), "{arguments:?}: {said}");
    }
    assert_eq!(
        host.get("/v1/actor-types").await?.expect(200).json::<serde_json::Value>()["items"],
        serde_json::json!([])
    );

    let output = greenroom(folder.path(), &[], &[&deploy[..], &["--ca-file", &ca_file]].concat()).await?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    for variable in ["GREENROOM_CA_FILE", "SSL_CERT_FILE"] {
        let variables = [("GREENROOM_HOST", url.as_str()), (variable, &ca_file)];
        let output = greenroom(folder.path(), &variables, &["call", "probe", "a", "echo", "hello"]).await?;
        assert_eq!(text(&output.stdout), "hello", "{variable}: {}", text(&output.stderr));
    }
    let plain = format!("https://{}", host.base().trim_start_matches("http://"));
    let output = greenroom(folder.path(), &[], &["types", "--host", &plain, "--ca-file", &ca_file]).await?;
    assert!(!output.status.success() && output.stdout.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_is_a_host_with_its_token_and_its_ca() -> anyhow::Result<()> {
    let host = Host::with(Settings::default().variable("GREENROOM_TOKENS", TOKEN)).await?;
    let (port, ca) = tls_before(&host).await?;
    let folder = tempfile::tempdir()?;
    let (ca_file, token_file) = (folder.path().join("ca.pem"), folder.path().join("token"));
    std::fs::write(&ca_file, ca)?;
    std::fs::write(&token_file, format!("{TOKEN}\n"))?;
    let run = async |arguments: &[&str]| greenroom(folder.path(), &[], arguments).await;
    let url = format!("https://localhost:{port}");
    let (ca_file, token_file) = (ca_file.to_string_lossy(), token_file.to_string_lossy());
    let add = ["context", "add", "prod", &url, "--token-file", &token_file, "--ca-file", &ca_file];
    let added = run(&add).await?;
    assert!(added.status.success(), "{}", text(&added.stderr));
    let kept = folder.path().join("config/greenroom/contexts.toml");
    assert_eq!(kept.metadata()?.permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&kept)?.contains(TOKEN));

    let named = run(&["types", "--json", "--context", "prod"]).await?;
    assert!(named.status.success(), "{}", text(&named.stderr));
    let chosen = [("GREENROOM_CONTEXT", "prod"), ("GREENROOM_TOKEN", "another-host's-token")];
    assert!(greenroom(folder.path(), &chosen, &["types", "--json"]).await?.status.success());
    assert!(run(&["context", "use", "prod"]).await?.status.success());
    assert!(run(&["types", "--json"]).await?.status.success());
    let list = text(&run(&["context", "list"]).await?.stdout);
    assert!(list.lines().any(|line| line.starts_with('*') && line.contains(&url)), "{list}");
    let elsewhere = run(&["types", "--host", "127.0.0.1:1"]).await?;
    assert_eq!(elsewhere.status.code(), Some(5), "{}", text(&elsewhere.stderr));

    assert!(run(&["context", "remove", "prod"]).await?.status.success());
    let unknown = run(&["types", "--context", "prod"]).await?;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("greenroom context list"), "{}", text(&unknown.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_be_a_name_or_a_port_alone() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for listen in ["localhost:0", ":0"] {
        let mut command = serve_command_at(&folder.path().join("data"), listen)?;
        command.env_remove("GREENROOM_TOKENS").stdout(Stdio::piped());
        let mut host = command.spawn()?;
        let mut lines = BufReader::new(host.stdout.take().context("no output")?).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await??.unwrap_or_default();
        let port = line.strip_prefix("listening on http://127.0.0.1:").with_context(|| line.clone())?;
        for address in [format!("localhost:{port}"), format!("127.0.0.1:{port}/")] {
            let output = greenroom(folder.path(), &[], &["types", "--host", &address]).await?;
            assert!(output.status.success(), "{address}: {}", text(&output.stderr));
        }
        host.kill().await?;
    }
    Ok(())
}
