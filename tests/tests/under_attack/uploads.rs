//! Uploads of whatever anybody may upload: what is no component of `world actor`, or asks for more
//! than is offered, is refused with the reason, nothing is stored, and the host goes on.

use greenroom_tests::attack::while_under_attack;
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;

fn wat(text: &str) -> anyhow::Result<Vec<u8>> {
    Ok(wat::parse_str(text)?)
}

/// Each bad upload, with a word that the refusal must contain.
fn bad_uploads() -> anyhow::Result<Vec<(&'static str, Vec<u8>, &'static str)>> {
    let probe = guests::component("probe")?;
    let mut flipped = probe.clone();
    for index in (100..flipped.len()).step_by(997) {
        flipped[index] ^= 0x5a;
    }
    let truncated = probe[..probe.len() / 2].to_vec();
    Ok(vec![
        ("empty", Vec::new(), ""),
        ("text", b"hello".to_vec(), ""),
        ("wat", b"(component)".to_vec(), ""),
        ("zip", b"PK\x03\x04aaaaaaaaaaaaaaaa".to_vec(), ""),
        ("magic alone", probe[..8].to_vec(), "behavior"),
        ("truncated", truncated, ""),
        ("flipped", flipped, ""),
        ("core module", wat("(module (func (export \"receive\")))")?, "component"),
        ("no exports", wat("(component)")?, "behavior"),
        (
            "unknown imports",
            wat("(component
                (import \"other:thing/first@1.0.0\" (instance (export \"f\" (func))))
                (import \"other:thing/second@1.0.0\" (instance (export \"f\" (func)))))")?,
            "other:thing/second",
        ),
        (
            "wrong types",
            wat("(component
                (import \"greenroom:actor/context@0.1.0\"
                    (instance (export \"now-ms\" (func (param \"x\" string))))))")?,
            "",
        ),
        (
            "another world",
            wat("(component
                (import \"wasi:http/types@0.2.6\" (instance (export \"fields\" (type (sub resource))))))")?,
            "wasi:http/types",
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_uploads_are_refused_with_the_reason_and_leave_nothing() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for (what, bytes, reason) in bad_uploads()? {
        eprintln!("{what}");
        let problem = host.deploy("bad", bytes).await?.refused(422, "component-rejected");
        assert!(problem.detail.contains(reason), "{what}: {}", problem.detail);
        assert!(!problem.detail.is_empty() && problem.detail.len() < 4_000, "{what}: {}", problem.detail);
        host.get("/v1/actor-types/bad").await?.refused(404, "unknown-actor-type");
        host.call("probe", "neighbour", "increment", "").await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_import_that_is_not_offered_is_named() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let component = wat("(component
        (import \"other:thing/first@1.0.0\" (instance (export \"f\" (func))))
        (import \"other:thing/second@1.0.0\" (instance (export \"f\" (func)))))")?;
    let detail = host.deploy("bad", component).await?.refused(422, "component-rejected").detail;
    assert!(detail.contains("other:thing/first@1.0.0"), "{detail}");
    assert!(detail.contains("other:thing/second@1.0.0"), "{detail}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_cut_off_anywhere_is_refused() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let probe = guests::component("probe")?;
    for length in (1..probe.len()).step_by(probe.len() / 40) {
        let reply = host.deploy("cut", probe[..length].to_vec()).await?;
        reply.refused(422, "component-rejected");
    }
    host.deploy("whole", probe).await?.expect(201);
    host.call("whole", "a", "increment", "").await?.expect(200);
    Ok(())
}

/// A small upload that would take the compiler very long: it is refused, or compiled within its
/// bounds, while the others are served.
#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_does_not_hold_up_the_others() -> anyhow::Result<()> {
    /// The compiler has a process of its own.
    const MEMORY_BYTES: u64 = 64 << 20;
    let mut host = Host::with_probe(Settings::default()).await?;
    let blocks = "block ".repeat(40_000) + &"end ".repeat(40_000);
    let functions = format!("(func (param i32) {blocks})").repeat(8);
    let bomb = wat(&format!("(component (core module {functions}))"))?;
    let client = host.clone();
    let upload = client.deploy("bomb", bomb);
    let reply = while_under_attack(&mut host, "a compile bomb", MEMORY_BYTES, upload).await?;
    // It exports no behavior, so it is refused in any case.
    reply.refused(422, "component-rejected");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_components_are_taken() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let headers = [("content-type", "application/json")];
    let path = "/v1/actor-types/probe";
    let reply = host.send_request(http::Method::PUT, path, &headers, "{}").await?;
    reply.refused(415, "unsupported-media-type");
    Ok(())
}
