//! The interfaces `reminders` and `timers`.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Speaker;

super::points! {
    a_reminder_fires_when_it_is_due
    reminders_are_listed_replaced_and_cancelled
    repetitions_are_counted
    nonsense_is_refused_with_the_reason
    a_reminder_wakes_a_dormant_actor
    what_a_failed_turn_set_is_not_set
    timers_fire_and_end_with_the_activation
}

async fn a_reminder_fires_when_it_is_due(it: Speaker) -> anyhow::Result<()> {
    let set = Instant::now();
    let payload = it.body("append list rung");
    assert_eq!(it.one("a", &format!("remind alarm 500 - - run {payload}")).await?, "ok");
    assert_eq!(it.until("a", "list", |_| true).await?, "rung");
    ensure!(set.elapsed() >= Duration::from_millis(500), "after {:?}", set.elapsed());
    assert_eq!(it.one("a", "reminders").await?, "");
    Ok(())
}

async fn reminders_are_listed_replaced_and_cancelled(it: Speaker) -> anyhow::Result<()> {
    let listed = it
        .run("a", "remind one 1000 - - run x\nremind one 3600000 60000 5 increment x\nremind two 7200000 - - run\nreminders")
        .await?;
    let mut reminders: Vec<&str> = listed[3].split("; ").collect();
    reminders.sort_unstable();
    let fields: Vec<Vec<&str>> = reminders.iter().map(|line| line.split(' ').collect()).collect();
    ensure!(fields.len() == 2 && fields.iter().all(|words| words.len() == 6), "{listed:?}");
    for (words, (name, method, delay, rest)) in fields
        .iter()
        .zip([("one", "increment", 3_600_000, ["60000", "5"]), ("two", "run", 7_200_000, ["-", "-"])])
    {
        let due: u64 = words[2].parse()?;
        assert_eq!((words[0], words[1], words[3]), (name, method, delay.to_string().as_str()));
        assert_eq!(words[4..], rest);
        ensure!(due <= delay && due + 60_000 > delay, "{words:?}");
    }
    assert_eq!(it.run("a", "cancel-reminder one\ncancel-reminder one").await?, ["true", "false"]);
    it.deactivate("a").await?;
    let left = it.one("a", "reminders").await?;
    ensure!(left.starts_with("two run "), "{left}");
    Ok(())
}

async fn repetitions_are_counted(it: Speaker) -> anyhow::Result<()> {
    let payload = it.body("append list rung");
    it.run("a", &format!("remind alarm 0 20 3 run {payload}")).await?;
    let list = it.until("a", "list", |list| list.matches("rung").count() == 3).await?;
    assert_eq!((list.as_str(), it.one("a", "reminders").await?.as_str()), ("rung,rung,rung", ""));
    Ok(())
}

/// A zero is not among it: in some languages that is how one says "none".
async fn nonsense_is_refused_with_the_reason(it: Speaker) -> anyhow::Result<()> {
    for command in ["remind", "timer"] {
        for schedule in ["0 5 -", "0 - 5"] {
            let result = it.one("a", &format!("{command} nonsense {schedule} run x")).await?;
            ensure!(result.starts_with("limit ") && result.contains("schedule"), "{schedule}: {result}");
        }
    }
    assert_eq!(it.one("a", "reminders").await?, "");
    Ok(())
}

async fn a_reminder_wakes_a_dormant_actor(it: Speaker) -> anyhow::Result<()> {
    let payload = it.body("append list woken");
    it.run("a", &format!("remind alarm 600 - - run {payload}\nremember me")).await?;
    it.deactivate("a").await?;
    it.until("a", "list", |list| list == "woken").await?;
    assert_eq!(it.one("a", "recall").await?, "value ");
    Ok(())
}

async fn what_a_failed_turn_set_is_not_set(it: Speaker) -> anyhow::Result<()> {
    let payload = it.body("append list rung");
    let both = format!("remind alarm 0 - - run {payload}\ntimer alarm 0 - - run {payload}");
    it.attempt("a", &format!("{both}\nfail conflict no")).await?.refused(409, "conflict");
    let last = it.body("append list last");
    it.run("a", &format!("remind last 300 - - run {last}")).await?;
    assert_eq!(it.until("a", "list", |list| list.contains("last")).await?, "last");
    Ok(())
}

async fn timers_fire_and_end_with_the_activation(it: Speaker) -> anyhow::Result<()> {
    let payload = |word: &str| it.body(&format!("append list {word}"));
    let set = it
        .run(
            "a",
            &format!(
                "timer soon 50 - - run {}\ntimer cancelled 60 - - run {}\ntimer late 6000 - - run {}\ncancel-timer \
                 cancelled\ncancel-timer cancelled",
                payload("soon"),
                payload("cancelled"),
                payload("late")
            ),
        )
        .await?;
    assert_eq!(set, ["ok", "ok", "ok", "true", "false"]);
    it.until("a", "list", |list| list == "soon").await?;
    it.deactivate("a").await?;
    // A reminder set now comes after the moment of the timer that is gone.
    it.run("a", &format!("remind last 6100 - - run {}", payload("last"))).await?;
    assert_eq!(it.until("a", "list", |list| list.contains("last")).await?, "soon,last");
    Ok(())
}
