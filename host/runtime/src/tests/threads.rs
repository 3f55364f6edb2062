//! Real threads and real time: clients on several threads meet actors that leave memory a millisecond after
//! their last message and make room for each other all the time, and in the end a node that stops. The other
//! tests run on one thread, and so never see two do something at the same instant.
//!
//! Some turns compute for long, and so go on on threads of their own.
//!
//! Broken on purpose, they notice an activation that retires without closing its mailbox, and a life that is
//! not driven again for those who came while it was.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use greenroom_core::{Code, Error, Limits, Method};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Barrier;

use super::scripted::script;
use super::world::{World, actor, limits, text, toolbox};
use crate::Node;

const ACTORS: usize = 16;
/// Few enough that two places for each, and some for what was sent, are mostly there.
const CLIENTS: u64 = 4;
const PLACES: usize = 10;
/// What each client does before the node is stopped under it.
const ACTS: usize = 1_500;
/// Nodes that come and go.
const ROUNDS: u64 = 20;
/// How often two call at the same instant, and how much earlier one may be, in steps of a spinning processor.
const MEETINGS: usize = 50_000;
const EARLIER: u32 = 100;
/// Far more than all of it takes: something waits for ever.
const HANGS: Duration = Duration::from_mins(1);

/// What a client knows to have happened.
#[derive(Default)]
struct Told {
    /// The list of an actor as a reply had it.
    lists: Vec<(usize, String)>,
    /// Words that must be in an actor's list.
    kept: Vec<(usize, String)>,
    /// Words that may be there.
    doubtful: HashSet<(usize, String)>,
}

fn id(number: usize) -> String {
    format!("a{number}")
}

/// Nothing of these has happened.
fn is_refusal(error: &Error) -> bool {
    matches!(error.code, Code::Overloaded | Code::MailboxFull | Code::Draining)
}

/// Asks this and that, notes when it has done its part, and goes on until the node has stopped.
async fn client(node: Node, number: u64, at_work: Arc<AtomicU64>, has_stopped: Arc<AtomicBool>) -> Told {
    let mut chance = StdRng::seed_from_u64(number);
    let mut told = Told::default();
    for act in 0.. {
        if act == ACTS {
            at_work.fetch_sub(1, Ordering::Relaxed);
        }
        if act >= ACTS && has_stopped.load(Ordering::Relaxed) {
            break;
        }
        let (to, other) = (chance.random_range(0..ACTORS), chance.random_range(0..ACTORS));
        let word = format!("{number}.{act}");
        let (method, body) = match chance.random_range(0..6) {
            0 | 1 => ("append", word.clone()),
            5 => ("compute_and_append", word.clone()),
            2 => ("append_and_send", format!("{word} {} append sent-{word}", id(other))),
            3 => ("call", format!("{} append {word}", id(other))),
            _ => ("list", String::new()),
        };
        let reply = node.call(&actor(&id(to)), Method::new(method).unwrap(), text(&body)).await;
        let reply = reply.map(|reply| String::from_utf8(reply.body.to_vec()).unwrap());
        match (method, reply) {
            (_, Err(error)) => assert!(is_refusal(&error), "{method}: {error}"),
            ("list", Ok(list)) => told.lists.push((to, list)),
            ("append" | "compute_and_append", Ok(list)) => {
                told.kept.push((to, word));
                told.lists.push((to, list));
            }
            ("append_and_send", Ok(_)) => {
                told.kept.push((other, format!("sent-{word}")));
                told.kept.push((to, word));
            }
            ("call", Ok(list)) if list.split(' ').any(|listed| listed == word) => {
                told.kept.push((other, word));
                told.lists.push((other, list));
            }
            // The callee's error, as a text. After this one the word is there or not.
            ("call", Ok(error)) if error == "Timeout" => {
                told.doubtful.insert((other, word));
            }
            (_, Ok(error)) => {
                let is_refused = error.starts_with("Deadlock") || error.starts_with("Unavailable");
                assert!(is_refused, "{error}");
            }
        }
        tokio::task::yield_now().await;
    }
    told
}

#[test]
fn nothing_is_lost_doubled_or_stuck_among_threads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        for round in 0..ROUNDS {
            let met = tokio::time::timeout(HANGS, clients_meet_actors(round)).await;
            assert!(met.is_ok(), "somebody waits for ever");
        }
    });
}

