//! Dead letters: listed, delivered again exactly once, removed; and bounded without losing any.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::StoreError;
use greenroom_core::{ActorType, Code, Limits, MessageId, Origin};
use greenroom_store::{CommitFault, Encounter, Operation};

use super::scripted::script;
use super::world::{World, actor, limits, toolbox};
use crate::DeadLetterQuery;

/// Messages die at their second failure. Those of the method `once_healed` do so until their actor's
/// list has the word `healed`.
async fn mortal(limits: Limits) -> World {
    let limits = Limits { delivery_attempts: 2, retry_backoff: Duration::from_millis(100), ..limits };
    let sick = script(|mut scene| async move {
        if scene.message.method.as_str() == "once_healed" {
            let list = super::world::host(scene.host.state_get("list".into()).await)?.unwrap_or_default();
            let healed = list.windows(6).any(|word| word == b"healed");
            let method = if healed { "who" } else { "poison" };
            scene.message.method = greenroom_core::Method::new(method).unwrap();
        }
        toolbox(scene).await
    });
    World::with(limits, sick).await
}

async fn the_only_letter(world: &World) -> MessageId {
    for _ in 0..200 {
        if let [letter] = &world.dead_letters().await[..] {
            return letter.id;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are {} dead letters", world.dead_letters().await.len());
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_which_the_store_does_not_say_that_it_went_back_is_delivered() {
    let world = mortal(limits()).await;
    world.send("a", "once_healed", "", 0).await.unwrap();
    let letter = the_only_letter(&world).await;
    world.call("a", "append", "healed").await.unwrap();
    world.store.set_encounters(Arc::new(|operation| Encounter {
        fault: (operation == Operation::Change)
            .then(|| CommitFault::AppliedBut(StoreError::Unknown("as planned".into()))),
        ..Encounter::default()
    }));
    let retried = world.node.retry_dead_letter(letter).await;
    assert_eq!(retried.unwrap_err().code, Code::OutcomeUnknown);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "healed client#1");
}

#[tokio::test(start_paused = true)]
async fn a_retried_letter_is_delivered_as_if_for_the_first_time() {
    let mut world = mortal(limits()).await;
    world.call("a", "send", "0 b once_healed").await.unwrap();
    let id = the_only_letter(&world).await;
    let letter = world.node.dead_letter(id).await.unwrap();
    assert_eq!((letter.to.clone(), letter.message.attempt), (actor("b"), 2));
    assert_eq!(letter.message.origin, Origin::Actor(actor("a")));

    // It dies again, and is one letter again, with its attempts counted anew.
    world.node.retry_dead_letter(id).await.unwrap();
    assert_eq!(world.node.retry_dead_letter(id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(the_only_letter(&world).await, id);
    assert_eq!(world.dead_letters().await[0].attempts, 2);

    world.crash().await;
    world.call("b", "append", "healed").await.unwrap();
    world.node.retry_dead_letter(id).await.unwrap();
    world.until_list("b", &["healed", "t/a#1"]).await;
    assert!(world.dead_letters().await.is_empty());
    assert!(world.node.mailbox(&actor("b")).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_back_once_however_many_ask_at_once() {
    let world = mortal(limits()).await;
    world.send("b", "once_healed", "", 0).await.unwrap();
    let id = the_only_letter(&world).await;
    world.call("b", "append", "healed").await.unwrap();
    let retries: Vec<_> = (0..10)
        .map(|_| {
            let node = world.node.clone();
            tokio::spawn(async move { node.retry_dead_letter(id).await })
        })
        .collect();
    let mut done = 0;
    for retry in retries {
        match retry.await.unwrap() {
            Ok(()) => done += 1,
            Err(error) => assert_eq!(error.code, Code::NotFound),
        }
    }
    assert_eq!(done, 1);
    world.until_list("b", &["healed", "client#1"]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.call("b", "list", "").await.unwrap(), "healed client#1");
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_retried_before_its_actor_knows_of_its_death_is_delivered() {
    let world = mortal(limits()).await;
    world.store.set_commit_latency(Duration::from_millis(300));
    world.send("b", "once_healed", "", 0).await.unwrap();
    for _ in 0..5 {
        let id = the_only_letter(&world).await;
        world.node.retry_dead_letter(id).await.unwrap();
    }
    let id = the_only_letter(&world).await;
    world.call("b", "append", "healed").await.unwrap();
    world.node.retry_dead_letter(id).await.unwrap();
    world.until_list("b", &["healed", "client#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_letter_put_back_before_a_crash_is_delivered_after_it() {
    let mut world = mortal(limits()).await;
    world.send("b", "once_healed", "", 0).await.unwrap();
    let id = the_only_letter(&world).await;
    world.call("b", "append", "healed").await.unwrap();
    let node = world.node.clone();
    let held = world.store.hold_commits();
    let retrying = tokio::spawn(async move { node.retry_dead_letter(id).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.crash().await;
    held.release();
    let _ = retrying.await.unwrap();
    world.until_list("b", &["healed", "client#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_reminders_firing_that_died_can_be_retried() {
    let world = mortal(limits()).await;
    world.call("a", "remind", "alarm 1000 0 0 once_healed").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = the_only_letter(&world).await;
    assert_eq!(world.dead_letters().await[0].origin, Origin::Reminder("alarm".into()));
    world.call("a", "append", "healed").await.unwrap();
    world.node.retry_dead_letter(id).await.unwrap();
    world.until_list("a", &["healed", "alarm#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn letters_are_listed_by_type_and_page_and_can_be_removed() {
    let world = mortal(limits()).await;
    for _ in 0..3 {
        world.send("b", "poison", "x", 0).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let all = world.dead_letters().await;
    assert_eq!(all.len(), 3);
    let query = DeadLetterQuery { actor_type: Some(actor("b").actor_type), after: Some(all[0].id), limit: 1 };
    assert_eq!(world.node.dead_letters(&query).await.unwrap(), [all[1].clone()]);
    let other = DeadLetterQuery { actor_type: Some(ActorType::new("other").unwrap()), ..query };
    assert!(world.node.dead_letters(&other).await.unwrap().is_empty());
    world.node.remove_dead_letter(all[0].id).await.unwrap();
    assert_eq!(world.node.remove_dead_letter(all[0].id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(world.node.dead_letter(all[0].id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(
        world.node.undeploy(&actor("b").actor_type, false).await.unwrap_err().code,
        Code::ActorTypeInUse
    );
    world.node.delete(&actor("b")).await.unwrap();
    assert!(world.dead_letters().await.is_empty());
    world.node.undeploy(&actor("b").actor_type, false).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_takes_no_letter_back() {
    let world = mortal(Limits { mailbox_capacity: 2, ..limits() }).await;
    world.send("b", "once_healed", "", 0).await.unwrap();
    let id = the_only_letter(&world).await;
    for _ in 0..2 {
        world.send("b", "append", "later", 60_000).await.unwrap();
    }
    assert_eq!(world.node.retry_dead_letter(id).await.unwrap_err().code, Code::MailboxFull);
    assert_eq!(the_only_letter(&world).await, id);
}

#[tokio::test(start_paused = true)]
async fn when_no_more_letters_fit_a_message_is_tried_on_and_nothing_is_lost() {
    let world =
        mortal(Limits { dead_letters_per_actor: 2, retry_backoff_max: Duration::from_secs(1), ..limits() })
            .await;
    for _ in 0..4 {
        world.send("b", "poison", "x", 0).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 2);
    let waiting = world.node.mailbox(&actor("b")).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert!(waiting.iter().all(|message| message.attempt > 10), "{waiting:?}");
    world.node.remove_dead_letter(letters[0].id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.dead_letters().await.len(), 2);
    assert_eq!(world.node.mailbox(&actor("b")).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_death_that_was_not_committed_is_none() {
    let world = mortal(limits()).await;
    world.send("b", "poison", "x", 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refused = greenroom_core::store::StoreError::Unavailable("as planned".into());
    world.store.plan_next_commits(2, CommitFault::Refused(refused));
    let id = the_only_letter(&world).await;
    assert_eq!(world.node.dead_letter(id).await.unwrap().message.attempt, 2);
    assert!(world.node.mailbox(&actor("b")).await.unwrap().is_empty());
}
