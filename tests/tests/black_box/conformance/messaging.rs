//! The interface `messaging`: calls and what comes of them, and sends.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::join_all;
use greenroom_tests::eventually::{SOON, eventually};

use super::Speaker;

super::points! {
    a_call_brings_the_reply
    a_failure_of_the_callee_comes_with_its_code
    what_else_a_call_can_bring
    a_full_mailbox_is_told
    sends_arrive_once_and_in_order
    a_send_waits_for_its_delay
    what_a_failed_turn_sent_is_not_sent
}

/// The codes of failures, and the status that a client sees of each.
pub(crate) const CODES: [(&str, u16); 8] = [
    ("invalid-argument", 400),
    ("permission-denied", 403),
    ("not-found", 404),
    ("conflict", 409),
    ("failed-precondition", 412),
    ("resource-exhausted", 429),
    ("internal", 500),
    ("unimplemented", 501),
];

async fn a_call_brings_the_reply(it: Speaker) -> anyhow::Result<()> {
    let to_b = it.run_at("b", "append list grün");
    let results = it.run("a", &format!("set from a\ncall {to_b}\nget from")).await?;
    assert_eq!((results[0].as_str(), results[2].as_str()), ("ok", "value a"));
    assert_eq!(results[1].strip_prefix("reply ").map(|body| it.said(body)).as_deref(), Some("grün"));
    assert_eq!(it.committed_text("b", "list").await?.as_deref(), Some("grün"));

    // The callee's turn commits on its own.
    it.attempt("a", &format!("set lost x\ncall {to_b}\nfail conflict after the call"))
        .await?
        .refused(409, "conflict");
    assert_eq!(it.committed("a", "lost").await?, None);
    assert_eq!(it.committed_text("b", "list").await?.as_deref(), Some("grün,grün"));
    Ok(())
}

async fn a_failure_of_the_callee_comes_with_its_code(it: Speaker) -> anyhow::Result<()> {
    for (code, _) in CODES {
        let result =
            it.one("a", &format!("call {}", it.run_at("b", &format!("fail {code} so it is")))).await?;
        assert_eq!(result, format!("failed {code} so it is"));
    }
    Ok(())
}

async fn what_else_a_call_can_bring(it: Speaker) -> anyhow::Result<()> {
    assert_eq!(it.one("a", "call nobody b run get x").await?, "unknown-actor-type");

    let back = it.run_at("a", "get x");
    let chain = it.called("a", &format!("call {}", it.run_at("b", &format!("call {back}")))).await?;
    let text = chain.strip_prefix("reply deadlock ").unwrap_or_default();
    for name in ["a", "b"] {
        assert!(text.contains(&format!("{}/{}", Speaker::TYPE, it.id(name))), "{chain}");
    }

    let crashed = it.one("a", &format!("call {}", it.run_at("c", "trap"))).await?;
    let expected = if it.language().fault == "internal" { "failed internal " } else { "crashed " };
    assert!(crashed.starts_with(expected), "{crashed}");
    let looped = it.one("a", &format!("call {}", it.run_at("c", "spin"))).await?;
    assert!(looped.starts_with("crashed ") && looped.contains("turn_cpu"), "{looped}");
    assert_eq!(it.called("a", &format!("call {}", it.run_at("c", "get x"))).await?, "reply none");
    Ok(())
}

async fn a_full_mailbox_is_told(it: Speaker) -> anyhow::Result<()> {
    const CAPACITY: usize = 16;
    // The callee is busy for as long as its processor time lasts, and others wait for it.
    eventually("the mailbox is full", SOON, || async {
        let busy = it.attempt("b", "spin");
        let waiting = join_all((0..CAPACITY).map(|_| it.attempt("b", "get x")));
        let called = async {
            let full = || async {
                let length = it.inspect("b").await.ok().and_then(|seen| seen["mailbox_length"].as_u64());
                if length.is_some_and(|length| length as usize >= CAPACITY) { Ok(()) } else { Err(length) }
            };
            eventually("all wait", Duration::from_millis(700), full).await?;
            it.one("a", &format!("call {}", it.run_at("b", "get x"))).await
        };
        match tokio::join!(busy, waiting, called).2 {
            Ok(result) if result == "overloaded" => Ok(()),
            other => Err(other),
        }
    })
    .await
}

async fn sends_arrive_once_and_in_order(it: Speaker) -> anyhow::Result<()> {
    let sends: Vec<String> =
        (0..12).map(|n| format!("send 0 {}", it.run_at("b", &format!("append list {n}")))).collect();
    assert_eq!(it.run("a", &sends.join("\n")).await?, ["ok"; 12]);
    it.run("a", &format!("send 0 {}", it.run_at("b", "append list end"))).await?;
    let list = it.until("b", "list", |list| list.ends_with("end")).await?;
    assert_eq!(list, "0,1,2,3,4,5,6,7,8,9,10,11,end");
    Ok(())
}

async fn a_send_waits_for_its_delay(it: Speaker) -> anyhow::Result<()> {
    let sent = Instant::now();
    let (late, soon) = (it.run_at("b", "append list late"), it.run_at("b", "append list soon"));
    it.run("a", &format!("send 700 {late}\nsend 0 {soon}")).await?;
    assert_eq!(it.until("b", "list", |list| list.contains("late")).await?, "soon,late");
    ensure!(sent.elapsed() >= Duration::from_millis(700), "after {:?}", sent.elapsed());
    Ok(())
}

async fn what_a_failed_turn_sent_is_not_sent(it: Speaker) -> anyhow::Result<()> {
    let lost = it.run_at("b", "append list lost");
    it.attempt("a", &format!("send 0 {lost}\nfail conflict no")).await?.refused(409, "conflict");
    it.attempt("a", &format!("send 0 {lost}\ntrap")).await?.refused(500, it.language().fault);
    it.run("a", &format!("send 0 {}", it.run_at("b", "append list kept"))).await?;
    it.until("b", "list", |list| list.contains("kept")).await?;
    assert_eq!(it.committed_text("b", "list").await?.as_deref(), Some("kept"));
    Ok(())
}
