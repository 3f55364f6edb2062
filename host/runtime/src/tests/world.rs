//! A node over a model store, a scripted engine and a simulated clock, for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use greenroom_core::sandbox::LogLevel;
use greenroom_core::sandbox::RawAddress;
use greenroom_core::store::DeadLetterSummary;
use greenroom_core::{
    ActorType, Address, Clock, Error, ErrorCode, Failure, IdempotencyKey, Limits, MessageId, Method, Payload,
    Timeline, Timestamp,
};
use greenroom_store::ModelStore;
use tokio::time::Instant;

use super::scripted::{Answer, Scene, Script, ScriptedEngine, script};
use crate::{Config, DeadLetterQuery, Node, Once, Parts};

/// A machine whose monotonic clock is tokio's (paused) one, and whose wall clock can be set by hand.
pub(crate) struct Machine {
    started: Instant,
    shift_ms: AtomicI64,
}

/// A day in 2033.
const STARTED_MS: u64 = 2_000_000_000_000;

impl Machine {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Machine { started: Instant::now(), shift_ms: AtomicI64::new(0) })
    }

    /// Sets the wall clock forward or back.
    pub(crate) fn shift(&self, ms: i64) {
        self.shift_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn wall(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis() as u64;
        Timestamp::from_unix_ms(
            (STARTED_MS + elapsed).saturating_add_signed(self.shift_ms.load(Ordering::Relaxed)),
        )
    }
}

/// The clock of one process on such a machine: another process has its own.
pub(crate) struct SimulatedClock {
    machine: Arc<Machine>,
    timeline: Timeline,
    began: Instant,
}

impl SimulatedClock {
    pub(crate) fn of(machine: &Arc<Machine>) -> Arc<Self> {
        let (machine, timeline) = (Arc::clone(machine), Timeline::default());
        Arc::new(SimulatedClock { machine, timeline, began: Instant::now() })
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.timeline.now(self.wall(), self.began.elapsed())
    }

    fn wall(&self) -> Timestamp {
        self.machine.wall()
    }

    fn not_before(&self, at: Timestamp) {
        self.timeline.not_before(at, self.began.elapsed());
    }
}

/// See the [module](self).
pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) store: ModelStore,
    pub(crate) engine: ScriptedEngine,
    pub(crate) machine: Arc<Machine>,
    pub(crate) limits: Limits,
}

pub(crate) fn limits() -> Limits {
    Limits { idle_timeout: Duration::from_hours(1), ..Limits::default() }
}

impl World {
    /// With `toolbox` deployed as the actor type `t`.
    pub(crate) async fn start() -> World {
        Self::with(limits(), script(toolbox)).await
    }

    pub(crate) async fn with(limits: Limits, script: Script) -> World {
        let (store, engine, machine) = (ModelStore::new(), ScriptedEngine::default(), Machine::new());
        let component = engine.add("first", script);
        let node = start_node(&store, &engine, &machine, &limits).await;
        node.deploy(&ActorType::new("t").unwrap(), component).await.unwrap();
        World { node, store, engine, machine, limits }
    }

    /// Another node over the same store, as after a crash: whatever the old one still does, its
    /// commits fail.
    pub(crate) async fn crash(&mut self) {
        self.store = self.store.crash();
        self.node = start_node(&self.store, &self.engine, &self.machine, &self.limits).await;
    }

    pub(crate) async fn call(&self, id: &str, method: &str, body: &str) -> Result<String, Error> {
        let reply = self.node.call(&actor(id), Method::new(method).unwrap(), text(body)).await?;
        Ok(String::from_utf8(reply.body.to_vec()).unwrap())
    }

    pub(crate) async fn send(&self, id: &str, method: &str, body: &str, delay_ms: u64) -> Result<(), Error> {
        let method = Method::new(method).unwrap();
        self.node.send(&actor(id), method, text(body), Duration::from_millis(delay_ms)).await.map(drop)
    }

    /// A call with an idempotency key.
    pub(crate) async fn call_once(&self, id: &str, method: &str, body: &str, key: &str) -> Once<String> {
        call_once(&self.node, id, method, body, key).await
    }

    /// A call with an idempotency key in the background.
    pub(crate) fn calling_once(
        &self,
        id: &str,
        method: &str,
        body: &str,
        key: &str,
    ) -> tokio::task::JoinHandle<Once<String>> {
        let node = self.node.clone();
        let [id, method, body, key] = [id, method, body, key].map(str::to_owned);
        tokio::spawn(async move { call_once(&node, &id, &method, &body, &key).await })
    }

