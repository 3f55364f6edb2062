//! Runs a plan: clients, a supervisor that starts the next process when one has ended, and in the end
//! time enough for everything that is stored to be delivered.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use greenroom_core::idempotency::is_answer;
use greenroom_core::store::Store as _;
use greenroom_core::{ActorType, Clock as _, Code, Digest, Error, IdempotencyKey, Method, Schedule};
use greenroom_store::{Change, ModelStore};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::faults::Weather;
use super::guest::{DO, READ, Stage, guest};
use super::history::{Event, History, Recorder};
use super::plan::{ACTORS, Ask, Plan, Step, Times, VERSIONS};
use crate::dispatch::Dispatch;
use crate::tests::scripted::ScriptedEngine;
use crate::tests::world::{Machine, SimulatedClock, actor, text};
use crate::{Config, DeadLetterQuery, Node, Once, Parts};

/// How often a client with a key tries.
const TRIES: usize = 12;

/// How long everything that is stored may take, at most, when nothing goes wrong any more.
const QUIET_MAX: Duration = Duration::from_mins(5);

/// The process that runs.
#[derive(Clone)]
struct Process {
    number: u32,
    node: Node,
    engine: ScriptedEngine,
}

/// Where clients find it.
type Door = Arc<Mutex<Process>>;

struct Simulation<'a> {
    plan: &'a Plan,
    recorder: Recorder,
    weather: Weather,
    machine: Arc<Machine>,
    store: ModelStore,
    door: Door,
    clients: Vec<JoinHandle<()>>,
    ended: Vec<Weak<Dispatch>>,
}

/// What happens when that plan is carried out.
pub(super) async fn history(plan: &Plan, seed: u64) -> History {
    let recorder = Recorder::new();
    let weather = Weather::new(seed);
    let (machine, store) = (Machine::new(), ModelStore::new());
    let process = start(plan, &recorder, &weather, &machine, &store).await;
    let mut simulation = Simulation {
        plan,
        recorder,
        weather,
        machine,
        store,
        door: Arc::new(Mutex::new(process)),
        clients: Vec::new(),
        ended: Vec::new(),
    };
    simulation.deploy(1).await;
    for (step, pause) in &plan.steps {
        simulation.step(step).await;
        let node = simulation.node();
        if tokio::time::timeout(*pause, node.broken()).await.is_ok() {
            simulation.restart().await;
        }
    }
    simulation.calm_down().await;
    simulation.recorder.history()
}

