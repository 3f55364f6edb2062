//! Reads a history from its beginning to its end, once, and says what must not have happened.
//!
//! The commits are the truth: replayed, they say what each actor has stored at every moment. Against
//! that everything is held that clients and guests saw.

mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::{DeadLetter, MailKey, Reminder, StoredMessage};
use greenroom_core::{Code, MessageId, Timestamp};

use super::history::{Began, CallEnd, Event, History, TurnEnd};
use super::plan::{ACTORS, Ask, End, From, Plan};

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// What was acknowledged is not durable, or a stored message vanished.
    Lost,
    /// A message took effect twice.
    Doubled,
    /// A turn that failed has left something.
    Trace,
    /// A turn was committed in part, or not on top of the one before it.
    Torn,
    /// Somebody saw what was not durable, or not what was.
    Seen,
    /// Messages of one sender changed places.
    Order,
    /// Two turns of one actor at the same time.
    Overlap,
    /// A guest's memory has survived a failed turn.
    Memory,
    /// A reminder or a delayed message came early, again, or after it was cancelled.
    Schedule,
    /// A circle of calls was not refused at once, or something else was refused as one.
    Circle,
    /// An older version ran after a newer one was activated.
    Version,
    /// No answer in time.
    Hang,
    /// An error that says that the host is at fault, and it was not.
    Blame,
    /// Something is left when all is over.
    Left,
    /// Something came back after its type was undeployed, or was stored while none was deployed.
    Undeployed,
}

/// Rule and words.
pub(super) type Violation = (Rule, String);

/// Everything that is wrong with a history, with the number of the event where it shows.
pub(super) fn check(plan: &Plan, history: &History) -> Vec<(usize, Violation)> {
    let mut checker = Checker::new(plan, history);
    let mut violations = Vec::new();
    for (number, (at, event)) in history.0.iter().enumerate() {
        checker.now = *at;
        checker.event(event);
        violations.extend(checker.found.drain(..).map(|violation| (number, violation)));
    }
    violations
}

/// How much later than by its deadline an answer may come.
const GRACE: Duration = Duration::from_millis(260);

/// How long the store may take at most, and with it whatever has no deadline.
const STORE_MAX: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Actor {
    list: String,
    last: String,
    /// Every list it has had, oldest first; each is there from a commit on.
    lists: Vec<String>,
    effects: BTreeMap<String, u32>,
    purges: u32,
    mailbox: BTreeMap<MailKey, StoredMessage>,
    reminders: BTreeMap<Arc<str>, Reminder>,
    running: Option<u32>,
    /// How its latest turn ended, and how many its sandbox has run then.
    latest: Option<(TurnEnd, u64)>,
    /// The latest request of a client of which a turn has begun.
    begun: u32,
}

struct Open {
    ask: Ask,
    since: Duration,
    /// How many lists its actor has had then.
    lists: usize,
    purges: u32,
    /// Versions that have been active since.
    versions: BTreeSet<u32>,
    /// How often the type had been undeployed then.
    removals: u32,
}

struct Turn {
    actor: String,
    word: String,
    memory: u64,
    seen: Option<String>,
    /// How often the type had been undeployed when it began.
    removals: u32,
}

struct Call {
    turn: u32,
    from: String,
    to: &'static str,
    word: String,
    since: Duration,
    /// Waits for sure, as long as the callee's turn is not over.
    waits: bool,
    must_be_refused: bool,
    may_be_refused: bool,
}

