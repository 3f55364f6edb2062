//! Seeded histories: clients append, send and ask for reminders while the store is slow, refuses
//! commits or does not say whether it took them, and the process crashes; clients with an idempotency
//! key repeat their requests until they are answered. Then every list is checked. The same seed gives
//! the same plan. `GREENROOM_SEED=n` replays one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::StoreError;
use greenroom_core::{IdempotencyKey, Limits, Method};
use greenroom_store::CommitFault;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::scripted::script;
use tokio::task::JoinHandle;

use super::world::{World, actor, call_once, limits, text, toolbox};
use crate::Node;

const SEEDS: u64 = 200;
const STEPS: usize = 120;
const ACTORS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What is known of one word: to which actor's list it belongs, and whether its effect was
/// acknowledged, at the time or in the end.
struct Written {
    actor: &'static str,
    acknowledged: bool,
}

/// The node that clients find, whichever runs at the time.
type Door = Arc<Mutex<Node>>;

/// A client that repeats its request until it is answered, then once more to hear the same. Each time
/// it waits for the answer as long as `patience` says.
async fn repeats<T: PartialEq + std::fmt::Debug>(
    patience: Vec<Duration>,
    mut ask: impl AsyncFnMut() -> crate::Once<T>,
) {
    let mut patience = patience.into_iter();
    let mut answer = None;
    loop {
        let wait = patience.next().unwrap_or(Duration::from_mins(1));
        match tokio::time::timeout(wait, ask()).await {
            Ok(crate::Once { outcome: Ok(given), repeated }) => match answer {
                None => answer = Some(given),
                Some(first) => {
                    assert!(repeated, "an answered request was done once more");
                    assert_eq!(first, given, "a repeat got another answer");
                    return;
                }
            },
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(40)).await,
        }
    }
}

fn keyed_call(door: &Door, id: &'static str, word: &str, patience: Vec<Duration>) -> JoinHandle<()> {
    let (door, word) = (Arc::clone(door), word.to_owned());
    tokio::spawn(repeats(patience, async move || {
        let node = door.lock().clone();
        call_once(&node, id, "append", &word, &word).await
    }))
}

fn keyed_send(
    door: &Door,
    id: &'static str,
    word: &str,
    delay: Duration,
    patience: Vec<Duration>,
) -> JoinHandle<()> {
    let (door, word) = (Arc::clone(door), word.to_owned());
    tokio::spawn(repeats(patience, async move || {
        let node = door.lock().clone();
        let (append, key) = (Method::new("append").unwrap(), IdempotencyKey::new(&word).unwrap());
        node.send_once(&actor(id), append, text(&word), delay, key).await
    }))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_takes_effect_twice() {
    let seeds = match std::env::var("GREENROOM_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("GREENROOM_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(history(seed));
        }));
        assert!(
            checked.is_ok(),
            "seed {seed} fails: GREENROOM_SEED={seed} cargo test -p greenroom-runtime simulation"
        );
    }
}

async fn history(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let limits = Limits {
        sandboxes: random.random_range(2..6),
        idle_timeout: Duration::from_millis(random.random_range(1..2_000)),
        retry_backoff: Duration::from_millis(100),
        delivery_attempts: 1_000,
        ..limits()
    };
    let mut world = World::with(limits, script(toolbox)).await;
    world.store.set_commit_latency(Duration::from_millis(random.random_range(0..20)));
    let mut written: BTreeMap<String, Written> = BTreeMap::new();
    let door: Door = Arc::new(Mutex::new(world.node.clone()));
    let mut clients = Vec::new();
    for step in 0..STEPS {
        let (me, other) = (*ACTORS.choose(&mut random).unwrap(), *ACTORS.choose(&mut random).unwrap());
        let word = format!("w{step:03}");
        let pause = Duration::from_millis(random.random_range(0..60));
        let delay_ms: u64 = random.random_range(0..500);
        match random.random_range(0..100) {
            0..15 => {
                // Answered in the end, whatever happens.
                let patience = (0..4).map(|_| Duration::from_millis(random.random_range(0..60))).collect();
                let client = if random.random_bool(0.6) {
                    keyed_call(&door, me, &word, patience)
                } else {
                    keyed_send(&door, me, &word, Duration::from_millis(delay_ms), patience)
                };
                clients.push(client);
                written.insert(word, Written { actor: me, acknowledged: true });
            }
            15..45 => {
                // In the background, and not always waited for.
                let call = world.calling(me, "append", &word);
                let waited = tokio::time::timeout(pause, call).await;
                let acknowledged = matches!(waited, Ok(Ok(Ok(_))));
                written.insert(word, Written { actor: me, acknowledged });
            }
            45..60 => {
                let acknowledged = world.send(me, "append", &word, delay_ms).await.is_ok();
                written.insert(word, Written { actor: me, acknowledged });
            }
            60..75 => {
                let sent = format!("{delay_ms} {other} append {word}");
                let acknowledged = world.call(me, "send", &sent).await.is_ok();
                written.insert(word, Written { actor: other, acknowledged });
            }
            75..82 => {
                // A reminder's word is its name, with the number of the attempt after it.
                let set = world.call(me, "remind", &format!("{word} {delay_ms} 0 0 who")).await;
                written.insert(word, Written { actor: me, acknowledged: set.is_ok() });
            }
            82..88 => {
                let fault = match random.random_range(0..3) {
                    0 => CommitFault::AppliedBut(StoreError::Unknown("as planned".into())),
                    1 => CommitFault::Refused(StoreError::Unknown("as planned".into())),
                    _ => CommitFault::Refused(StoreError::Unavailable("as planned".into())),
                };
                world.store.plan_next_commits(random.random_range(1..4), fault);
            }
            88..92 => {
                let _ = world.call(me, "append_then_trap", "lost").await;
            }
            92..96 => {
                world.crash().await;
                *door.lock() = world.node.clone();
            }
            _ => {
                let _ = world.node.deactivate(&super::world::actor(me)).await;
            }
        }
        tokio::time::sleep(pause).await;
    }
    world.crash().await;
    *door.lock() = world.node.clone();
    for client in clients {
        client.await.unwrap();
    }
    // Longer than every delay and every wait for another delivery.
    tokio::time::sleep(Duration::from_mins(10)).await;
    check(seed, &world, &written).await;
}

async fn check(seed: u64, world: &World, written: &BTreeMap<String, Written>) {
    let mut seen = BTreeSet::new();
    for actor in ACTORS {
        let list = world.call(actor, "list", "").await.unwrap();
        for word in list.split(' ').filter(|word| !word.is_empty()) {
            let word = word.split('#').next().unwrap();
            assert!(seen.insert(word.to_owned()), "seed {seed}: {word} took effect twice");
            let known = written.get(word).unwrap_or_else(|| panic!("seed {seed}: nobody wrote {word}"));
            assert_eq!(known.actor, actor, "seed {seed}: {word} went astray");
        }
        assert!(
            world.node.mailbox(&super::world::actor(actor)).await.unwrap().is_empty(),
            "seed {seed}: mail is left"
        );
        assert!(world.node.reminders(&super::world::actor(actor)).await.unwrap().is_empty(), "seed {seed}");
    }
    for (word, written) in written {
        let lost = written.acknowledged && !seen.contains(word);
        assert!(!lost, "seed {seed}: {word} was acknowledged by {} and is lost", written.actor);
    }
}
