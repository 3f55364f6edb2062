//! The world around an actor under test: what is stored, what is scheduled, what was sent and said.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::{HostApi, LimitExceeded};
use crate::testing::Sent;
use crate::timestamp::milliseconds;
use crate::{Address, CallErrorKind, Level, Origin, Payload, Reminder, Schedule};

/// The host's limits that an actor is likely to meet, as they are by default.
const STATE_KEY_BYTES: usize = 1 << 10;
const STATE_VALUE_BYTES: usize = 1 << 20;
const SENDS_PER_TURN: usize = 1_000;
const ALARMS: usize = 1_000;
const PERIOD_MIN_MS: u64 = 10;
const RANDOM_BYTES: u32 = 4_096;

/// Answers the actor's calls.
pub(super) type Responder = dyn FnMut(&Address, &str, &Payload) -> Result<Payload, CallErrorKind>;

/// Everything outside the actor's memory.
pub(super) struct World {
    me: Address,
    now_ms: RefCell<u64>,
    random: RefCell<u64>,
    pub(super) effects: RefCell<Effects>,
    pub(super) responder: RefCell<Box<Responder>>,
    pub(super) logs: RefCell<Vec<(Level, String)>>,
}

/// What a turn changes: put back as it was when the turn fails.
#[derive(Clone, Default)]
pub(super) struct Effects {
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) reminders: BTreeMap<String, Alarm>,
    pub(super) timers: BTreeMap<String, Alarm>,
    pub(super) sent: Vec<Sent>,
    /// Sent to itself and not yet delivered.
    mail: Vec<Mail>,
    sent_in_turn: usize,
}

/// A reminder or a timer.
#[derive(Clone)]
pub(super) struct Alarm {
    pub(super) schedule: Schedule,
    method: String,
    payload: Payload,
    due_ms: u64,
    fired: u32,
}

#[derive(Clone)]
struct Mail {
    method: String,
    payload: Payload,
    due_ms: u64,
}

/// Where a message that is due comes from.
enum Source {
    Mail(usize),
    Reminder(String),
    Timer(String),
}

/// The next thing that is due.
pub(super) struct Due {
    pub(super) at_ms: u64,
    pub(super) origin: Origin,
    pub(super) method: String,
    pub(super) payload: Payload,
}

impl World {
    pub(super) fn new(me: Address, now_ms: u64) -> Self {
        World {
            me,
            now_ms: RefCell::new(now_ms),
            random: RefCell::new(0),
            effects: RefCell::default(),
            responder: RefCell::new(Box::new(|_, _, _| Err(CallErrorKind::UnknownActorType))),
            logs: RefCell::default(),
        }
    }

    /// Runs one turn: all of its effects, or none.
    pub(super) fn turn<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.effects.borrow_mut().sent_in_turn = 0;
        let before = self.effects.borrow().clone();
        let result = run();
        if result.is_err() {
            *self.effects.borrow_mut() = before;
        }
        result
    }

    pub(super) fn move_to(&self, now_ms: u64) {
        *self.now_ms.borrow_mut() = now_ms;
    }

    /// Takes the first thing that is due by `until_ms`; of a repeating alarm, one firing.
    pub(super) fn take_due(&self, until_ms: u64) -> Option<Due> {
        let mut effects = self.effects.borrow_mut();
        let effects = &mut *effects;
        let mail =
            effects.mail.iter().enumerate().map(|(position, mail)| (mail.due_ms, Source::Mail(position)));
        let reminders =
            effects.reminders.iter().map(|(name, alarm)| (alarm.due_ms, Source::Reminder(name.clone())));
        let timers = effects.timers.iter().map(|(name, alarm)| (alarm.due_ms, Source::Timer(name.clone())));
        let (at_ms, source) = mail.chain(reminders).chain(timers).min_by_key(|(due_ms, _)| *due_ms)?;
        if at_ms > until_ms {
            return None;
        }
        match source {
            Source::Mail(position) => {
                let Mail { method, payload, .. } = effects.mail.remove(position);
                Some(Due { at_ms, origin: Origin::Actor(self.me.clone()), method, payload })
            }
            Source::Reminder(name) => fire(&mut effects.reminders, &name, Origin::Reminder(name.clone())),
            Source::Timer(name) => fire(&mut effects.timers, &name, Origin::Timer(name.clone())),
        }
    }

    pub(super) fn list(&self, alarms: &BTreeMap<String, Alarm>) -> Vec<Reminder> {
        let now_ms = self.now_ms();
        let view = |(name, alarm): (&String, &Alarm)| Reminder {
            name: name.clone(),
            method: alarm.method.clone(),
            due_in: Duration::from_millis(alarm.due_ms.saturating_sub(now_ms)),
            schedule: alarm.schedule,
        };
        alarms.iter().map(view).collect()
    }

    fn alarm(&self, schedule: Schedule, method: &str, payload: Payload) -> Result<Alarm, LimitExceeded> {
        let Schedule { delay_ms, period_ms, repetitions } = schedule;
        let problem = match (period_ms, repetitions) {
            (Some(period_ms), _) if period_ms < PERIOD_MIN_MS => {
                format!("the period is {period_ms} ms, shorter than {PERIOD_MIN_MS} ms")
            }
            (_, Some(0)) => "repetitions must be at least 1".to_owned(),
            (None, Some(count)) if count > 1 => format!("{count} repetitions need a period"),
            _ => {
                let due_ms = self.now_ms().saturating_add(delay_ms);
                return Ok(Alarm { schedule, method: method.to_owned(), payload, due_ms, fired: 0 });
            }
        };
        Err(LimitExceeded(format!("invalid schedule: {problem}")))
    }
}