    /// A send with an idempotency key.
    pub(crate) async fn send_once(
        &self,
        id: &str,
        method: &str,
        body: &str,
        delay_ms: u64,
        key: &str,
    ) -> Once<MessageId> {
        let (method, key) = (Method::new(method).unwrap(), IdempotencyKey::new(key).unwrap());
        self.node.send_once(&actor(id), method, text(body), Duration::from_millis(delay_ms), key).await
    }

    /// Every dead letter.
    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetterSummary> {
        let query = DeadLetterQuery { limit: 1_000, ..DeadLetterQuery::default() };
        self.node.dead_letters(&query).await.unwrap()
    }

    /// A call in the background.
    pub(crate) fn calling(
        &self,
        id: &str,
        method: &str,
        body: &str,
    ) -> tokio::task::JoinHandle<Result<String, Error>> {
        let (node, to) = (self.node.clone(), actor(id));
        let (method, body) = (Method::new(method).unwrap(), text(body));
        tokio::spawn(async move {
            let reply = node.call(&to, method, body).await?;
            Ok(String::from_utf8(reply.body.to_vec()).unwrap())
        })
    }

    /// Waits in simulated time until an actor's list is as expected.
    pub(crate) async fn until_list(&self, id: &str, expected: &[&str]) {
        let expected = expected.join(" ");
        let mut seen = String::new();
        for _ in 0..2_000 {
            seen = self.call(id, "list", "").await.unwrap_or_else(|error| error.to_string());
            if seen == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the list of {id} is {seen:?}, not {expected:?}");
    }
}

/// A call with an idempotency key.
pub(crate) async fn call_once(node: &Node, id: &str, method: &str, body: &str, key: &str) -> Once<String> {
    let (method, key) = (Method::new(method).unwrap(), IdempotencyKey::new(key).unwrap());
    let Once { outcome, repeated } = node.call_once(&actor(id), method, text(body), key).await;
    Once { outcome: outcome.map(|reply| String::from_utf8(reply.body.to_vec()).unwrap()), repeated }
}

async fn start_node(
    store: &ModelStore,
    engine: &ScriptedEngine,
    machine: &Arc<Machine>,
    limits: &Limits,
) -> Node {
    let parts = Parts {
        store: Arc::new(store.clone()),
        engine: Arc::new(engine.clone()),
        clock: SimulatedClock::of(machine),
        resident_bytes: Arc::new(|| 0),
    };
    Node::start(parts, Config { limits: limits.clone(), ..Config::default() }).await.unwrap()
}

pub(crate) fn actor(id: &str) -> Address {
    Address::parse("t", id).unwrap()
}

pub(crate) fn text(body: &str) -> Payload {
    Payload::new("text/plain", body.to_owned())
}

#[allow(clippy::unnecessary_wraps)] // a script's answer as it stands in a script
pub(crate) fn answer(body: impl Into<String>) -> Answer {
    Ok(Ok(text(&body.into())))
}

#[allow(clippy::unnecessary_wraps)] // as above
pub(crate) fn fails(message: impl Into<String>) -> Answer {
    Ok(Err(Failure { code: ErrorCode::Conflict, message: message.into() }))
}

/// A guest for most tests. Its list is kept in the state key `list`, words joined by spaces.
///
/// | method | body | does |
/// | --- | --- | --- |
/// | `append` | word | appends it; answers with the list |
/// | `append_after` | ms, word | sleeps first |
/// | `append_then_fail`, `append_then_trap` | word | appends it, then fails or traps |
/// | `poison` | word | always fails |
/// | `append_unless_there` | word | appends it, or fails when there is a list already |
/// | `list` | | answers with the list |
/// | `call` | id, method, body | calls; answers with the reply or the error |
/// | `append_and_call`, `append_and_send` | word, id, method, body | appends, then calls or sends |
/// | `send` | ms, id, method, body | sends with a delay |
/// | `remind`, `time` | name, delay, period, repetitions, method | sets a reminder or timer (0: none) |
/// | `forget` | name | cancels a reminder |
/// | `who` | | appends origin and attempt |
/// | `count` | | counts in memory only |
/// | `log` | text | logs it |
/// Pending once, and woken at once.
fn yield_once() -> impl FnMut(&mut Context<'_>) -> Poll<()> {
    let mut has_yielded = false;
    move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

pub(crate) async fn toolbox(scene: Scene) -> Answer {
    let body = String::from_utf8(scene.message.payload.body.to_vec()).unwrap();
    let words: Vec<&str> = body.split(' ').collect();
    match scene.message.method.as_str() {
        "append_unless_there" if !list(&scene).await?.is_empty() => fails("there is a list"),
        "append" | "append_unless_there" => append(&scene, &body).await,
        "append_after" => {
            tokio::time::sleep(Duration::from_millis(words[0].parse().unwrap())).await;
            append(&scene, words[1]).await
        }
        "compute_and_append" => {
            // As a guest does at the end of each of its slices.
            for _ in 0..3 {
                scene.host.becomes_long();
                std::future::poll_fn(yield_once()).await;
            }
            append(&scene, &body).await
        }
        "append_then_fail" => {
            append(&scene, &body).await?.unwrap();
            fails("as asked")
        }
        "append_then_trap" => {
            append(&scene, &body).await?.unwrap();
            Err(greenroom_core::sandbox::Trap::Crashed("unreachable".into()))
        }
        "append_then_panic" => {
            append(&scene, &body).await?.unwrap();
            panic!("as asked");
        }
        "poison" => fails(format!("poison {body}")),
        "list" => answer(list(&scene).await?),
        "call" => call(&scene, &words).await,
        "append_and_call" => {
            append(&scene, words[0]).await?.unwrap();
            call(&scene, &words[1..]).await
        }
        "append_and_send" => {
            append(&scene, words[0]).await?.unwrap();
            send(&scene, 0, &words[1..]).await
        }
        "send" => send(&scene, words[0].parse().unwrap(), &words[1..]).await,
        "remind" | "time" => {
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            let schedule = greenroom_core::sandbox::RawSchedule {
                delay_ms: number(1),
                period_ms: Some(number(2)).filter(|ms| *ms > 0),
                repetitions: Some(number(3) as u32).filter(|count| *count > 0),
            };
            let (name, method) = (words[0].to_owned(), words[4].to_owned());
            let set = if scene.message.method.as_str() == "remind" {
                scene.host.reminder_set(name.clone(), schedule, method, text(&name))
            } else {
                scene.host.timer_set(name.clone(), schedule, method, text(&name))
            };
            answer(format!("{:?}", host(set)?))
        }
        "forget" => answer(host(scene.host.reminder_cancel(body))?.to_string()),
        "reminders" => {
            let names = host(scene.host.reminder_list())?;
            answer(names.iter().map(|reminder| &*reminder.name).collect::<Vec<_>>().join(" "))
        }
        "who" => {
            let word = match &scene.message.origin {
                greenroom_core::Origin::Client => "client".to_owned(),
                greenroom_core::Origin::Actor(sender) => sender.to_string(),
                greenroom_core::Origin::Reminder(name) | greenroom_core::Origin::Timer(name) => {
                    name.to_string()
                }
            };
            append(&scene, &format!("{word}#{}", scene.message.attempt)).await
        }
        "count" => {
            let mut memory = scene.memory.lock();
            *memory += 1;
            answer(memory.to_string())
        }
        "log" => {
            scene.host.log(LogLevel::Info, &body);
            answer("")
        }
        other => fails(format!("no method {other}")),
    }
}

/// Gives the turn up when the host does.
pub(crate) fn host<T>(result: Result<T, Error>) -> Result<T, greenroom_core::sandbox::Trap> {
    result.map_err(greenroom_core::sandbox::Trap::Host)
}

async fn list(scene: &Scene) -> Result<String, greenroom_core::sandbox::Trap> {
    let list = host(scene.host.state_get("list".into()).await)?.unwrap_or_default();
    Ok(String::from_utf8(list.to_vec()).unwrap())
}

async fn append(scene: &Scene, word: &str) -> Answer {
    let list = format!("{} {word}", list(scene).await?);
    let list = list.trim_start().to_owned();
    match host(scene.host.state_set("list".into(), list.clone().into()).await)? {
        Ok(()) => answer(list),
        Err(limit) => fails(limit.0),
    }
}

async fn call(scene: &Scene, words: &[&str]) -> Answer {
    let to = RawAddress { actor_type: "t".into(), id: words[0].into() };
    match host(scene.host.call(to, words[1].into(), text(&words[2..].join(" "))).await)? {
        Ok(reply) => Ok(Ok(reply)),
        Err(error) => answer(format!("{error:?}")),
    }
}

async fn send(scene: &Scene, delay_ms: u64, words: &[&str]) -> Answer {
    let to = RawAddress { actor_type: "t".into(), id: words[0].into() };
    match host(scene.host.send(to, words[1].into(), text(&words[2..].join(" ")), delay_ms).await)? {
        Ok(()) => answer("sent"),
        Err(limit) => fails(limit.0),
    }
}
