//! Actors of different languages in one host: they call and send to each other, a component may have
//! typed methods and a `behavior`, and a language whose runtime is large or leaks costs its callers
//! nothing.

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::crowd;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::languages::{LANGUAGES, Language, language};
use serde_json::{Value, json};

/// A script as that language's guest is told it.
fn told(language: &Language, script: &str) -> String {
    if language.is_typed() { json!(script).to_string() } else { script.to_owned() }
}

/// Lets the actor `id` in that language do a script that must succeed; what it said.
async fn run(host: &Host, language: &Language, id: &str, script: &str) -> anyhow::Result<String> {
    let reply = host.call(language.key, id, "run", told(language, script)).await?;
    anyhow::ensure!(reply.status == 200, "{}: {} {}", language.key, reply.status, reply.text());
    let text = reply.text();
    Ok(if language.is_typed() { serde_json::from_str(&text)? } else { text })
}

async fn with(settings: Settings, languages: &[Language]) -> anyhow::Result<Host> {
    let host = Host::sharing_code(settings).await?;
    for language in languages {
        host.deploy(language.key, language.component()?).await?.expect(201);
    }
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_of_every_language_call_and_send_to_each_other() -> anyhow::Result<()> {
    let host = with(Settings::default(), &LANGUAGES).await?;
    for from in &LANGUAGES {
        for to in &LANGUAGES {
            let called = told(to, &format!("append called {}", from.key));
            let sent = told(to, &format!("append sent {}", from.key));
            let back = told(to, &format!("call {} caller run {}", from.key, told(from, "get x")));
            let script = format!(
                "call {0} callee run {called}\nsend 0 {0} callee run {sent}\ncall {0} third run {back}",
                to.key
            );
            let said = run(&host, from, "caller", &script).await.with_context(|| from.key)?;
            let pair = format!("{} to {}: {said}", from.key, to.key);
            assert!(said.starts_with("reply ") && said.contains(from.key), "{pair}");
            assert!(said.contains("deadlock"), "{pair}");
        }
    }
    let everybody: Vec<&str> = LANGUAGES.iter().map(|language| language.key).collect();
    for to in &LANGUAGES {
        let expected = format!("value {0}\nvalue {0}", everybody.join(","));
        eventually(&format!("all have reached {}", to.key), SOON, || async {
            match run(&host, to, "callee", "get called\nget sent").await {
                Ok(said) if said == expected => Ok(()),
                other => Err(other),
            }
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_may_have_typed_methods_and_a_behavior() -> anyhow::Result<()> {
    let host = Host::sharing_code(Settings::default()).await?;
    host.deploy("both", guests::component_in("typescript", "both")?).await?.expect(201);
    let order = json!({ "item": "tea", "pieces": 2, "speed": "normal", "note": null });
    let reply = host.call_json("both", "counted-a", "place", &json!({ "order": order })).await?.expect(200);
    assert_eq!(reply.json::<Value>(), order);
    host.call_json("both", "counted-a", "place", &json!({ "order": 1 }))
        .await?
        .refused(400, "invalid-request");
    let reply = host.call("both", "counted-a", "anything.else", "at all").await?.expect(200);
    assert_eq!(reply.text(), "heard anything.else: at all");

    // Both are the same actor.
    assert_eq!(host.call("both", "counted-a", "increment", "").await?.expect(200).text(), "1");
    let state = host.get("/v1/actors/both/counted-a/-/state/activations").await?.expect(200);
    assert_eq!(state.text(), "1");
    let known: Value = host.get("/v1/actor-types/both").await?.expect(200).json();
    assert_eq!(known["takes_any_method"], json!(true));
    let methods = known["methods"].as_array().context("no methods")?;
    assert!(methods.iter().any(|method| method["name"] == "place"), "{methods:?}");

    // What the engine's builder has left among the exports is not the caller's to run.
    assert!(methods.iter().all(|method| method["name"] != "init"), "{methods:?}");
    let reply = host.call("both", "counted-a", "init", "at all").await?.expect(200);
    assert_eq!(reply.text(), "heard init: at all");
    host.deploy("python", language("python")?.component()?).await?.expect(201);
    let known: Value = host.get("/v1/actor-types/python").await?.expect(200).json();
    assert_eq!(known["methods"], json!([]), "{known}");
    Ok(())
}

/// Python keeps what it hands to the host, so each of these turns costs 256 KiB that never come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_leaks_is_replaced_before_its_limit_unnoticed() -> anyhow::Result<()> {
    const TURNS: u64 = 300;
    let settings = Settings::default().limit("sandbox_memory_bytes", "40 MiB");
    for key in ["python", "python_behavior"] {
        let language = language(key)?;
        let host = Host::sharing_code(settings.clone()).await?;
        host.deploy(key, language.component()?).await?.expect(201);
        for turn in 1..=TURNS {
            host.call(key, "counted-a", "run", "fill kept 262144").await?.expect(200);
            let count = host.call(key, "counted-a", "increment", "").await?.expect(200);
            assert_eq!(count.text(), turn.to_string(), "{key}");
        }
        let said = run(&host, language, "counted-a", "get activations\nget deactivations\nsize kept").await?;
        let numbers: Vec<u64> =
            said.lines().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert!(numbers.len() == 3 && numbers[0] >= 2 && numbers[1] == numbers[0] - 1, "{key}: {said}");
        assert_eq!(numbers[2], 262_144, "{key}");
        assert!(!host.log().contains("memory-limit"), "{key} met its limit");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_actors_than_there_is_memory_for_are_served_in_turn() -> anyhow::Result<()> {
    const ACTORS: u64 = 300;
    const ROUNDS: u64 = 3;
    const ROOM: u64 = 64 << 20;
    let python = language("python")?;
    let mut host = with(Settings::default(), std::slice::from_ref(python)).await?;
    run(&host, python, "first", "me").await?;
    let budget = host.memory()?.anonymous + ROOM;
    host.terminate().await?;
    host.restart_with(Settings::default().limit("memory_bytes", &budget.to_string())).await?;

    let served = crowd::serve(&host, "python", ACTORS, ROUNDS, 8).await?;
    // Between two looks at its own memory the host may take some more.
    assert!(served.most_memory < budget + ROOM, "{} MiB of {} MiB", served.most_memory >> 20, budget >> 20);
    let first = host.get("/v1/actors/python/counted-0/-/state/deactivations").await?.expect(200);
    assert!(first.text().parse::<u64>()? >= 1, "nobody had to leave: the budget was not reached");
    Ok(())
}
