//! Hostile uploads: what is made to be dear to check, to compile or to store is refused with the reason, or
//! compiled within its bounds; the neighbours and the host's memory stay as they were, and nothing is left.
//! What `uploads` shows (bytes of another kind, damaged bytes) is not shown again here.

use std::fmt::Write as _;

use anyhow::Context as _;
use greenroom_tests::attack::while_under_attack;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::{guests, hostile, process};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the host itself may need for an upload: its bytes a few times over, and what checking them takes.
/// The compiler's memory is that of a process of its own.
const MEMORY_BYTES: u64 = 256 << 20;

fn repeated(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

fn component(items: &str) -> anyhow::Result<Vec<u8>> {
    Ok(wat::parse_str(format!("(component {items})"))?)
}

fn in_module(items: &str) -> anyhow::Result<Vec<u8>> {
    component(&format!("(core module {items})"))
}

/// Small or large, each is dear for whoever takes it as it is. With the word that its refusal must contain.
fn dear_shapes() -> anyhow::Result<Vec<(&'static str, Vec<u8>, &'static str)>> {
    let nested = |depth: usize| format!("{}{}", "block ".repeat(depth), "end ".repeat(depth));
    let lists = repeated(2_000, |n| format!("(type $t{} (list $t{n}))", n + 1));
    let doubling = repeated(200, |n| format!("(type $t{0} (tuple $t{n} $t{n}))", n + 1));
    let name = "n".repeat(100_000);
    Ok(vec![
        ("blocks in blocks", in_module(&format!("(func {})", nested(50_000)))?, "deeply nested blocks"),
        (
            "one function of 2 MiB",
            in_module(&format!("(func (param i32) {})", "(drop (local.get 0))".repeat(700_000)))?,
            "large body",
        ),
        ("half a million functions", in_module(&"(func)".repeat(500_000))?, "many functions"),
        (
            "100,000 exports of a component",
            component(&format!(
                "(core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) \
                 (func $f (canon lift (core func $i \"f\"))) {}",
                repeated(100_000, |n| format!("(export \"e{n}\" (func $f))"))
            ))?,
            "beyond the bound of",
        ),
        ("a name of 100,000 bytes", in_module(&format!("(func (export \"{name}\"))"))?, "long name"),
        (
            "2,000 lists in lists",
            component(&format!("(type $t0 u8) {lists} (import \"f\" (func (param \"x\" $t2000)))"))?,
            "",
        ),
        (
            "a type that doubles 200 times",
            component(&format!("(type $t0 u8) {doubling} (import \"f\" (func (param \"x\" $t200)))"))?,
            "",
        ),
        ("1,000 memories", in_module(&"(memory 1)".repeat(1_000))?, "many memories"),
        ("a memory of 4 GiB", in_module("(memory 65536)")?, "sandbox_memory_bytes"),
        (
            "instances of instances",
            component(&format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(5_000)))?,
            "many core instances",
        ),
        (
            "1,000 instances with 49,000 exports each",
            component(&format!(
                "(component $c (type $t u8) {}) {}",
                repeated(49_000, |n| format!("(export \"a{n}\" (type $t))")),
                "(instance (instantiate $c))".repeat(1_000)
            ))?,
            "too expensive to compile",
        ),
        (
            "components in components",
            component(&format!("{}{}", "(component ".repeat(20), ")".repeat(20)))?,
            "nested",
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dear_to_take_is_refused_before_it_is_compiled() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.terminate().await?;
    // What goes to the end of this takes less time for it.
    host.restart_with(Settings::default().variable("GREENROOM_COMPILE_MEMORY_BYTES", "2 GiB")).await?;
    let client: Client = (*host).clone();
    let shapes = dear_shapes()?;
    let attack = async {
        for (what, bytes, reason) in &shapes {
            let problem = client.deploy("dear", bytes.clone()).await?.refused(422, "component-rejected");
            anyhow::ensure!(problem.detail.contains(reason), "{what}: {}", problem.detail);
            anyhow::ensure!(problem.detail.len() < 4_000, "{what}: {}", problem.detail);
        }
        anyhow::Ok(())
    };
    while_under_attack(&mut host, "dear shapes", MEMORY_BYTES, attack).await?;
    host.get("/v1/actor-types/dear").await?.refused(404, "unknown-actor-type");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_given_up_at_its_bound() -> anyhow::Result<()> {
    let bomb = hostile::compile_bomb(200)?;
    for (bound, value, refusal, says) in [
        ("GREENROOM_COMPILE_CPU", "2s", (422, "component-rejected"), "compile.cpu"),
        ("GREENROOM_COMPILE_TIMEOUT", "1s", (503, "overloaded"), "compile.timeout"),
    ] {
        let mut host = Host::with_probe(Settings::default()).await?;
        // The probe itself is compiled without these bounds.
        host.terminate().await?;
        host.restart_with(Settings::default().variable(bound, value)).await?;
        let client: Client = (*host).clone();
        let attack = async {
            let bombs = (0..3).map(|number| client.deploy(["a", "b", "c"][number], bomb.clone()));
            for reply in futures::future::try_join_all(bombs).await? {
                let problem = reply.refused(refusal.0, refusal.1);
                anyhow::ensure!(problem.detail.contains(says), "{bound}: {}", problem.detail);
            }
            anyhow::Ok(())
        };
        while_under_attack(&mut host, &format!("a bomb against {bound}"), MEMORY_BYTES, attack).await?;
        host.get("/v1/actor-types/a").await?.refused(404, "unknown-actor-type");
        let pid = host.pid();
        eventually("no child is left", SOON, || async move {
            match process::children(pid) {
                Ok(children) if children.is_empty() => Ok(()),
                other => Err(other),
            }
        })
        .await?;
    }
    Ok(())
}

/// Opens an upload that is never finished here.
async fn begin_upload(host: &Host, actor_type: &str, header: &str) -> anyhow::Result<TcpStream> {
    let authority = host.base().strip_prefix("http://").context("a base without http")?;
    let mut stream = TcpStream::connect(authority).await?;
    let head = format!(
        "PUT /v1/actor-types/{actor_type} HTTP/1.1\r\nhost: {authority}\r\n\
         content-type: application/wasm\r\n{header}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_length_ends_at_the_bound() -> anyhow::Result<()> {
    const CHUNK: usize = 16 << 10;
    let mut host = Host::with_probe(Settings::default()).await?;
    host.terminate().await?;
    host.restart_with(Settings::default().limit("component_bytes", "1 MiB")).await?;
    let mut stream = begin_upload(&host, "endless", "transfer-encoding: chunked").await?;
    let chunk = [format!("{CHUNK:x}\r\n").as_bytes(), &[0; CHUNK], b"\r\n"].concat();
    // Far more than may come; the host must have stopped reading long before.
    let mut sent = 0;
    while sent < 64 << 20 && stream.write_all(&chunk).await.is_ok() {
        sent += CHUNK;
        let mut seen = [0; 1 << 10];
        if let Ok(count @ 1..) = stream.try_read(&mut seen) {
            let text = String::from_utf8_lossy(&seen[..count]);
            assert!(text.starts_with("HTTP/1.1 413"), "{text}");
            break;
        }
    }
    // The sockets' buffers take some.
    assert!(sent < 32 << 20, "the host has read {} MiB", sent >> 20);
    host.get("/v1/actor-types/endless").await?.refused(404, "unknown-actor-type");
    host.call("probe", "a", "increment", "").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_off_leaves_nothing() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let component = guests::component("probe")?;
    for part in [0, 1, component.len() / 2, component.len() - 1] {
        let length = format!("content-length: {}", component.len());
        let mut stream = begin_upload(&host, "cut", &length).await?;
        stream.write_all(&component[..part]).await?;
        stream.shutdown().await?;
        // Whatever it says, it says it soon, and closes.
        let mut rest = Vec::new();
        tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await.context("it is still open")??;
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        host.get("/v1/actor-types/cut").await?.refused(404, "unknown-actor-type");
    }
    host.deploy("cut", component).await?.expect(201);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_that_was_changed_on_disk_never_runs() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    for change in ["a bit", "its end", "all of it"] {
        host.terminate().await?;
        for entry in std::fs::read_dir(host.data().join("compiled"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == "code") {
                let mut bytes = std::fs::read(&path)?;
                let middle = bytes.len() / 2;
                match change {
                    "a bit" => bytes[middle] ^= 1,
                    "its end" => bytes.truncate(middle),
                    _ => bytes.fill(0x90),
                }
                std::fs::write(&path, bytes)?;
            }
        }
        let warned = host.log().matches("was changed on disk").count();
        host.restart().await?;
        host.call("probe", "a", "increment", "").await?.expect(200);
        assert_eq!(host.log().matches("was changed on disk").count(), warned + 1, "{change}: {}", host.log());
    }
    assert_eq!(host.call("probe", "a", "get", "").await?.expect(200).text(), "4");
    Ok(())
}

/// What other hosts offer and this one does not, by worlds that people build for.
#[tokio::test(flavor = "multi_thread")]
async fn every_world_that_is_not_offered_is_refused_in_the_same_words() -> anyhow::Result<()> {
    let host = Host::start().await?;
    for (imports, named) in [
        (
            &["wasi:http/types@0.2.6", "wasi:http/outgoing-handler@0.2.6"][..],
            "wasi:http/outgoing-handler@0.2.6, wasi:http/types@0.2.6",
        ),
        (&["wasi:keyvalue/store@0.2.0-draft"], "wasi:keyvalue/store@0.2.0-draft"),
        (&["wasi:cli/environment@0.3.0"], "wasi:cli/environment@0.3.0"),
        (&["greenroom:actor/state@0.9.0"], "greenroom:actor/state@0.9.0"),
        (&["greenroom:actor/secrets@0.1.0"], "greenroom:actor/secrets@0.1.0"),
        (&["fermyon:spin/sqlite@2.0.0", "env"], "env, fermyon:spin/sqlite@2.0.0"),
    ] {
        let mut text = String::new();
        for import in imports {
            let _ = write!(text, "(import \"{import}\" (instance))");
        }
        let detail = host.deploy("other", component(&text)?).await?.refused(422, "component-rejected").detail;
        let expected = format!("the component imports what is not offered here: {named}. Offered are ");
        assert!(detail.starts_with(&expected), "{detail}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_uploads_waits_its_turn() -> anyhow::Result<()> {
    const UPLOADS: u8 = 24;
    let mut host = Host::with_probe(Settings::default().limit("sandbox_memory_bytes", "64 MiB")).await?;
    let client: Client = (*host).clone();
    let guest = hostile::component("loops-in-receive")?;
    let attack = async {
        let uploads = (0..UPLOADS).map(|label| {
            let bytes = greenroom_tests::guests::variant(&guest, label);
            let client = client.clone();
            async move { client.deploy(&format!("upload-{label}"), bytes).await }
        });
        for reply in futures::future::try_join_all(uploads).await? {
            reply.expect(201);
        }
        anyhow::Ok(())
    };
    while_under_attack(&mut host, "a crowd of uploads", MEMORY_BYTES, attack).await?;
    let types: Value = host.get("/v1/actor-types").await?.expect(200).json();
    assert_eq!(types["items"].as_array().map(Vec::len), Some(usize::from(UPLOADS) + 1));
    Ok(())
}

/// A component of that many bytes, and as many of code and data in memory once it is called.
fn large_component(number: usize, bytes: usize) -> anyhow::Result<Vec<u8>> {
    let bytes = (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 7 ^ number) as u8);
    let data = bytes.fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    hostile::component_of(&format!(";; A segment of data that nothing uses.\n(data \"{data}\")"))
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_much_code_leave_the_neighbours_theirs() -> anyhow::Result<()> {
    const UPLOADS: usize = 32;
    const EACH_BYTES: usize = 4 << 20;
    const CODE_BYTES: u64 = 24 << 20;
    /// Of the uploads' bytes on their way, and of what the allocator keeps of them.
    const BESIDE_BYTES: u64 = 128 << 20;
    let settings = Settings::default().limit("code_bytes", &CODE_BYTES.to_string());
    let mut host = Host::with_probe(settings).await?;
    let client: Client = (*host).clone();
    let components = (0..UPLOADS).map(|number| large_component(number, EACH_BYTES));
    let components = components.collect::<anyhow::Result<Vec<_>>>()?;
    let code_bytes = || async {
        let text = client.get("/metrics").await?.expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix("greenroom_code_bytes "));
        anyhow::Ok(line.context("the metric is not there")?.parse::<u64>()?)
    };
    let attack = async {
        for (number, component) in components.into_iter().enumerate() {
            client.deploy(&format!("large-{number}"), component).await?.expect(201);
            let bytes = code_bytes().await?;
            anyhow::ensure!(bytes <= CODE_BYTES, "{bytes} bytes of code after {} uploads", number + 1);
        }
        // All of them are called, so their sandboxes are there; the code of most has to come back for that.
        for round in 0..2 {
            for number in 0..UPLOADS {
                client.call(&format!("large-{number}"), "a", "go", "x").await?.expect(200);
                let bytes = code_bytes().await?;
                anyhow::ensure!(
                    bytes >= EACH_BYTES as u64 && bytes <= CODE_BYTES,
                    "{bytes} in round {round}"
                );
            }
        }
        anyhow::Ok(())
    };
    while_under_attack(&mut host, "uploads of much code", CODE_BYTES + BESIDE_BYTES, attack).await
}
