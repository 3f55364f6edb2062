//! The history of one seed: everything that was asked, answered, run and committed, in the order in
//! which it happened, each with its simulated time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::WriteSet;
use greenroom_core::{Code, MessageId, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::plan::Ask;

/// Something that happened. Requests, turns and calls are numbered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A client asked, and now waits.
    Asked {
        request: u32,
        ask: Ask,
    },
    /// It was answered, before or not.
    Answered {
        request: u32,
        answer: Result<String, Code>,
        repeated: bool,
    },
    /// It hung up.
    HungUp {
        request: u32,
    },
    /// A guest was entered with a message.
    TurnBegan {
        turn: u32,
        began: Began,
    },
    /// The guest read its list.
    Saw {
        turn: u32,
        list: String,
    },
    /// The guest has answered, or was stopped.
    TurnEnded {
        turn: u32,
        end: TurnEnd,
    },
    /// A turn calls another actor.
    CallBegan {
        turn: u32,
        call: u32,
        from: String,
        to: &'static str,
        word: String,
    },
    /// The call is over.
    CallEnded {
        call: u32,
        end: CallEnd,
    },
    /// A batch of turns was committed, at that moment of the host's timeline.
    Committed {
        at: Timestamp,
        batch: Vec<WriteSet>,
    },
    LetterRetried(MessageId),
    LetterRemoved(MessageId),
    /// No retry waits until later than that, or than it is due.
    RetriesBounded {
        latest: Timestamp,
    },
    /// A version of the type is stored.
    Deployed,
    /// The type is not stored any more, nor is anything of its actors.
    Undeployed {
        purge: bool,
    },
    /// Somebody began to make that version the active one.
    VersionAsked {
        version: u32,
    },
    /// Whether that version certainly is the active one now.
    VersionAnswered {
        version: u32,
        done: bool,
    },
    /// The process has drained, and ends.
    Drained {
        took: Duration,
    },
    /// The process has ended; another one follows.
    Crashed,
    /// Nothing is asked any more and time enough has passed; what is wrongly left in memory.
    Quiet {
        leaks: Vec<String>,
    },
}

/// What a guest saw when it was entered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Began {
    pub(super) actor: String,
    pub(super) word: String,
    pub(super) attempt: u32,
    pub(super) version: u32,
    /// How many turns its sandbox has run before.
    pub(super) memory: u64,
    /// When that was, on the host's timeline.
    pub(super) now: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnEnd {
    Succeeded,
    Failed,
    /// It trapped, panicked or was cut off.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallEnd {
    Replied,
    /// A circle, or too deep a chain.
    Deadlock(String),
    Other(String),
    /// The caller was cut off.
    CutOff,
}

/// Writes the history of the process that runs; what an ended one still does is not heard by anybody.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Mutex<Inner>>);

struct Inner {
    started: Instant,
    process: u32,
    numbers: u32,
    events: Vec<(Duration, Event)>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Recorder(Arc::new(Mutex::new(Inner {
            started: Instant::now(),
            process: 0,
            numbers: 0,
            events: Vec::new(),
        })))
    }

    /// The number of the process that runs.
    pub(super) fn process(&self) -> u32 {
        self.0.lock().process
    }

    /// A number that nothing else has.
    pub(super) fn number(&self) -> u32 {
        let mut inner = self.0.lock();
        inner.numbers += 1;
        inner.numbers
    }

    /// Notes what happened in that process.
    pub(super) fn note(&self, process: u32, event: Event) {
        let mut inner = self.0.lock();
        if process == inner.process {
            let at = inner.started.elapsed();
            inner.events.push((at, event));
        }
    }

    /// Ends the process that runs.
    pub(super) fn crashed(&self) {
        self.note(self.process(), Event::Crashed);
        self.0.lock().process += 1;
    }

    pub(super) fn history(&self) -> History {
        History(self.0.lock().events.clone())
    }
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct History(pub(super) Vec<(Duration, Event)>);

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (at, event)) in self.0.iter().enumerate() {
            write!(f, "{number:5} {:9.3}s ", at.as_secs_f64())?;
            match event {
                Event::Committed { at, batch } => {
                    write!(f, "Committed at {at:?}:")?;
                    batch.iter().try_for_each(|write_set| write!(f, " {}", shown(write_set)))?;
                    writeln!(f)?;
                }
                other => writeln!(f, "{other:?}")?,
            }
        }
        Ok(())
    }
}

/// A write set in one line.
fn shown(write_set: &WriteSet) -> String {
    let text = |body: &bytes::Bytes| String::from_utf8_lossy(body).into_owned();
    let mut shown = vec![write_set.address.id.to_string()];
    if write_set.purge {
        shown.push("purge".to_owned());
    }
    for (key, value) in &write_set.state {
        shown.push(format!("{key}={:?}", value.as_ref().map(text)));
    }
    for (name, reminder) in &write_set.reminders {
        shown.push(match reminder {
            Some(kept) => format!(
                "reminder {name}: {} due {:?} fired {} attempt {}",
                text(&kept.payload.body),
                kept.due_at,
                kept.fired,
                kept.attempt
            ),
            None => format!("no reminder {name}"),
        });
    }
    for sent in &write_set.sends {
        let word = text(&sent.message.payload.body);
        shown.push(format!("send {word} to {} due {:?}", sent.to.id, sent.due_at));
    }
    shown.extend(write_set.mail.as_ref().map(|mail| format!("{mail:?}")));
    shown.extend(write_set.idempotency.as_ref().map(|remember| format!("key {}", remember.record.key)));
    format!("[{}]", shown.join(" "))
}
