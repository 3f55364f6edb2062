//! What happens in one seed, decided beforehand: who asks whom for what and when, what each message
//! makes its actor do, and what befalls the host.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_core::Limits;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

pub(super) const ACTORS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Versions of the one actor type; each is the same guest, and says its number.
pub(super) const VERSIONS: u32 = 4;

/// Steps of a plan. After a short one there is little that helps what is stuck along.
const STEPS: [usize; 4] = [6, 15, 40, 90];

/// Shares of what the store is asked to do that go wrong.
const FAULTS: [f64; 5] = [0.0, 0.0, 0.02, 0.1, 0.5];

/// From here on, the plan of every odd seed also undeploys the type; the others do what they always did.
pub(super) const UNDEPLOYS_FROM: u64 = 3_000;

/// How deep the messages of messages go.
const DEPTH_MAX: u32 = 3;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Call {
        word: String,
    },
    KeyedCall {
        word: String,
    },
    Send {
        word: String,
    },
    KeyedSend {
        word: String,
    },
    /// For the list of an actor.
    Read {
        actor: &'static str,
    },
    Purge {
        actor: &'static str,
    },
    Deactivate {
        actor: &'static str,
    },
    Remind {
        name: &'static str,
        word: String,
    },
    Forget {
        actor: &'static str,
        name: &'static str,
    },
    RetryLetter,
    RemoveLetter,
    Undeploy {
        purge: bool,
    },
}

/// What a message makes its actor do. Every message is one word, which its actor appends to its list;
/// each word is used for one message only, or for the firings of one reminder or timer.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) actor: &'static str,
    pub(super) from: From,
    pub(super) acts: Vec<Act>,
    pub(super) end: End,
}

/// How a word comes to its actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    Client {
        keyed: bool,
    },
    ClientSend {
        keyed: bool,
    },
    /// A call in a turn of that word.
    Call(String),
    /// A message sent in a turn of that word.
    Send {
        parent: String,
        delayed: bool,
    },
    /// A reminder, set in a turn of that word or by hand.
    Reminder {
        parent: Option<String>,
        name: &'static str,
    },
    Timer {
        parent: String,
        firings: u32,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Wait { ms: u64 },
    Call { word: String },
    Send { word: String, delay_ms: u64 },
    Remind { name: &'static str, schedule: Times, word: String },
    Forget { name: &'static str },
    Time { name: &'static str, schedule: Times, word: String },
}

/// When a reminder or a timer fires; they all end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) delay_ms: u64,
    pub(super) period_ms: Option<u64>,
    pub(super) repetitions: Option<u32>,
}

/// How a turn ends, after it has appended its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeds,
    Fails,
    Traps,
    Panics,
    /// Fails until it is delivered for the so manieth time.
    FailsBefore(u32),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A client hangs up when it was not answered in time.
    Ask {
        ask: Ask,
        patience: Option<Duration>,
    },
    /// A client repeats its request with a key until it is answered, and each time is as patient as that.
    Insist {
        ask: Ask,
        patience: Vec<Duration>,
    },
    Send {
        word: String,
        delay_ms: u64,
        keyed: Option<Vec<Duration>>,
    },
    Remind {
        word: String,
        name: &'static str,
        schedule: Times,
    },
    RetryLetters,
    RemoveLetters,
    Deploy {
        version: u32,
    },
    RollBack,
    /// The type goes, and after a while one of its name is deployed anew. Calls come so many milliseconds
    /// after the undeployment has begun.
    Undeploy {
        purge: bool,
        calls: Vec<(Ask, u64)>,
        pause_ms: u64,
        version: u32,
    },
    Settings {
        patch: serde_json::Value,
    },
    Crash,
    Drain,
    ShiftClock {
        ms: i64,
    },
    /// From now on, this share of all that the store is asked to do goes wrong.
    Weather {
        faults: f64,
    },
}

/// See the [module](self).
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) programs: BTreeMap<String, Program>,
    /// Each with the pause after it.
    pub(super) steps: Vec<(Step, Duration)>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Plan {
        Planner { random: StdRng::seed_from_u64(seed), programs: BTreeMap::new() }
            .plan(seed >= UNDEPLOYS_FROM && seed % 2 == 1)
    }

    /// Whom it asks.
    pub(super) fn actor_of(&self, ask: &Ask) -> &'static str {
        match ask {
            Ask::Call { word }
            | Ask::KeyedCall { word }
            | Ask::Send { word }
            | Ask::KeyedSend { word }
            | Ask::Remind { word, .. } => self.programs[word].actor,
            Ask::Read { actor }
            | Ask::Purge { actor }
            | Ask::Deactivate { actor }
            | Ask::Forget { actor, .. } => actor,
            Ask::RetryLetter | Ask::RemoveLetter | Ask::Undeploy { .. } => "",
        }
    }
}