/// Nobody comes after the two who could rouse the actor for them, and no timer does.
#[test]
fn two_who_come_at_the_same_instant_are_both_answered() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    runtime.block_on(async {
        let world = World::start().await;
        let together = Arc::new(Barrier::new(2));
        let callers = (0..2).map(|number| {
            tokio::spawn(tokio::time::timeout(
                HANGS,
                caller(world.node.clone(), number, Arc::clone(&together)),
            ))
        });
        for caller in callers.collect::<Vec<_>>() {
            assert!(caller.await.unwrap().is_ok(), "an actor sleeps with something in its mailbox");
        }
    });
}

/// Calls again and again, each time a little earlier or later than the other.
async fn caller(node: Node, number: u64, together: Arc<Barrier>) {
    let mut chance = StdRng::seed_from_u64(number);
    for _ in 0..MEETINGS {
        together.wait().await;
        for _ in 0..chance.random_range(0..EARLIER) {
            std::hint::spin_loop();
        }
        node.call(&actor("a"), Method::new("count").unwrap(), text("")).await.unwrap();
    }
}

async fn clients_meet_actors(round: u64) {
    let limits =
        Limits { idle_timeout: Duration::from_millis(1), sandboxes: PLACES, activations: PLACES, ..limits() };
    let mut world = World::with(limits, script(toolbox)).await;
    let (at_work, has_stopped) = (Arc::new(AtomicU64::new(CLIENTS)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (round * CLIENTS..(round + 1) * CLIENTS)
        .map(|number| {
            let asks = client(world.node.clone(), number, Arc::clone(&at_work), Arc::clone(&has_stopped));
            tokio::spawn(asks)
        })
        .collect();
    while at_work.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.node.drain().await;
    has_stopped.store(true, Ordering::Relaxed);
    let mut told = Told::default();
    for client in clients {
        let Told { lists, kept, doubtful } = client.await.unwrap();
        told.lists.extend(lists);
        told.kept.extend(kept);
        told.doubtful.extend(doubtful);
    }
    assert_eq!(world.node.active_actors(), 0);
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 0);
    assert!(world.engine.counts.made.load(Ordering::Relaxed) > ACTORS, "no actor ever left memory");

    // What was sent at the last moment is delivered by the next process.
    world.crash().await;
    for number in 0..ACTORS {
        let mut kept: Vec<&str> =
            told.kept.iter().filter(|kept| kept.0 == number).map(|kept| &*kept.1).collect();
        kept.sort_unstable();
        let list = loop {
            let list = world.node.state_value(&actor(&id(number)), "list").await.unwrap().unwrap_or_default();
            let list = String::from_utf8(list.to_vec()).unwrap();
            let is_certain = |word: &&str| !told.doubtful.contains(&(number, (*word).to_owned()));
            let mut words: Vec<&str> = list.split(' ').filter(is_certain).collect();
            words.sort_unstable();
            if words == kept {
                break list;
            }
            let missing = kept.iter().filter(|word| words.binary_search(word).is_err()).count();
            assert!(missing > 0, "{}: one is there twice, or nobody asked for it: {list}", id(number));
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        for (_, seen) in told.lists.iter().filter(|seen| seen.0 == number) {
            assert!(list.starts_with(&**seen), "{}: {seen} was seen, and then {list}", id(number));
        }
    }
}

/// Its next delivery is due while the committer, which has told the scheduler so, still opens gates.
#[test]
fn a_message_that_failed_is_delivered_again_however_soon_it_is_due() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    runtime.block_on(async {
        let soon = Duration::from_millis(1);
        let limits =
            Limits { retry_backoff: soon, retry_backoff_max: soon, delivery_attempts: 2, ..limits() };
        let world = World::with(limits, script(toolbox)).await;
        world.send("b", "poison", "x", 100).await.unwrap();
        let held = world.store.hold_commits();
        let first = world.calling("first", "append", "x");
        held.arrived().await;
        // In the batch after it are two turns, whose callers' threads get the scheduler, then one whose caller takes
        // long to hear of it, and then the failed delivery.
        let others = ["other", "another"].map(|id| world.calling(id, "append", "x"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut dawdler = std::pin::pin!(world.call("dawdler", "append", "x"));
        let waker = Waker::from(Arc::new(Dawdler));
        assert!(dawdler.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.release();
        first.await.unwrap().unwrap();
        for other in others {
            other.await.unwrap().unwrap();
        }
        let died = async {
            while world.dead_letters().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let died = tokio::time::timeout(Duration::from_secs(10), died).await;
        assert!(died.is_ok(), "nobody delivers {:?}", world.node.mailbox(&actor("b")).await.unwrap());
        dawdler.await.unwrap();
    });
}

/// A task whose waking takes its time.
struct Dawdler;

impl Wake for Dawdler {
    fn wake(self: Arc<Self>) {
        std::thread::sleep(Duration::from_millis(300));
    }
}