fn fire(alarms: &mut BTreeMap<String, Alarm>, name: &str, origin: Origin) -> Option<Due> {
    let mut alarm = alarms.remove(name)?;
    let due =
        Due { at_ms: alarm.due_ms, origin, method: alarm.method.clone(), payload: alarm.payload.clone() };
    alarm.fired += 1;
    let more = alarm.schedule.repetitions.is_none_or(|repetitions| alarm.fired < repetitions);
    if let Some(period_ms) = alarm.schedule.period_ms.filter(|_| more) {
        alarm.due_ms = alarm.due_ms.saturating_add(period_ms);
        alarms.insert(name.to_owned(), alarm);
    }
    Some(due)
}

fn insert(alarms: &mut BTreeMap<String, Alarm>, name: &str, alarm: Alarm) -> Result<(), LimitExceeded> {
    if alarms.len() >= ALARMS && !alarms.contains_key(name) {
        return Err(LimitExceeded(format!("more than {ALARMS} reminders or timers of one actor")));
    }
    alarms.insert(name.to_owned(), alarm);
    Ok(())
}

impl HostApi for World {
    fn state_get(&self, key: &str) -> Option<Vec<u8>> {
        self.effects.borrow().state.get(key).cloned()
    }

    fn state_set(&self, key: &str, value: &[u8]) -> Result<(), LimitExceeded> {
        if key.len() > STATE_KEY_BYTES {
            return Err(LimitExceeded(format!("state_key_bytes of {STATE_KEY_BYTES} is exceeded")));
        }
        if value.len() > STATE_VALUE_BYTES {
            return Err(LimitExceeded(format!("state_value_bytes of {STATE_VALUE_BYTES} is exceeded")));
        }
        self.effects.borrow_mut().state.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn state_delete(&self, key: &str) -> bool {
        self.effects.borrow_mut().state.remove(key).is_some()
    }

    fn state_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let effects = self.effects.borrow();
        let keys = effects.state.keys().filter(|key| key.starts_with(prefix));
        keys.filter(|key| after.is_none_or(|after| key.as_str() > after))
            .take(limit as usize)
            .cloned()
            .collect()
    }

    fn call(&self, to: &Address, method: &str, payload: Payload) -> Result<Payload, CallErrorKind> {
        if *to == self.me {
            return Err(CallErrorKind::Deadlock(format!("{to} → {to}")));
        }
        (self.responder.borrow_mut())(to, method, &payload)
    }

    fn send(&self, to: &Address, method: &str, payload: Payload, delay_ms: u64) -> Result<(), LimitExceeded> {
        let due_ms = self.now_ms().saturating_add(delay_ms);
        let mut effects = self.effects.borrow_mut();
        if effects.sent_in_turn >= SENDS_PER_TURN {
            return Err(LimitExceeded(format!("sends_per_turn of {SENDS_PER_TURN} is exceeded")));
        }
        effects.sent_in_turn += 1;
        if *to == self.me {
            effects.mail.push(Mail { method: method.to_owned(), payload: payload.clone(), due_ms });
        }
        let delay = Duration::from_millis(delay_ms);
        effects.sent.push(Sent { to: to.clone(), method: method.to_owned(), payload, delay });
        Ok(())
    }

    fn reminder_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded> {
        let alarm = self.alarm(schedule, method, payload)?;
        insert(&mut self.effects.borrow_mut().reminders, name, alarm)
    }

    fn reminder_cancel(&self, name: &str) -> bool {
        self.effects.borrow_mut().reminders.remove(name).is_some()
    }

    fn reminder_list(&self) -> Vec<Reminder> {
        self.list(&self.effects.borrow().reminders)
    }

    fn timer_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded> {
        let alarm = self.alarm(schedule, method, payload)?;
        insert(&mut self.effects.borrow_mut().timers, name, alarm)
    }

    fn timer_cancel(&self, name: &str) -> bool {
        self.effects.borrow_mut().timers.remove(name).is_some()
    }

    fn now_ms(&self) -> u64 {
        *self.now_ms.borrow()
    }

    /// Splitmix64: looks random, and is the same in every run.
    fn random(&self, len: u32) -> Vec<u8> {
        let mut state = self.random.borrow_mut();
        let byte = || {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 56) as u8
        };
        std::iter::repeat_with(byte).take(len.min(RANDOM_BYTES) as usize).collect()
    }

    fn log(&self, level: Level, message: &str) {
        self.logs.borrow_mut().push((level, message.to_owned()));
    }
}

/// The moment `duration` after `now_ms`.
pub(super) fn later(now_ms: u64, duration: Duration) -> u64 {
    now_ms.saturating_add(milliseconds(duration))
}