async fn start(
    plan: &Plan,
    recorder: &Recorder,
    weather: &Weather,
    machine: &Arc<Machine>,
    store: &ModelStore,
) -> Process {
    let number = recorder.process();
    let clock = SimulatedClock::of(machine);
    let stage = Stage {
        programs: Arc::new(plan.programs.clone()),
        recorder: recorder.clone(),
        weather: weather.clone(),
        clock: Arc::clone(&clock) as _,
        process: number,
    };
    let engine = ScriptedEngine::default();
    for version in 1..=VERSIONS {
        engine.add(&component(version), guest(stage.clone(), version));
    }
    store.set_encounters(weather.encounters());
    let (noted, at) = (recorder.clone(), Arc::clone(&clock));
    store.observe(Arc::new(move |change| {
        let event = match change {
            Change::Committed(batch) => Event::Committed { at: at.now(), batch: batch.to_vec() },
            Change::LetterRetried(id) => Event::LetterRetried(id),
            Change::LetterRemoved(id) => Event::LetterRemoved(id),
            Change::RetriesBounded { latest, .. } => Event::RetriesBounded { latest },
            Change::TypeDeployed(_) => Event::Deployed,
            Change::TypeRemoved { purge, .. } => Event::Undeployed { purge },
        };
        noted.note(number, event);
    }));
    loop {
        let parts = Parts {
            store: Arc::new(store.clone()),
            engine: Arc::new(engine.clone()),
            clock: Arc::clone(&clock) as _,
            resident_bytes: Arc::new(|| 0),
        };
        let config = Config { limits: plan.limits.clone(), seed: Some(weather.seed()), ..Config::default() };
        match Node::start(parts, config).await {
            Ok(node) => return Process { number, node, engine },
            // What supervises a process starts it again.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What is uploaded as that version.
fn component(version: u32) -> String {
    format!("v{version}")
}

fn the_type() -> ActorType {
    ActorType::new("t").expect("it is a name")
}

impl Simulation<'_> {
    fn node(&self) -> Node {
        self.door.lock().node.clone()
    }

    /// Ends the process, and starts the next one.
    async fn restart(&mut self) {
        self.recorder.crashed();
        self.ended.push(Arc::downgrade(&self.door.lock().node.dispatch));
        self.store = self.store.crash();
        let next = start(self.plan, &self.recorder, &self.weather, &self.machine, &self.store).await;
        *self.door.lock() = next;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Ask { ask, patience } => self.ask(ask.clone(), *patience, None, None),
            Step::Insist { ask, patience } => self.insist(ask.clone(), patience.clone(), 0),
            Step::Send { word, delay_ms, keyed: Some(patience) } => {
                self.insist(Ask::KeyedSend { word: word.clone() }, patience.clone(), *delay_ms);
            }
            Step::Send { word, delay_ms, keyed: None } => {
                self.ask(Ask::Send { word: word.clone() }, None, Some(*delay_ms), None);
            }
            Step::Remind { word, name, schedule } => {
                self.ask(Ask::Remind { name, word: word.clone() }, None, None, Some(*schedule));
            }
            Step::RetryLetters => self.letters(Ask::RetryLetter),
            Step::RemoveLetters => self.letters(Ask::RemoveLetter),
            Step::Deploy { version } => self.deploy(*version).await,
            Step::RollBack => self.roll_back().await,
            Step::Undeploy { purge, calls, pause_ms, version } => {
                for (ask, after_ms) in calls {
                    self.ask_after(ask.clone(), Duration::from_millis(*after_ms));
                }
                let (process, purge) = (self.door.lock().clone(), *purge);
                let asked = Asked::new(&process, &self.recorder, Ask::Undeploy { purge });
                let undeployed = process.node.undeploy(&the_type(), purge).await;
                let _ = asked.answered(undeployed.map(|()| String::new()), false);
                tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
                self.deploy(*version).await;
            }
            Step::Settings { patch } => {
                let _ = self.node().change_settings(&the_type(), patch).await;
            }
            Step::Crash => self.restart().await,
            Step::Drain => {
                let started = Instant::now();
                self.node().drain().await;
                let took = started.elapsed();
                self.recorder.note(self.recorder.process(), Event::Drained { took });
                self.restart().await;
            }
            Step::ShiftClock { ms } => {
                self.machine.shift(*ms);
            }
            Step::Weather { faults } => self.weather.set_faults(*faults),
        }
    }

    fn ask(&mut self, ask: Ask, patience: Option<Duration>, delay_ms: Option<u64>, times: Option<Times>) {
        let (process, recorder) = (self.door.lock().clone(), self.recorder.clone());
        let to = self.plan.actor_of(&ask);
        self.clients.push(tokio::spawn(async move {
            let asked = asked(process, &recorder, ask, to, delay_ms.unwrap_or(0), times);
            wait(asked, patience).await;
        }));
    }

    fn ask_after(&mut self, ask: Ask, pause: Duration) {
        let (door, recorder) = (Arc::clone(&self.door), self.recorder.clone());
        let to = self.plan.actor_of(&ask);
        self.clients.push(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let process = door.lock().clone();
            let _ = asked(process, &recorder, ask, to, 0, None).await;
        }));
    }

    /// Asks until there is an answer, then once more to hear the same.
    fn insist(&mut self, ask: Ask, patience: Vec<Duration>, delay_ms: u64) {
        let (door, recorder) = (Arc::clone(&self.door), self.recorder.clone());
        let to = self.plan.actor_of(&ask);
        self.clients.push(tokio::spawn(async move {
            let mut patience = patience.into_iter();
            let mut answers = 0;
            for _ in 0..TRIES {
                let process = door.lock().clone();
                let asked = asked(process, &recorder, ask.clone(), to, delay_ms, None);
                match wait(asked, patience.next()).await {
                    Some(Ok(_)) => answers += 1,
                    Some(Err(code)) if is_answer(code) => answers += 1,
                    _ => tokio::time::sleep(Duration::from_millis(40)).await,
                }
                if answers == 2 {
                    return;
                }
            }
        }));
    }

    /// Retries or removes every dead letter there is.
    fn letters(&mut self, ask: Ask) {
        let (process, recorder) = (self.door.lock().clone(), self.recorder.clone());
        self.clients.push(tokio::spawn(async move {
            let query = DeadLetterQuery { limit: 1_000, ..DeadLetterQuery::default() };
            let Ok(letters) = process.node.dead_letters(&query).await else { return };
            for letter in letters {
                let asked = Asked::new(&process, &recorder, ask.clone());
                let done = match ask {
                    Ask::RetryLetter => process.node.retry_dead_letter(letter.id).await,
                    _ => process.node.remove_dead_letter(letter.id).await,
                };
                let _ = asked.answered(done.map(|()| String::new()), false);
            }
        }));
    }

    async fn deploy(&self, version: u32) {
        let process = self.recorder.process();
        self.recorder.note(process, Event::VersionAsked { version });
        let done = self.node().deploy(&the_type(), component(version).into()).await.is_ok();
        self.recorder.note(process, Event::VersionAnswered { version, done });
    }

    /// Goes back to the version before, and tries once more when that fails.
    async fn roll_back(&self) {
        let process = self.recorder.process();
        let Ok(view) = self.node().actor_type(&the_type()).await else { return };
        let Some(number) = view.previous_version else { return };
        let Some(record) = view.versions.iter().find(|record| record.number == number) else { return };
        let is = |version: &u32| Digest::of(component(*version).as_bytes()) == record.component.digest;
        let version = (1..=VERSIONS).find(is).expect("every component is one of these");
        for _ in 0..2 {
            self.recorder.note(process, Event::VersionAsked { version });
            let done = self.node().activate_version(&the_type(), number).await.is_ok();
            self.recorder.note(process, Event::VersionAnswered { version, done });
            if done {
                return;
            }
        }
    }

    /// Lets everything that is asked or stored come to its end, and looks at what is left.
    async fn calm_down(&mut self) {
        self.weather.set_faults(0.0);
        // Whatever is under way may still break it.
        if tokio::time::timeout(Duration::from_millis(200), self.node().broken()).await.is_ok() {
            self.restart().await;
        }
        let until = Instant::now() + QUIET_MAX;
        for client in std::mem::take(&mut self.clients) {
            // One that is never answered is found in the history.
            drop(tokio::time::timeout_at(until, client).await);
        }
        while Instant::now() < until && !self.is_over().await {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.letters(Ask::RemoveLetter);
        }
        for actor in ACTORS {
            self.ask(Ask::Read { actor }, None, None, None);
        }
        for client in std::mem::take(&mut self.clients) {
            drop(tokio::time::timeout_at(until + QUIET_MAX, client).await);
        }
        // Longer than any of them stays idle, and than a process that has ended waits for anything.
        tokio::time::sleep(Duration::from_mins(1)).await;
        self.recorder.note(self.recorder.process(), Event::Quiet { leaks: self.leaks() });
    }

    /// Whether nothing that is stored waits for anybody, and nobody in memory has timers that may send more.
    async fn is_over(&self) -> bool {
        if self.node().dispatch.population.count() > 0 {
            return false;
        }
        for id in ACTORS {
            let summary = self.store.summary(&actor(id)).await.expect("nothing goes wrong any more");
            if summary.mail > 0 || !summary.reminders.is_empty() {
                return false;
            }
        }
        true
    }

    fn leaks(&self) -> Vec<String> {
        let process = self.door.lock().clone();
        let mut leaks = process.node.dispatch.leftovers();
        let alive = process.engine.counts.alive.load(Ordering::Relaxed);
        if alive > 0 {
            leaks.push(format!("{alive} sandboxes"));
        }
        let ended = self.ended.iter().filter(|ended| ended.strong_count() > 0).count();
        if ended > 0 {
            leaks.push(format!("tasks of {ended} processes that have ended"));
        }
        leaks
    }
}

