//! P4: sent messages take effect exactly once, in order, and a poisonous one holds back nobody
//! but its own sender.

use std::time::Duration;

use greenroom_core::store::{MailKey, StoreError};
use greenroom_core::{Code, Limits, MessageId, Timestamp};
use greenroom_store::CommitFault;

use super::scripted::script;
use super::world::{World, actor, answer, host, limits, text, toolbox};
use crate::WaitingMessage;

#[tokio::test(start_paused = true)]
async fn a_sent_message_arrives_once_and_in_order() {
    let world = World::start().await;
    for n in 0..20 {
        world.call("a", "append_and_send", &format!("{n} b append {n}")).await.unwrap();
    }
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    world.until_list("b", &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(world.node.mailbox(&actor("b")).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_sends_nothing() {
    let world = World::start().await;
    world.call("a", "append_and_send", "x b append seen").await.unwrap();
    world.until_list("b", &["seen"]).await;
    let failing = super::world::text("y nowhere append lost");
    let method = greenroom_core::Method::new("append_and_send").unwrap();
    world.engine.add(
        "fails after sending",
        script(|scene| async move {
            let answer = toolbox(scene.clone()).await;
            if scene.message.method.as_str() == "append_and_send" {
                super::world::fails("after all")
            } else {
                answer
            }
        }),
    );
    world.node.deploy(&actor("a").actor_type, "fails after sending".into()).await.unwrap();
    assert!(world.node.call(&actor("a"), method, failing).await.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.node.inspect(&actor("nowhere")).await.unwrap_err().code, Code::UnknownActor);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_crash_takes_effect_once_after_it() {
    let mut world = World::start().await;
    world.send("a", "append", "durable", 0).await.unwrap();
    world.send("a", "append", "delayed", 60_000).await.unwrap();
    world.crash().await;
    world.until_list("a", &["durable"]).await;
    world.crash().await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    world.until_list("a", &["durable", "delayed"]).await;
    world.crash().await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    world.until_list("a", &["durable", "delayed"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_which_the_store_did_not_say_that_it_has_it_is_delivered_if_it_has() {
    let world = World::start().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.store.plan_next_commits(1, CommitFault::AppliedBut(StoreError::Unknown("as planned".into())));
    assert_eq!(world.send("a", "append", "x", 0).await.unwrap_err().code, Code::OutcomeUnknown);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_waits_its_time_and_holds_nothing_up() {
    let world = World::start().await;
    world.call("a", "send", "1000 b append later").await.unwrap();
    world.call("a", "send", "0 b append now").await.unwrap();
    world.until_list("b", &["now"]).await;
    assert_eq!(world.node.mailbox(&actor("b")).await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(world.call("b", "list", "").await.unwrap(), "now");
    world.until_list("b", &["now", "later"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_message_holds_back_only_its_own_sender_and_then_dies() {
    let limits = Limits { delivery_attempts: 3, retry_backoff: Duration::from_secs(1), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    world.call("a", "send", "0 b poison x").await.unwrap();
    world.call("a", "send", "0 b append after-poison").await.unwrap();
    world.call("c", "send", "0 b append from-c").await.unwrap();
    world.send("b", "append", "from-outside", 0).await.unwrap();
    world.until_list("b", &["from-c", "from-outside"]).await;
    let waiting = world.node.mailbox(&actor("b")).await.unwrap();
    assert_eq!(waiting.iter().map(|message| message.attempt).collect::<Vec<_>>(), [2, 1]);
    world.until_list("b", &["from-c", "from-outside", "after-poison"]).await;
    assert!(world.node.mailbox(&actor("b")).await.unwrap().is_empty());
    let dead = world.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].attempts, 3);
    assert!(dead[0].error.contains("poison x"), "{}", dead[0].error);
}

#[tokio::test(start_paused = true)]
async fn a_retried_message_keeps_its_id_and_counts_its_attempts_across_a_crash() {
    let limits = Limits { retry_backoff: Duration::from_secs(10), ..limits() };
    let mut world = World::with(limits, script(toolbox)).await;
    world.send("b", "poison", "x", 0).await.unwrap();
    let id = world.node.mailbox(&actor("b")).await.unwrap()[0].id;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.crash().await;
    let waiting = world.node.mailbox(&actor("b")).await.unwrap();
    assert_eq!((waiting[0].id, waiting[0].attempt), (id, 2));
    assert!(waiting[0].due_in.is_some());
}

#[tokio::test(start_paused = true)]
async fn many_messages_to_one_actor_all_arrive() {
    let world = World::with(Limits { mailbox_capacity: 500, ..limits() }, script(toolbox)).await;
    let mut expected = Vec::new();
    for n in 0..300 {
        expected.push(n.to_string());
        world.call("a", "send", &format!("0 b append {n}")).await.unwrap();
    }
    world.until_list("b", &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(start_paused = true)]
async fn a_durable_mailbox_is_bounded_too() {
    let world = World::with(Limits { mailbox_capacity: 5, ..limits() }, script(toolbox)).await;
    for n in 0..5 {
        world.send("b", "append", &n.to_string(), 60_000).await.unwrap();
    }
    assert_eq!(world.send("b", "append", "5", 60_000).await.unwrap_err().code, Code::MailboxFull);
    let error = world.call("a", "send", "0 b append 6").await.unwrap_err();
    assert!(error.detail.contains("mailbox_capacity"), "{error}");
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.until_list("b", &["0", "1", "2", "3", "4"]).await;
    world.send("b", "append", "7", 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_durable_mailbox_is_as_full_after_a_crash_as_before() {
    let mut world = World::with(Limits { mailbox_capacity: 5, ..limits() }, script(toolbox)).await;
    for n in 0..5 {
        world.send("b", "append", &n.to_string(), 60_000).await.unwrap();
    }
    for _ in 0..2 {
        world.crash().await;
        assert_eq!(world.send("b", "append", "5", 0).await.unwrap_err().code, Code::MailboxFull);
        let error = world.call("a", "send", "0 b append 6").await.unwrap_err();
        assert!(error.detail.contains("mailbox_capacity"), "{error}");
        world.send("c", "append", "x", 60_000).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.until_list("b", &["0", "1", "2", "3", "4"]).await;
    world.until_list("c", &["x", "x"]).await;
    for n in 5..10 {
        world.send("b", "append", &n.to_string(), 60_000).await.unwrap();
    }
    assert_eq!(world.send("b", "append", "x", 0).await.unwrap_err().code, Code::MailboxFull);
}

#[tokio::test(start_paused = true)]
async fn nobody_fills_a_mailbox_for_years() {
    const DAY_MS: u64 = 24 * 3_600_000;
    let world = World::with(Limits { mailbox_capacity: 5, ..limits() }, script(toolbox)).await;
    for delay_ms in [367 * DAY_MS, u64::MAX] {
        let refused = world.send("b", "append", "x", delay_ms).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest);
        assert!(refused.detail.contains("366 days"), "{refused}");
        let refused = world.call("a", "send", &format!("{delay_ms} b append x")).await.unwrap_err();
        assert!(refused.detail.contains("366 days"), "{refused}");
        for what in ["remind", "time"] {
            let refused = world.call("a", what, &format!("n {delay_ms} 0 0 who")).await.unwrap();
            assert!(refused.contains("366 days"), "{what}: {refused}");
            let refused = world.call("a", what, &format!("n 0 {delay_ms} 0 who")).await.unwrap();
            assert!(refused.contains("366 days"), "{what}: {refused}");
        }
    }
    for _ in 0..3 {
        world.call("a", "send", &format!("{} b append x", 365 * DAY_MS)).await.unwrap();
    }
    let refused = world.call("a", "send", "60001 b append x").await.unwrap_err();
    assert!(refused.detail.contains("half of its mailbox"), "{refused}");
    assert_eq!(world.send("b", "append", "x", 60_001).await.unwrap_err().code, Code::MailboxFull);
    for n in 0..3 {
        world.send("b", "append", &n.to_string(), 0).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    world.until_list("b", &["0", "1", "2"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_receiver_learns_who_sent_it() {
    let world = World::start().await;
    world.call("a", "send", "0 b who").await.unwrap();
    world.until_list("b", &["t/a#1"]).await;
    world.call("b", "who", "").await.unwrap();
    world.until_list("b", &["t/a#1", "client#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_that_waits_for_another_delivery_holds_back_what_its_sender_sent_later() {
    let limits = Limits { delivery_attempts: 3, retry_backoff: Duration::from_secs(10), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    world.call("a", "send", "1000 b poison x").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.node.mailbox(&actor("b")).await.unwrap()[0].attempt, 2);
    world.call("a", "send", "0 b append later").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.call("b", "list", "").await.unwrap(), "");
    world.until_list("b", &["later"]).await;
    assert_eq!(world.dead_letters().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_has_its_turn_however_many_come_after_it() {
    let world = World::start().await;
    world.send("b", "append", "delayed", 1_000).await.unwrap();
    world.send("b", "append_after", "2000 first", 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for n in 0..100 {
        world.send("b", "append", &n.to_string(), 0).await.unwrap();
    }
    let mut list = String::new();
    while list.split(' ').count() < 102 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        list = world.call("b", "list", "").await.unwrap();
    }
    assert!(list.starts_with("first delayed 0 1 2"), "{list}");
}

#[tokio::test(start_paused = true)]
async fn one_turn_can_not_send_more_to_one_actor_than_its_mailbox_holds() {
    let script = script(|scene| async move {
        if scene.message.method.as_str() == "flood" {
            let to = || greenroom_core::sandbox::RawAddress { actor_type: "t".into(), id: "b".into() };
            let mut sent = 0;
            while host(scene.host.send(to(), "append".into(), text("x"), 60_000).await)?.is_ok() {
                sent += 1;
            }
            return answer(sent.to_string());
        }
        toolbox(scene).await
    });
    let world = World::with(Limits { mailbox_capacity: 5, ..limits() }, script).await;
    world.send("b", "append", "x", 60_000).await.unwrap();
    assert_eq!(world.call("a", "flood", "").await.unwrap(), "4");
    assert_eq!(world.node.mailbox(&actor("b")).await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_very_many_actors_is_not_counted_for_each() {
    let world = World::with(Limits { mailbox_capacity: 3, ..limits() }, script(toolbox)).await;
    for _ in 0..3 {
        world.send("full", "append", "x", 60_000).await.unwrap();
    }
    for number in 0..150_000 {
        let key = MailKey { due_at: Timestamp::EPOCH, id: MessageId::from_bytes([0; 16]) };
        world.node.dispatch.backlogs.sent(&actor(&number.to_string()), key);
    }
    assert!(world.node.dispatch.backlogs.len() <= 100_000);
    assert_eq!(world.send("full", "append", "x", 60_000).await.unwrap_err().code, Code::MailboxFull);
}

/// The ids of what waits for that actor, and of each the attempt and the last error.
async fn waiting(world: &World, id: &str) -> Vec<(MessageId, u32, Option<String>)> {
    let waiting = world.node.mailbox(&actor(id)).await.unwrap();
    let told = |message: &WaitingMessage| message.last_error.as_deref().map(str::to_owned);
    waiting.iter().map(|message| (message.id, message.attempt, told(message))).collect()
}

#[tokio::test(start_paused = true)]
async fn one_message_that_waits_can_be_removed_or_delivered_at_once() {
    let world = World::start().await;
    // Fails until there is a list no more.
    world.call("a", "append", "there").await.unwrap();
    world.send("a", "append_unless_there", "again", 0).await.unwrap();
    world.send("a", "poison", "bad", 0).await.unwrap();
    world.send("a", "append", "later", 3_600_000).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let seen = waiting(&world, "a").await;
    let [(again, attempt, Some(error)), (poison, ..), (later, 1, None)] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert!(*attempt > 1 && error.contains("conflict"), "{seen:?}");

    let to = actor("a");
    assert!(world.node.cancel_message(&to, *poison).await.unwrap());
    assert!(!world.node.cancel_message(&to, *poison).await.unwrap(), "it is gone");
    assert!(!world.node.retry_message(&to, *later).await.unwrap(), "it has not failed");
    assert_eq!(waiting(&world, "a").await.len(), 2);

    world.node.repair_state(&to, "list".to_owned(), None).await.unwrap();
    assert!(world.node.retry_message(&to, *again).await.unwrap());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "again");
    assert_eq!(waiting(&world, "a").await.len(), 1);
    assert!(world.node.cancel_message(&to, *later).await.unwrap());
    assert!(world.dead_letters().await.is_empty());
}