struct Planner {
    random: StdRng,
    programs: BTreeMap<String, Program>,
}

const REMINDERS: [&str; 3] = ["r1", "r2", "r3"];

impl Planner {
    fn plan(mut self, undeploys: bool) -> Plan {
        let limits = self.limits();
        let count = *STEPS.choose(&mut self.random).expect("it is not empty");
        let mut steps = vec![(self.weather(), Duration::ZERO)];
        for _ in 0..count {
            // Some at the same time, some apart.
            let pause = if self.random.random_bool(0.4) { 0 } else { self.random.random_range(0..60) };
            steps.push((self.step(), Duration::from_millis(pause)));
        }
        if undeploys {
            for at in (1..steps.len()).rev() {
                if self.random.random_bool(0.08) {
                    steps.insert(at, (self.undeployment(), Duration::ZERO));
                }
            }
        }
        Plan { limits, programs: self.programs, steps }
    }

    fn ms(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    fn limits(&mut self) -> Limits {
        Limits {
            sandboxes: self.random.random_range(2..7),
            activations: self.random.random_range(3..12),
            idle_timeout: self.ms(1..2_000),
            turn_timeout: self.ms(400..2_000),
            retry_backoff: self.ms(10..100),
            retry_backoff_max: self.ms(100..2_000),
            delivery_attempts: self.random.random_range(2..6),
            dead_letters_per_actor: self.random.random_range(1..20),
            mailbox_capacity: self.random.random_range(3..40),
            state_preload_bytes: *[30, 1 << 18].choose(&mut self.random).expect("it is not empty"),
            call_depth: self.random.random_range(2..8),
            drain_timeout: self.ms(100..2_000),
            ..Limits::default()
        }
    }

    fn actor(&mut self) -> &'static str {
        ACTORS.choose(&mut self.random).expect("it is not empty")
    }

