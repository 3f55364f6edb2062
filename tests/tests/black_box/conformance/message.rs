//! What a guest is told of its message and of itself, and the interfaces `context` and `log`.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

use super::Speaker;

super::points! {
    a_message_says_who_sent_it
    attempts_are_counted
    an_actor_knows_its_address
    time_stands_still_in_a_turn
    chance_differs
    what_it_says_can_be_read
}

async fn a_message_says_who_sent_it(it: Speaker) -> anyhow::Result<()> {
    if it.language().is_typed() {
        // A function is not told; a guest that is asked says so.
        it.attempt("a", "message").await?.refused(501, "unimplemented");
        return Ok(());
    }
    let fields = |line: &str| line.splitn(5, ' ').map(str::to_owned).collect::<Vec<_>>();
    let from_client = fields(&it.one("a", "message").await?);
    assert_eq!(from_client[1..], ["run", "1", "text/plain", "client"]);
    let again = fields(&it.one("a", "message").await?);
    ensure!(!from_client[0].is_empty() && from_client[0] != again[0], "{from_client:?} {again:?}");

    let me = format!("actor {} {}", Speaker::TYPE, it.id("a"));
    let called = it.called("a", &format!("call {}", it.run_at("b", "message"))).await?;
    assert_eq!(fields(called.trim_start_matches("reply "))[1..], ["run", "1", "text/plain", me.as_str()]);
    it.run("a", &format!("send 0 {}", it.run_at("b", "message sent"))).await?;
    assert_eq!(fields(&it.until("b", "sent", |_| true).await?)[1..], ["run", "1", "text/plain", me.as_str()]);

    it.run("a", "remind alarm 0 - - run message reminded\ntimer clock 0 - - run message timed").await?;
    for (key, origin) in [("reminded", "reminder alarm"), ("timed", "timer clock")] {
        let seen = it.until("a", key, |_| true).await?;
        assert_eq!(fields(&seen)[1..], ["run", "1", "text/plain", origin], "{seen}");
    }
    Ok(())
}

async fn attempts_are_counted(it: Speaker) -> anyhow::Result<()> {
    if it.language().is_typed() {
        it.attempt("a", "fail-until 2").await?.refused(501, "unimplemented");
        return Ok(());
    }
    let reply = it
        .tell("a", "append list tried\nfail-until 3\nmessage seen\nappend list done", None)
        .await?
        .expect(202);
    let told: serde_json::Value = reply.json();
    let seen = it.until("a", "seen", |_| true).await?;
    let words: Vec<&str> = seen.split(' ').collect();
    assert_eq!((Some(words[0]), words[2]), (told["message_id"].as_str(), "3"));
    assert_eq!(
        it.committed_text("a", "list").await?.as_deref(),
        Some("tried,done"),
        "failed attempts leave no trace"
    );
    Ok(())
}

async fn an_actor_knows_its_address(it: Speaker) -> anyhow::Result<()> {
    for name in ["a", "b"] {
        assert_eq!(it.one(name, "me").await?, format!("{} {}", Speaker::TYPE, it.id(name)));
    }
    Ok(())
}

async fn time_stands_still_in_a_turn(it: Speaker) -> anyhow::Result<()> {
    let other = it.run_at("b", "now");
    let seen = it.run("a", &format!("now\ncall {other}\nfill work 1000000\nnow")).await?;
    assert_eq!(seen[0], seen[3]);
    let now: u128 = seen[0].parse().with_context(|| seen[0].clone())?;
    let here = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    ensure!(now <= here && now + 60_000 > here, "{now} and {here}");
    Ok(())
}

async fn chance_differs(it: Speaker) -> anyhow::Result<()> {
    let mut drawn = it.run("a", "random 32\nrandom 32\nrandom 4096\nrandom 0").await?;
    drawn.push(it.one("b", "random 32").await?);
    let lengths: Vec<usize> = drawn.iter().map(String::len).collect();
    assert_eq!(lengths, [64, 64, 8_192, 0, 64]);
    ensure!(drawn[0] != drawn[1] && drawn[0] != drawn[4] && drawn[1] != drawn[4], "{drawn:?}");
    Ok(())
}

async fn what_it_says_can_be_read(it: Speaker) -> anyhow::Result<()> {
    let (language, id) = (it.language().key, it.id("a"));
    let script = "log error an error of NAME\nlog warn a warning of NAME\nlog info a word of NAME\nprint a line of NAME";
    assert_eq!(it.run("a", &script.replace("NAME", language)).await?, ["ok"; 4]);
    for (said, level) in
        [("an error", "ERROR"), ("a warning", "WARN"), ("a word", "INFO"), ("a line", "INFO")]
    {
        let said = format!("{said} of {language}");
        let line = it.logged(&said).await?;
        ensure!(line.contains(&id) && line.contains(Speaker::TYPE), "{line}");
        ensure!(line.contains(level), "{line}");
    }
    Ok(())
}
