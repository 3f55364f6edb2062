//! P2: a turn is all or nothing. However it ends badly, nothing is left of its writes, reminders,
//! sent messages, or of what it put into the guest's memory.

use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, call, fail, fill, get, remind, send, set, simply};
use serde_json::{Value, json};

use crate::support::until_list;

fn quick_to_cut() -> Settings {
    Settings::default().limit("turn_cpu", "300ms").limit("sandbox_memory_bytes", "16 MiB")
}

/// The ways in which a turn can end badly, each with its status and code.
fn bad_endings() -> Vec<(Value, u16, &'static str)> {
    vec![
        (fail("invalid-argument", "no"), 400, "invalid-argument"),
        (fail("permission-denied", "no"), 403, "permission-denied"),
        (fail("not-found", "no"), 404, "not-found"),
        (fail("conflict", "no"), 409, "conflict"),
        (fail("failed-precondition", "no"), 412, "failed-precondition"),
        (fail("resource-exhausted", "no"), 429, "resource-exhausted"),
        (fail("internal", "no"), 500, "internal"),
        (fail("unimplemented", "no"), 501, "unimplemented"),
        (simply("trap"), 500, "actor-trapped"),
        (simply("spin"), 500, "cpu-limit"),
        (simply("recurse"), 500, "stack-overflow"),
        (simply("memory_bomb"), 500, "memory-limit"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_ends_badly_leaves_no_trace() -> anyhow::Result<()> {
    let host = Host::with_probe(quick_to_cut()).await?;
    for (number, (ending, status, code)) in bad_endings().into_iter().enumerate() {
        let (actor, other) = (format!("actor-{number}"), format!("other-{number}"));
        let before = json!([set("kept", "before"), set("deleted", "before")]);
        script::results(&host, &actor, before).await?;

        let soon = json!({ "delay_ms": 0 });
        let turn = json!([
            set("kept", "after"),
            set("new", "after"),
            json!({ "op": "delete", "key": "deleted" }),
            remind("alarm", &soon, "alarm"),
            send(&other, "append", json!("from the bad turn")),
            json!({ "op": "remember", "value": "from the bad turn" }),
            ending,
        ]);
        let problem = script::run(&host, &actor, turn).await?.refused(status, code);
        if problem.detail == "no" {
            assert_eq!(problem.source, "guest", "the guest's own words reach its caller");
        }

        let look = json!([
            get("kept"),
            get("new"),
            get("deleted"),
            json!({ "op": "keys", "prefix": "", "after": null, "limit": 10 }),
            simply("list_reminders"),
            simply("recall"),
            send(&other, "append", json!("from a good turn")),
        ]);
        let seen = script::results(&host, &actor, look).await?;
        assert_eq!(seen[..3], [json!("before"), Value::Null, json!("before")], "{code}");
        assert_eq!(seen[3], json!(["deleted", "kept"]), "{code}");
        assert_eq!(seen[4], json!([]), "{code}");
        assert_eq!(seen[5], json!({ "value": "", "turns": 1 }), "{code}: the sandbox is a new one");

        // Messages of one sender arrive in order, so the good one would come second.
        let list = until_list(&host, &other, "a message", |list| !list.is_empty()).await?;
        assert_eq!(list, ["from a good turn"], "{code}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_reads_its_own_writes() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "a", json!([set("b", "old"), set("d", "old")])).await?;
    let keys = |prefix: &str, after: Option<&str>, limit: u32| json!({ "op": "keys", "prefix": prefix, "after": after, "limit": limit });
    let seen = script::results(
        &host,
        "a",
        json!([
            set("c", "new"),
            set("b", "new"),
            get("b"),
            json!({ "op": "delete", "key": "d" }),
            json!({ "op": "delete", "key": "d" }),
            get("d"),
            keys("", None, 10),
            set("c/1", "x"),
            set("c/2", "x"),
            keys("c/", None, 10),
            keys("", Some("b"), 2),
        ]),
    )
    .await?;
    assert_eq!(seen[2], "new");
    assert_eq!((&seen[3], &seen[4], &seen[5]), (&json!(true), &json!(false), &Value::Null));
    assert_eq!(seen[6], json!(["b", "c"]));
    assert_eq!(seen[9], json!(["c/1", "c/2"]));
    assert_eq!(seen[10], json!(["c", "c/1"]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_callee_committed_stands_when_its_caller_fails() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let turn = json!([set("mine", "1"), call("callee", "append", json!("asked")), simply("trap")]);
    script::run(&host, "caller", turn).await?.refused(500, "actor-trapped");
    assert_eq!(script::list(&host, "callee").await?, ["asked"]);
    assert_eq!(script::results(&host, "caller", json!([get("mine")])).await?, [Value::Null]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_that_fails_is_the_callers_to_judge() -> anyhow::Result<()> {
    let host = Host::with_probe(quick_to_cut()).await?;
    let nested = |ending: Value| call("callee", "run", json!([fill("lost", 100), ending]));
    let turn = json!([nested(fail("conflict", "taken")), nested(simply("trap")), set("mine", "1")]);
    let seen = script::results(&host, "caller", turn).await?;
    assert_eq!(seen[0], json!({ "failed": { "code": "conflict", "message": "taken" } }));
    let crashed = seen[1]["crashed"].as_str().unwrap_or_default();
    assert!(crashed.contains("actor-trapped"), "{}", seen[1]);
    let kept = script::results(&host, "callee", json!([get("lost")])).await?;
    assert_eq!(kept, [Value::Null]);
    assert_eq!(script::results(&host, "caller", json!([get("mine")])).await?, [json!("1")]);

    let turn = json!([{ "op": "call", "to": ["nobody", "x"], "method": "echo", "payload": "" }]);
    let seen = script::results(&host, "caller", turn).await?;
    assert_eq!(seen, [json!({ "unknown_actor_type": true })]);
    Ok(())
}