    fn reminder(&mut self) -> &'static str {
        REMINDERS.choose(&mut self.random).expect("it is not empty")
    }

    fn patience(&mut self) -> Vec<Duration> {
        (0..self.random.random_range(0..5)).map(|_| self.ms(0..80)).collect()
    }

    fn times(&mut self) -> Times {
        let repetitions = self.random.random_range(1..5);
        let periodic = repetitions > 1;
        Times {
            delay_ms: self.random.random_range(0..400),
            period_ms: periodic.then(|| self.random.random_range(10..300)),
            repetitions: periodic.then_some(repetitions),
        }
    }

    fn step(&mut self) -> Step {
        let actor = self.actor();
        match self.random.random_range(0..200) {
            0..60 => {
                let word = self.program(actor, &From::Client { keyed: false }, 0);
                let patience = self.random.random_bool(0.3).then(|| self.ms(0..100));
                Step::Ask { ask: Ask::Call { word }, patience }
            }
            60..80 => {
                let word = self.program(actor, &From::Client { keyed: true }, 0);
                Step::Insist { ask: Ask::KeyedCall { word }, patience: self.patience() }
            }
            80..110 => {
                let keyed = self.random.random_bool(0.5).then(|| self.patience());
                let from = From::ClientSend { keyed: keyed.is_some() };
                let word = self.program(actor, &from, 0);
                let delayed = self.random.random_bool(0.5);
                let delay_ms = if delayed { self.random.random_range(1..500) } else { 0 };
                Step::Send { word, delay_ms, keyed }
            }
            110..130 => Step::Ask { ask: Ask::Read { actor }, patience: None },
            130..134 => Step::Ask { ask: Ask::Purge { actor }, patience: None },
            134..144 => Step::Ask { ask: Ask::Deactivate { actor }, patience: None },
            144..150 => {
                let name = self.reminder();
                let word = self.program(actor, &From::Reminder { parent: None, name }, 1);
                Step::Remind { word, name, schedule: self.times() }
            }
            150..154 => Step::Ask { ask: Ask::Forget { actor, name: self.reminder() }, patience: None },
            154..160 => Step::RetryLetters,
            160..162 => Step::RemoveLetters,
            162..168 => Step::Deploy { version: self.random.random_range(1..=VERSIONS) },
            168..171 => Step::RollBack,
            171..176 => Step::Settings { patch: self.settings() },
            176..183 => Step::Crash,
            183..185 => Step::Drain,
            185..189 => {
                let hour = 3_600_000;
                Step::ShiftClock { ms: if self.random.random_bool(0.5) { hour } else { -hour } }
            }
            _ => self.weather(),
        }
    }

    fn undeployment(&mut self) -> Step {
        let count = self.random.random_range(0..4);
        let calls = (0..count).map(|_| {
            let actor = self.actor();
            let word = self.program(actor, &From::Client { keyed: false }, 0);
            (Ask::Call { word }, self.random.random_range(0..30))
        });
        let calls = calls.collect();
        Step::Undeploy {
            purge: self.random.random_bool(0.8),
            calls,
            pause_ms: if self.random.random_bool(0.5) { 0 } else { self.random.random_range(0..100) },
            version: self.random.random_range(1..=VERSIONS),
        }
    }

    fn weather(&mut self) -> Step {
        Step::Weather { faults: *FAULTS.choose(&mut self.random).expect("it is not empty") }
    }

    fn settings(&mut self) -> serde_json::Value {
        let idle_timeout_ms: u64 = self.random.random_range(1..2_000);
        let delivery_attempts: u64 = self.random.random_range(1..3);
        match self.random.random_range(0..4) {
            0 => serde_json::json!({ "idle_timeout_ms": idle_timeout_ms }),
            1 => serde_json::json!({ "idle_timeout_ms": null, "turn_timeout_ms": 300 }),
            2 => serde_json::json!({ "delivery_attempts": delivery_attempts, "turn_timeout_ms": null }),
            _ => serde_json::json!({ "mailbox_capacity": 3 }),
        }
    }

    /// Makes a word, and what it does.
    fn program(&mut self, actor: &'static str, from: &From, depth: u32) -> String {
        let word = format!("w{:03}", self.programs.len());
        let end = self.end(from);
        // Its place is taken before those of its messages.
        let program = Program { actor, from: from.clone(), acts: Vec::new(), end };
        self.programs.insert(word.clone(), program);
        let count = if depth >= DEPTH_MAX { 0 } else { self.random.random_range(0..3) };
        let acts = (0..count).map(|_| self.act(actor, &word, from, depth)).collect();
        self.programs.get_mut(&word).expect("it is there").acts = acts;
        word
    }

    fn end(&mut self, from: &From) -> End {
        let panics = *from == From::Client { keyed: false };
        match self.random.random_range(0..100) {
            0..80 => End::Succeeds,
            80..87 => End::Fails,
            87..92 => End::Traps,
            92..94 if panics => End::Panics,
            _ => End::FailsBefore(self.random.random_range(2..4)),
        }
    }

    fn act(&mut self, actor: &'static str, parent: &str, from: &From, depth: u32) -> Act {
        let parent = parent.to_owned();
        let fires = matches!(from, From::Reminder { .. });
        match self.random.random_range(0..100) {
            0..14 => Act::Wait { ms: self.random.random_range(0..150) },
            14..16 => Act::Wait { ms: 5_000 },
            16..50 => {
                let to = self.actor();
                Act::Call { word: self.program(to, &From::Call(parent), depth + 1) }
            }
            50..75 => {
                let to = self.actor();
                let delayed = self.random.random_bool(0.3);
                let word = self.program(to, &From::Send { parent, delayed }, depth + 1);
                let delay_ms = if delayed { self.random.random_range(1..500) } else { 0 };
                Act::Send { word, delay_ms }
            }
            // What fires leaves reminders alone, so that its own row tells of this firing only.
            75..85 if !fires => {
                let name = self.reminder();
                let from = From::Reminder { parent: Some(parent), name };
                Act::Remind { name, schedule: self.times(), word: self.program(actor, &from, depth + 1) }
            }
            85..91 if !fires => Act::Forget { name: self.reminder() },
            _ => {
                let name = self.reminder();
                let schedule = self.times();
                let from = From::Timer { parent, firings: schedule.repetitions.unwrap_or(1) };
                Act::Time { name, schedule, word: self.program(actor, &from, depth + 1) }
            }
        }
    }
}
