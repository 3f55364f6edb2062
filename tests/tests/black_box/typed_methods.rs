//! Any WIT component is an actor: functions of its own interfaces are methods, with JSON in and out,
//! and take part in everything that actors do.

use anyhow::Context as _;
use greenroom_tests::client::Reply;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use serde_json::{Value, json};

async fn host(settings: Settings) -> anyhow::Result<Host> {
    let host = Host::with(settings).await?;
    host.deploy("typed", guests::component("typed")?).await?.expect(201);
    Ok(host)
}

async fn call(host: &Host, method: &str, body: Value) -> anyhow::Result<Reply> {
    host.call_json("typed", "a", method, &body).await
}

async fn state(host: &Host, id: &str, key: &str) -> anyhow::Result<String> {
    Ok(host.get(&format!("/v1/actors/typed/{id}/-/state/{key}")).await?.text())
}

async fn count_becomes(host: &Host, id: &str, count: &str) -> anyhow::Result<()> {
    eventually(&format!("the count is {count}"), SOON, || async {
        match state(host, id, "count").await {
            Ok(found) if found == count => Ok(()),
            Ok(found) => Err(found),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_as_it_went() -> anyhow::Result<()> {
    let host = host(Settings::default()).await?;
    let parcel = json!({
        "tracking-id": "18446744073709551615",
        "size": {"width": 1, "height": 65535},
        "speed": "very-fast",
        "handling": ["fragile", "keep-dry"],
        "destination": {"either": ["x", 5]},
        "note": null,
        "history": [["packed", 1], ["lost", "-9223372036854775808"]],
        "last-result": {"err": "gone"},
        "delivered": "ok",
    });
    for (method, body, result) in [
        ("integers", json!([-128, 255, -32768, 65535, i32::MIN, u32::MAX]), None),
        ("longs", json!([9_007_199_254_740_991_i64, "9007199254740992"]), None),
        (
            "longs",
            json!({"signed": i64::MIN, "unsigned": u64::MAX}),
            Some(json!([i64::MIN.to_string(), u64::MAX.to_string()])),
        ),
        ("floats", json!([0.1, 1e300]), None),
        ("floats", json!(["NaN", "-Infinity"]), None),
        ("truth", json!(true), None),
        ("letter", json!("é"), None),
        ("text", json!("\u{0}\"\\ü🦀"), None),
        ("bytes", json!("AP8K"), None),
        ("numbers", json!([]), None),
        ("numbers", json!([1, 2, 3]), None),
        ("parcel-back", parcel.clone(), None),
        ("parcel_back", json!({"parcel": parcel}), Some(parcel)),
        ("option-in-option", json!(null), None),
        ("option-in-option", json!({"some": null}), None),
        ("option-in-option", json!({"some": 7}), None),
        ("results", json!([{"ok": null}, {"ok": 1}, {"err": "slow"}]), None),
    ] {
        let reply = call(&host, method, body.clone()).await?.expect(200);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.json::<Value>(), result.unwrap_or(body), "{method}");
    }
    for body in ["", "null", "{}", "[]"] {
        let reply = host.call("typed", "a", "ping", body).await?.expect(204);
        assert!(reply.body.is_empty());
    }
    let raw = [("content-type", "application/octet-stream")];
    let bytes = vec![0_u8, 255, 10, 13];
    let path = "/v1/actors/typed/a/bytes";
    let reply = host.send_request(http::Method::POST, path, &raw, bytes.clone()).await?.expect(200);
    assert_eq!((reply.header("content-type"), &reply.body[..]), ("application/octet-stream", &bytes[..]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_the_clients_fault_and_costs_nothing() -> anyhow::Result<()> {
    let host = host(Settings::default()).await?;
    for (method, body, refusal) in [
        ("text", "5", "$: expected string, found number 5"),
        ("add", "{\"amount\":-1}", "$.amount: expected integer from 0 to 18446744073709551615"),
        ("add", "{\"amount\":1,\"more\":1}", "$: no member \"more\" is known; known are amount"),
        ("add", "{\"amount\":", "$: not JSON"),
        ("add", "", "$.amount: is missing"),
        ("integers", "[1,2,3]", "$: expected 6 elements, found 3"),
        ("numbers", "[1,\"2\"]", "$[1]: expected integer from 0 to 4294967295, found string"),
        ("parcel-back", "{\"tracking-id\":1,\"size\":{\"width\":true}}", "$.size.width: expected integer"),
        (
            "results",
            "[{\"ok\":1},{\"er\":1}]",
            "$[1]: expected \"case\" or {\"case\": value}, one of ok, err",
        ),
        ("ping", "1", "$: expected no arguments"),
    ] {
        let problem = host.call("typed", "b", method, body).await?.refused(400, "invalid-request");
        assert!(problem.detail.starts_with(refusal), "{method} {body}: {}", problem.detail);
    }
    let problem = host.call("typed", "b", "nothing", "").await?.refused(501, "unimplemented");
    assert!(problem.detail.contains("counter.get") && problem.detail.contains("ping"), "{}", problem.detail);
    host.call("typed", "b", "get", "").await?.refused(501, "unimplemented");
    assert!(state(&host, "b", "activations").await?.contains("not-found"), "no sandbox was made");

    host.call("typed", "b", "add", "1").await?.expect(200);
    host.call("typed", "b", "add", "x").await?.refused(400, "invalid-request");
    host.call("typed", "b", "add", "1").await?.expect(200);
    assert_eq!(state(&host, "b", "activations").await?, "1", "and none is thrown away");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_a_value_and_leaves_no_trace() -> anyhow::Result<()> {
    let host = host(Settings::default()).await?;
    assert_eq!(call(&host, "add", json!(5)).await?.expect(200).text(), "5");
    let refused = call(&host, "add", json!(0)).await?;
    refused.refused(422, "method-failed");
    assert_eq!(refused.json::<Value>()["error"], "nothing-to-add");
    let refused = call(&host, "add", json!(1_u64 << 60)).await?;
    let error = json!({"too-much": {"limit": "1152921504606846976", "asked-for": "1152921504606846981"}});
    assert_eq!(refused.json::<Value>()["error"], error);

    let refused = call(&host, "add-and-fail", json!(1)).await?;
    let problem = refused.refused(422, "method-failed");
    assert_eq!(problem.detail, "`add-and-fail` answered with an error: added for nothing");
    let problem = call(&host, "refuse", json!("not now")).await?.refused(409, "conflict");
    assert_eq!(problem.detail, "not now");
    assert_eq!(call(&host, "counter.get", json!(null)).await?.expect(200).text(), "5");
    assert_eq!(call(&host, "other.get", json!({})).await?.expect(200).text(), "\"other\"");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_reminders_and_calls_reach_methods() -> anyhow::Result<()> {
    let mut host = host(Settings::default()).await?;
    host.tell("typed", "a", "add", None, "2").await?.expect(202);
    count_becomes(&host, "a", "2").await?;
    call(&host, "add_later", json!({"delay_ms": 300, "amount": 3})).await?.expect(204);
    call(&host, "tell", json!(["b", 7])).await?.expect(204);
    host.kill().await?;
    host.restart().await?;
    count_becomes(&host, "a", "5").await?;
    count_becomes(&host, "b", "7").await?;

    let asked = |method: &str, body: &str| json!({"id": "b", "method": method, "body": body});
    assert_eq!(call(&host, "ask", asked("add", "1")).await?.expect(200).json::<Value>(), "8");
    for (method, body, error) in [
        ("add", "0", "FailedPrecondition, message: \"\\\"nothing-to-add\\\"\""),
        ("add", "true", "InvalidArgument, message: \"$: expected integer"),
        ("refuse", "\"busy\"", "Conflict, message: \"busy\""),
        ("subtract", "1", "Unimplemented, message: \"there is no method `subtract`"),
    ] {
        let refused = call(&host, "ask", asked(method, body)).await?;
        refused.refused(422, "method-failed");
        let told = refused.json::<Value>()["error"].as_str().context("no error")?.to_owned();
        assert!(told.replace("ErrorCode::", "").contains(error), "{method} {body}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lifecycle_goes_around_methods() -> anyhow::Result<()> {
    let host = host(Settings::default()).await?;
    let problem = host.call("typed", "fail-activate-a", "ping", "").await?.refused(500, "activation-failed");
    assert!(problem.detail.contains("not-found: fail-activate-a"), "{}", problem.detail);
    call(&host, "add", json!(1)).await?.expect(200);
    host.post("/v1/actors/typed/a/-/deactivate", "").await?.expect(204);
    assert_eq!(state(&host, "a", "deactivations").await?, "1");
    call(&host, "add", json!(1)).await?.expect(200);
    assert_eq!(state(&host, "a", "activations").await?, "2");
    Ok(())
}

/// The component with doc comments in it, as a tool would leave them there.
fn with_docs(component: &[u8], docs: &Value) -> Vec<u8> {
    let (name, docs) = ("package-docs", docs.to_string());
    let content = [&[name.len() as u8], name.as_bytes(), &[1], docs.as_bytes()].concat();
    let size = [(content.len() & 0x7f | 0x80) as u8, (content.len() >> 7) as u8];
    [component, &[0], &size, &content].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_says_what_can_be_asked_of_it() -> anyhow::Result<()> {
    let mut host = host(Settings::default()).await?;
    let docs = json!({"interfaces": {"counter": {"funcs": {"add": "Adds to the count.\nAnd says it."}}}});
    let component = with_docs(&guests::component("typed")?, &docs);
    host.deploy("typed", component).await?.expect(201);
    host.kill().await?;
    host.restart().await?;
    let known: Value = host.get("/v1/actor-types/typed").await?.expect(200).json();
    assert_eq!((&known["active_version"], &known["takes_any_method"]), (&json!(2), &json!(false)));
    let methods = known["methods"].as_array().context("no methods")?;
    let names: Vec<&str> = methods.iter().filter_map(|method| method["name"].as_str()).collect();
    let sorted = [
        "add",
        "add-and-fail",
        "add-later",
        "ask",
        "bytes",
        "counter.get",
        "floats",
        "integers",
        "letter",
        "longs",
        "numbers",
        "option-in-option",
        "other.get",
        "parcel-back",
        "ping",
        "refuse",
        "results",
        "tell",
        "text",
        "truth",
    ];
    assert_eq!(names, sorted);
    let add = &methods[0];
    assert_eq!(add["docs"], "Adds to the count.\nAnd says it.");
    assert_eq!(add["interface"], "example:typed/counter@1.0.0");
    assert_eq!(add["parameters"]["required"], json!(["amount"]));
    assert_eq!(add["error"]["oneOf"][0], json!({"const": "nothing-to-add"}));
    assert_eq!(methods[2]["aliases"], json!(["add_later"]));

    let openapi: Value = host.get("/v1/actor-types/typed/openapi.json").await?.expect(200).json();
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(openapi["paths"].as_object().map(serde_json::Map::len), Some(names.len()));
    let add = &openapi["paths"]["/v1/actors/typed/{id}/add"]["post"];
    assert_eq!(add["summary"], "Adds to the count.");
    let body = &add["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(body["amount"]["format"], "uint64");
    assert!(add["responses"]["422"].is_object() && add["responses"]["200"].is_object());
    assert!(openapi["paths"]["/v1/actors/typed/{id}/ping"]["post"]["responses"]["204"].is_object());
    Ok(())
}