/// A request on its way.
struct Asked {
    recorder: Recorder,
    process: u32,
    request: u32,
    is_open: bool,
}

impl Asked {
    fn new(process: &Process, recorder: &Recorder, ask: Ask) -> Self {
        let request = recorder.number();
        recorder.note(process.number, Event::Asked { request, ask });
        Asked { recorder: recorder.clone(), process: process.number, request, is_open: true }
    }

    fn answered(mut self, answer: Result<String, Error>, repeated: bool) -> Result<String, Code> {
        self.is_open = false;
        let answer = answer.map_err(|error| error.code);
        let event = Event::Answered { request: self.request, answer: answer.clone(), repeated };
        self.recorder.note(self.process, event);
        answer
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.is_open {
            self.recorder.note(self.process, Event::HungUp { request: self.request });
        }
    }
}

/// The answer, unless it takes too long.
async fn wait<T>(asked: impl Future<Output = T>, patience: Option<Duration>) -> Option<T> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, asked).await.ok(),
        None => Some(asked.await),
    }
}

async fn asked(
    process: Process,
    recorder: &Recorder,
    ask: Ask,
    to: &'static str,
    delay_ms: u64,
    times: Option<Times>,
) -> Result<String, Code> {
    let asked = Asked::new(&process, recorder, ask.clone());
    let (node, to) = (&process.node, actor(to));
    let method = |name: &str| Method::new(name).expect("it is a name");
    let key = |word: &str| IdempotencyKey::new(word).expect("words are keys");
    let delay = Duration::from_millis(delay_ms);
    let once = |outcome| Once { outcome, repeated: false };
    let Once { outcome, repeated } = match ask {
        Ask::Call { word } => once(node.call(&to, method(DO), text(&word)).await.map(|reply| shown(&reply))),
        Ask::KeyedCall { word } => {
            let once = node.call_once(&to, method(DO), text(&word), key(&word)).await;
            Once { outcome: once.outcome.map(|reply| shown(&reply)), repeated: once.repeated }
        }
        Ask::Send { word } => {
            once(node.send(&to, method(DO), text(&word), delay).await.map(|_| String::new()))
        }
        Ask::KeyedSend { word } => {
            let once = node.send_once(&to, method(DO), text(&word), delay, key(&word)).await;
            Once { outcome: once.outcome.map(|id| id.to_string()), repeated: once.repeated }
        }
        Ask::Read { .. } => once(node.call(&to, method(READ), text("")).await.map(|reply| shown(&reply))),
        Ask::Purge { .. } => once(node.delete(&to).await.map(|()| String::new())),
        Ask::Deactivate { .. } => once(node.deactivate(&to).await.map(|()| String::new())),
        Ask::Remind { name, word } => {
            let Times { delay_ms, period_ms, repetitions } = times.expect("it was planned");
            let schedule = Schedule::new(delay_ms, period_ms, repetitions).expect("it is valid");
            let set = node.set_reminder(&to, name, schedule, method(DO), text(&word)).await;
            once(set.map(|()| String::new()))
        }
        Ask::Forget { name, .. } => once(node.cancel_reminder(&to, name).await.map(|was| was.to_string())),
        Ask::RetryLetter | Ask::RemoveLetter | Ask::Undeploy { .. } => unreachable!("they name no actor"),
    };
    asked.answered(outcome, repeated)
}

fn shown(payload: &greenroom_core::Payload) -> String {
    String::from_utf8_lossy(&payload.body).into_owned()
}