struct Checker<'a> {
    plan: &'a Plan,
    now: Duration,
    actors: BTreeMap<String, Actor>,
    letters: BTreeMap<MessageId, DeadLetter>,
    retried: BTreeSet<MessageId>,
    /// How often a word was put into a mailbox, called, and succeeded.
    stored: BTreeMap<String, u32>,
    called: BTreeMap<String, u32>,
    succeeded: BTreeMap<String, u32>,
    /// The time of the latest turn of a reminder's word.
    fires: BTreeMap<String, Timestamp>,
    open: BTreeMap<u32, Open>,
    /// Requests under way, by word.
    requests: BTreeMap<String, u32>,
    answers: BTreeMap<String, String>,
    /// How often its actor had been purged when a client asked for a word first.
    first_asked: BTreeMap<String, u32>,
    turns: BTreeMap<u32, Turn>,
    calls: BTreeMap<u32, Call>,
    /// Calls that reach their actor before they are over.
    reach: BTreeSet<u32>,
    versions: BTreeSet<u32>,
    /// Whether the type is stored, and how often it was undeployed.
    is_deployed: bool,
    removals: u32,
    /// How often when the latest turn of a word began that is over.
    lives: BTreeMap<String, u32>,
    /// Words whose effect went with their type, and when.
    gone: BTreeMap<String, Duration>,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn new(plan: &'a Plan, history: &History) -> Self {
        Checker {
            plan,
            now: Duration::ZERO,
            actors: ACTORS.iter().map(|actor| ((*actor).to_owned(), Actor::default())).collect(),
            letters: BTreeMap::new(),
            retried: BTreeSet::new(),
            stored: BTreeMap::new(),
            called: BTreeMap::new(),
            succeeded: BTreeMap::new(),
            fires: BTreeMap::new(),
            open: BTreeMap::new(),
            requests: BTreeMap::new(),
            answers: BTreeMap::new(),
            first_asked: BTreeMap::new(),
            turns: BTreeMap::new(),
            calls: BTreeMap::new(),
            reach: reached(history),
            versions: BTreeSet::new(),
            is_deployed: false,
            removals: 0,
            lives: BTreeMap::new(),
            gone: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    fn find(&mut self, rule: Rule, text: impl Into<String>) {
        self.found.push((rule, text.into()));
    }

    fn actor(&mut self, id: &str) -> &mut Actor {
        self.actors.entry(id.to_owned()).or_default()
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Asked { request, ask } => self.asked(*request, ask),
            Event::Answered { request, answer, .. } => self.answered(*request, answer),
            Event::HungUp { request } => drop(self.open.remove(request)),
            Event::TurnBegan { turn, began } => self.turn_began(*turn, began),
            Event::Saw { turn, list } => self.saw(*turn, list),
            Event::TurnEnded { turn, end } => self.turn_ended(*turn, *end),
            Event::CallBegan { turn, call, from, to, word } => {
                self.call_began(*turn, *call, from, to, word);
            }
            Event::CallEnded { call, end } => self.call_ended(*call, end),
            Event::Committed { at, batch } => {
                for write_set in batch {
                    self.committed(*at, write_set);
                }
            }
            Event::LetterRetried(id) => self.letter_retried(*id),
            Event::LetterRemoved(id) => {
                if self.letters.remove(id).is_none() {
                    self.find(Rule::Lost, format!("there was no dead letter {id} to remove"));
                }
            }
            Event::RetriesBounded { latest } => self.retries_bounded(*latest),
            Event::Deployed => self.is_deployed = true,
            Event::Undeployed { purge } => self.undeployed(*purge),
            Event::VersionAsked { version } => {
                self.versions.insert(*version);
                for open in self.open.values_mut() {
                    open.versions.insert(*version);
                }
            }
            Event::VersionAnswered { version, done: true } => self.versions = BTreeSet::from([*version]),
            Event::VersionAnswered { done: false, .. } => {}
            Event::Drained { took } => {
                if *took > 2 * self.plan.limits.drain_timeout + GRACE {
                    self.find(Rule::Hang, format!("draining took {took:?}"));
                }
            }
            Event::Crashed => {
                self.open.clear();
                self.requests.clear();
                self.turns.clear();
                self.calls.clear();
                for actor in self.actors.values_mut() {
                    (actor.running, actor.latest, actor.begun) = (None, None, 0);
                }
            }
            Event::Quiet { leaks } => self.quiet(leaks),
        }
    }

    fn asked(&mut self, request: u32, ask: &Ask) {
        let (lists, purges) = match self.plan.actor_of(ask) {
            "" => (0, 0),
            id => (self.actor(id).lists.len(), self.actor(id).purges),
        };
        match ask {
            Ask::Call { word } => drop(self.requests.insert(word.clone(), request)),
            Ask::KeyedCall { word } | Ask::KeyedSend { word } => {
                self.first_asked.entry(word.clone()).or_insert(purges);
            }
            _ => {}
        }
        let versions = self.versions.clone();
        let (ask, since, removals) = (ask.clone(), self.now, self.removals);
        self.open.insert(request, Open { ask, since, lists, purges, versions, removals });
    }

    fn answered(&mut self, request: u32, answer: &Result<String, Code>) {
        let Some(open) = self.open.remove(&request) else { return };
        let took = self.now.saturating_sub(open.since);
        let is_call = matches!(open.ask, Ask::Call { .. } | Ask::KeyedCall { .. } | Ask::Read { .. });
        let max = if is_call { self.plan.limits.turn_timeout + GRACE } else { STORE_MAX };
        if took > max {
            self.find(Rule::Hang, format!("{:?} was answered after {took:?}", open.ask));
        }
        if *answer == Err(Code::Internal) && !self.panics(&open.ask) {
            self.find(Rule::Blame, format!("{:?} ended in an error of the host's", open.ask));
        }
        let Ok(reply) = answer else { return };
        let to = self.plan.actor_of(&open.ask);
        let id = to.to_owned();
        match &open.ask {
            Ask::Call { word } | Ask::KeyedCall { word } => {
                if !self.actor(&id).effects.contains_key(word) {
                    self.find(Rule::Lost, format!("{word} was acknowledged and is not committed"));
                } else if !reply.ends_with(word.as_str()) || !self.actor(&id).lists.contains(reply) {
                    self.find(Rule::Seen, format!("{word} was answered with {reply:?}, which never was"));
                }
                if matches!(open.ask, Ask::KeyedCall { .. }) {
                    self.same_answer(word, &id, reply);
                } else if self.gone.get(word).is_some_and(|at| *at < self.now) {
                    self.find(Rule::Undeployed, format!("{word} was acknowledged after it was gone"));
                }
            }
            Ask::Send { word } | Ask::KeyedSend { word } => {
                if !self.stored.contains_key(word) {
                    self.find(Rule::Lost, format!("{word} was accepted and is not stored"));
                }
                if matches!(open.ask, Ask::KeyedSend { .. }) {
                    self.same_answer(word, &id, reply);
                }
            }
            Ask::Read { .. } => {
                let lists = &self.actor(&id).lists;
                let before = if open.lists == 0 { "" } else { &lists[open.lists - 1] };
                let possible = before == reply || lists[open.lists..].contains(reply);
                if !possible {
                    self.find(Rule::Seen, format!("{id} said {reply:?}, which it had not then"));
                }
            }
            Ask::Purge { .. } => {
                if self.actor(&id).purges == open.purges {
                    self.find(Rule::Lost, format!("{id} was not purged"));
                }
            }
            Ask::Remind { word, .. } => {
                if !self.stored.contains_key(word) {
                    self.find(Rule::Lost, format!("the reminder {word} is not stored"));
                }
            }
            Ask::Undeploy { .. } => {
                if self.is_deployed && self.removals == open.removals {
                    self.find(Rule::Lost, "the type was not undeployed");
                }
            }
            Ask::Forget { .. } | Ask::Deactivate { .. } | Ask::RetryLetter | Ask::RemoveLetter => {}
        }
    }

    fn panics(&self, ask: &Ask) -> bool {
        matches!(ask, Ask::Call { word } if self.plan.programs[word].end == End::Panics)
    }

    /// Every answer to requests with the same key is the same, as long as its actor is not purged.
    fn same_answer(&mut self, word: &str, id: &str, reply: &str) {
        if self.first_asked.get(word).copied() != Some(self.actor(id).purges) {
            return;
        }
        let first = self.answers.entry(word.to_owned()).or_insert_with(|| reply.to_owned());
        if first != reply {
            let text = format!("{word} was answered with {first:?}, then with {reply:?}");
            self.find(Rule::Doubled, text);
        }
    }

    fn turn_began(&mut self, turn: u32, began: &Began) {
        let Began { actor: id, word, memory, now, version, .. } = began;
        if let Some(running) = self.actor(id).running.replace(turn) {
            self.find(Rule::Overlap, format!("{id} runs turn {turn} while {running} is not over"));
        }
        let fresh_or_next = match self.actor(id).latest {
            Some((TurnEnd::Succeeded, before)) => *memory == 0 || *memory == before + 1,
            Some(_) | None => *memory == 0,
        };
        if !fresh_or_next {
            self.find(Rule::Memory, format!("turn {turn} of {id} remembers {memory} turns"));
        }
        let (seen, removals) = (None, self.removals);
        let (actor, word_of, memory) = (id.clone(), word.clone(), *memory);
        self.turns.insert(turn, Turn { actor, word: word_of, memory, seen, removals });
        let Some(program) = self.plan.programs.get(word) else { return };
        if program.actor != id {
            self.find(Rule::Lost, format!("{word} went astray, to {id}"));
        }
        match &program.from {
            From::Client { keyed: false } => self.request_began(id, word, *version),
            From::Call(_) => self.call_reached(word),
            From::ClientSend { .. } | From::Send { .. } => {
                let mut waiting = self.actor(id).mailbox.values();
                let found = waiting.find(|stored| text(stored) == *word).cloned();
                match found {
                    None => self.find(Rule::Doubled, format!("{word} is delivered and is not stored")),
                    Some(stored) if stored.wake_at > *now || stored.due_at > *now => {
                        self.find(Rule::Schedule, format!("{word} is delivered before it is due"));
                    }
                    Some(_) => {}
                }
            }
            From::Reminder { .. } => drop(self.fires.insert(word.clone(), *now)),
            From::Timer { .. } | From::Client { keyed: true } => {}
        }
    }

    /// A turn for a client's request: in the order asked, and of a version that was active since.
    fn request_began(&mut self, id: &str, word: &str, version: u32) {
        let Some(request) = self.requests.get(word).copied() else { return };
        let latest = std::mem::replace(&mut self.actor(id).begun, request);
        if latest > request {
            self.find(
                Rule::Order,
                format!("{word} was asked of {id} before request {latest}, and runs later"),
            );
        }
        let possible = self.open.get(&request).is_none_or(|open| open.versions.contains(&version));
        if !possible {
            self.find(Rule::Version, format!("{word} runs version {version}, which was not active then"));
        }
    }

    /// A turn for another actor's call: what that actor had seen when it called is durable.
    fn call_reached(&mut self, word: &str) {
        let Some(call) = self.calls.values().find(|call| call.word == word) else { return };
        let Some(Turn { actor, seen: Some(seen), .. }) = self.turns.get(&call.turn) else { return };
        let (actor, seen) = (actor.clone(), seen.clone());
        if self.actor(&actor).list != seen {
            let text =
                format!("{word} was called by {actor}, which had seen what is not committed: {seen:?}");
            self.find(Rule::Seen, text);
        }
    }

    fn saw(&mut self, turn: u32, list: &str) {
        if let Some(turn) = self.turns.get_mut(&turn) {
            turn.seen = Some(list.to_owned());
        }
    }

    fn turn_ended(&mut self, turn: u32, end: TurnEnd) {
        let Some(over) = self.turns.remove(&turn) else { return };
        let actor = self.actor(&over.actor);
        if actor.running == Some(turn) {
            actor.running = None;
        }
        actor.latest = Some((end, over.memory));
        if end == TurnEnd::Succeeded {
            *self.succeeded.entry(over.word.clone()).or_default() += 1;
        }
        for call in self.calls.values_mut().filter(|call| call.word == over.word) {
            call.waits = false;
        }
        self.lives.insert(over.word, over.removals);
    }

    fn call_began(&mut self, turn: u32, call: u32, from: &str, to: &'static str, word: &str) {
        let (must_be_refused, may_be_refused) = (self.leads(to, from, true), self.leads(to, from, false));
        let waits = self.reach.contains(&call);
        *self.called.entry(word.to_owned()).or_default() += 1;
        let (from, word, since) = (from.to_owned(), word.to_owned(), self.now);
        self.calls.insert(call, Call { turn, from, to, word, since, waits, must_be_refused, may_be_refused });
    }

    /// Whether following the waits from one actor leads to another.
    fn leads(&self, from: &str, to: &str, for_sure: bool) -> bool {
        let mut at = from;
        for _ in 0..=ACTORS.len() {
            if at == to {
                return true;
            }
            let waits = self.calls.values().filter(|call| call.from == at && (call.waits || !for_sure));
            // The latest, since an actor waits for one at a time.
            let Some(call) = waits.max_by_key(|call| call.since) else { return false };
            at = call.to;
        }
        false
    }

    fn call_ended(&mut self, call: u32, end: &CallEnd) {
        let Some(call) = self.calls.remove(&call) else { return };
        let Call { from, to, since, must_be_refused, may_be_refused, .. } = &call;
        let refused = matches!(end, CallEnd::Deadlock(_));
        let too_deep = matches!(end, CallEnd::Deadlock(why) if why.contains("call_depth"));
        if *must_be_refused && !(refused && *since == self.now) {
            self.find(Rule::Circle, format!("{from} → {to} closes a circle and ended in {end:?}"));
        }
        if refused && !too_deep && !may_be_refused {
            self.find(Rule::Circle, format!("{from} → {to} closes no circle: {end:?}"));
        }
    }

    fn quiet(&mut self, leaks: &[String]) {
        for leak in leaks {
            self.find(Rule::Left, leak.clone());
        }
        let unanswered: Vec<String> = self.open.values().map(|open| format!("{:?}", open.ask)).collect();
        for ask in unanswered {
            self.find(Rule::Hang, format!("{ask} was never answered"));
        }
        let mut left = Vec::new();
        for (id, actor) in &self.actors {
            left.extend(actor.mailbox.values().map(|stored| format!("{} waits for {id}", text(stored))));
            left.extend(actor.reminders.keys().map(|name| format!("the reminder {name} of {id}")));
            left.extend(actor.running.map(|turn| format!("turn {turn} of {id}")));
        }
        for left in left {
            self.find(Rule::Left, left);
        }
    }
}

fn reached(history: &History) -> BTreeSet<u32> {
    let mut open: BTreeMap<&str, u32> = BTreeMap::new();
    let mut reached = BTreeSet::new();
    for (_, event) in &history.0 {
        match event {
            Event::CallBegan { call, word, .. } => drop(open.insert(word, *call)),
            Event::CallEnded { call, .. } => open.retain(|_, other| other != call),
            Event::TurnBegan { began, .. } => reached.extend(open.remove(began.word.as_str())),
            Event::Crashed => open.clear(),
            _ => {}
        }
    }
    reached
}

fn text(stored: &StoredMessage) -> String {
    String::from_utf8_lossy(&stored.message.payload.body).into_owned()
}
