//! Payloads and methods as they come over HTTP.

use serde_json::{Value, json};

use super::Speaker;

super::points! {
    a_payload_comes_back_as_it_went
    an_unknown_method_is_told
    an_unknown_command_is_told
    typed_values_come_back_as_they_went
}

async fn a_payload_comes_back_as_it_went(it: Speaker) -> anyhow::Result<()> {
    let all: Vec<u8> = (0..=255).collect();
    let large = all.repeat(1 << 10);
    let content_type = if it.language().is_typed() { "application/octet-stream" } else { "image/x-test" };
    for body in [all, large] {
        let reply = it.ask_as("a", "echo", content_type, body.clone()).await?.expect(200);
        assert_eq!(reply.header("content-type"), content_type);
        assert_eq!(reply.body, body);
    }
    Ok(())
}

async fn an_unknown_method_is_told(it: Speaker) -> anyhow::Result<()> {
    it.ask("a", "no_such_method", "").await?.refused(501, "unimplemented");
    Ok(())
}

async fn an_unknown_command_is_told(it: Speaker) -> anyhow::Result<()> {
    it.attempt("a", "set x y\nno-such-command").await?.refused(400, "invalid-argument");
    assert_eq!(it.one("a", "get x").await?, "none");
    Ok(())
}

async fn typed_values_come_back_as_they_went(it: Speaker) -> anyhow::Result<()> {
    if !it.language().is_typed() {
        return Ok(());
    }
    let order = |pieces: u32| json!({ "item": "grün", "pieces": pieces, "speed": "fast", "note": null });
    let mut noted = order(100);
    noted["note"] = json!("with care");
    for order in [order(1), noted] {
        let reply = it.ask("a", "place", &order.to_string()).await?.expect(200);
        assert_eq!(reply.json::<Value>(), order);
    }
    for (pieces, refusal) in [(0, json!("nothing")), (101, json!({ "too-many": 100 }))] {
        let reply = it.ask("a", "place", &order(pieces).to_string()).await?;
        reply.refused(422, "method-failed");
        assert_eq!(reply.json::<Value>()["error"], refusal);
    }
    assert_eq!(it.ask("a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}
