//! One turn from the guest's side: every host function, over the turn's own changes first, then
//! the activation's memory, then the store. Nothing here is visible to anybody else until the turn
//! has succeeded and its write set is committed; what must leave earlier (a call) waits at the
//! gate for the writes before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::message::MEDIA_TYPE_BYTES_MAX;
use greenroom_core::sandbox::{LogLevel, RawAddress, RawSchedule, ReminderView, TurnHost};
use greenroom_core::schedule::{DAY_MS, DELAY_MAX_MS};
use greenroom_core::store::{Reminder, StoredMessage};
use greenroom_core::{
    Address, CallError, Code, Error, LimitExceeded, Message, Method, Origin, Payload, Schedule,
    SettingsInForce, Timestamp,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::activation::Activation;
use crate::ahead::{ReadAhead, ValueSize};
use crate::changes::{ActorData, Changes, Refusal};
use crate::dispatch::Dispatch;
use crate::guest_log::GuestLog;
use crate::keys::KeySearch;
use crate::mailbox::Caller;
use crate::state::Known;
use crate::timers::Timer;

/// State keys in one answer at most, whatever the guest asks for.
const KEYS_PAGE_MAX: usize = 10_000;

/// Longest name of a reminder or a timer, in bytes.
const SCHEDULE_NAME_BYTES_MAX: usize = 256;

/// What all reminders of an actor may carry together, and as much all of its timers, in bytes: an activation
/// has them in memory.
const SCHEDULED_BYTES_MAX: usize = 16 << 20;

/// See the [module](self).
pub(crate) struct Turn {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) me: Address,
    /// When it began, on the host's timeline.
    pub(crate) began_at: Timestamp,
    /// What the machine's clock said then, for the guest.
    pub(crate) now: Timestamp,
    pub(crate) deadline: Instant,
    /// How many actors wait for this turn, one for the other.
    pub(crate) depth: u32,
    /// Nobody waits for it.
    pub(crate) is_background: bool,
    pub(crate) data: Arc<Mutex<ActorData>>,
    pub(crate) activation: Arc<Activation>,
    pub(crate) changes: Mutex<Changes>,
    pub(crate) ahead: tokio::sync::Mutex<ReadAhead>,
    pub(crate) log: GuestLog,
    pub(crate) settings: Arc<SettingsInForce>,
}

impl Turn {
    /// Ends the turn: what it changed takes its place in the activation's memory, and is returned
    /// to be committed.
    pub(crate) fn settle(&self) -> greenroom_core::store::WriteSet {
        let changes = std::mem::take(&mut *self.changes.lock());
        changes.settle(&self.me, &mut self.data.lock(), self.settings.limits.state_preload_bytes)
    }

    async fn value(&self, key: &str) -> Result<Option<Bytes>, Error> {
        if let Some(written) = self.changes.lock().state.get(key) {
            return Ok(written.clone());
        }
        if let Known::Value(value) = self.data.lock().state.get(key) {
            return Ok(value);
        }
        let value = self.dispatch.store.state_value(&self.me, key).await?;
        let bytes_max = self.settings.limits.state_preload_bytes;
        self.data.lock().state.keep_read(key.to_owned(), value.clone(), bytes_max);
        Ok(value)
    }

    fn search_on(&self, search: &mut KeySearch, page: &[String], is_last: bool) {
        let changes = self.changes.lock();
        search.go_on(page, is_last, &self.data.lock().state, &changes.state);
    }

    /// How long the value of a key is, if it has one. It is not read.
    async fn value_size(&self, key: &str) -> Result<Option<u64>, Error> {
        let size = |value: &Option<Bytes>| value.as_ref().map(|value| value.len() as u64);
        if let Some(written) = self.changes.lock().state.get(key) {
            return Ok(size(written));
        }
        if let Known::Value(value) = self.data.lock().state.get(key) {
            return Ok(size(&value));
        }
        let mut ahead = self.ahead.lock().await;
        if let ValueSize::Known(size) = ahead.get(key) {
            return Ok(size);
        }
        let asked = ahead.next();
        let sizes = self.dispatch.store.state_value_sizes(&self.me, key, asked).await?;
        let size = sizes.first().filter(|(first, _)| first == key).map(|(_, size)| *size);
        ahead.learn(key.to_owned(), asked, sizes);
        Ok(size)
    }

    /// Writes a state value, or says which limit that would pass.
    pub(crate) async fn write(&self, key: String, value: Bytes) -> Result<Result<(), Refusal>, Error> {
        let limits = &self.settings.limits;
        if key.is_empty() || key.len() > limits.state_key_bytes {
            return Ok(Err(Refusal::new(
                Code::InvalidRequest,
                format!(
                    "a state key has 1 to {} bytes (state_key_bytes), not {}",
                    limits.state_key_bytes,
                    key.len()
                ),
            )));
        }
        if value.len() > limits.state_value_bytes {
            return Ok(Err(Refusal::new(
                Code::PayloadTooLarge,
                format!(
                    "a state value has at most {} bytes (state_value_bytes), not {}",
                    limits.state_value_bytes,
                    value.len()
                ),
            )));
        }
        let before = self.value_size(&key).await?;
        let mut changes = self.changes.lock();
        let size = key.len() + value.len();
        let shrinks_by = before.map_or(0, |before| key.len() as u64 + before) as i64;
        let total = self
            .data
            .lock()
            .state
            .total_bytes()
            .saturating_add_signed(changes.growth.bytes + size as i64 - shrinks_by);
        if total > limits.state_bytes {
            return Ok(Err(Refusal::new(
                Code::StateLimit,
                format!("the actor's state would have more than {} bytes (state_bytes)", limits.state_bytes),
            )));
        }
        if let Err(refusal) = changes.spend(size, limits.write_set_bytes) {
            return Ok(Err(refusal));
        }
        changes.write_state(key, before, Some(value));
        Ok(Ok(()))
    }

    /// Deletes a state value; says whether it was there.
    pub(crate) async fn delete(&self, key: String) -> Result<bool, Error> {
        let Some(before) = self.value_size(&key).await? else { return Ok(false) };
        let mut changes = self.changes.lock();
        changes.spend(key.len(), self.settings.limits.write_set_bytes)?;
        changes.write_state(key, Some(before), None);
        Ok(true)
    }

    /// Sets a reminder, or says which limit that would pass.
    pub(crate) fn set_reminder(
        &self,
        name: &str,
        schedule: Schedule,
        method: Method,
        payload: Payload,
    ) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        check_name("reminder", name)?;
        check_schedule(schedule)?;
        check_payload(&payload, limits.payload_bytes)?;
        let mut changes = self.changes.lock();
        let (others, bytes) =
            others(self.data.lock().reminders.iter(), &changes.reminders, name, |other| other.payload.len());
        if others >= limits.reminders_per_actor {
            return Err(Refusal::new(
                Code::WriteSetTooLarge,
                format!(
                    "an actor has at most {} reminders (reminders_per_actor)",
                    limits.reminders_per_actor
                ),
            ));
        }
        check_scheduled("reminders", bytes + payload.len())?;
        changes.spend(name.len() + payload.len(), limits.write_set_bytes)?;
        let due_at = self.began_at.plus_ms(schedule.delay_ms());
        let name: Arc<str> = Arc::from(name);
        let reminder = Reminder {
            name: Arc::clone(&name),
            method,
            payload,
            schedule,
            due_at,
            fired: 0,
            firing_id: self.dispatch.ids.next(self.began_at),
            attempt: 1,
            wake_at: due_at,
        };
        changes.reminders.insert(name, Some(reminder));
        Ok(())
    }

    /// Cancels a reminder; says whether there was one.
    pub(crate) fn cancel_reminder(&self, name: &str) -> Result<bool, Error> {
        let mut changes = self.changes.lock();
        let there = match changes.reminders.get(name) {
            Some(changed) => changed.is_some(),
            None => self.data.lock().reminders.contains_key(name),
        };
        if there {
            changes.spend(name.len(), self.settings.limits.write_set_bytes)?;
            changes.reminders.insert(Arc::from(name), None);
        }
        Ok(there)
    }

    async fn call_actor(
        &self,
        to: &RawAddress,
        method: String,
        payload: Payload,
    ) -> Result<Payload, CallFault> {
        let limits = &self.settings.limits;
        let to = Address::parse(&to.actor_type, &to.id)
            .map_err(|invalid| CallError::Unavailable(invalid.to_string()))?;
        let method = Method::new(&method).map_err(|invalid| CallError::Unavailable(invalid.to_string()))?;
        let terms = self.dispatch.terms(&to).map_err(CallError::from)?;
        check_payload(&payload, terms.payload_bytes.min(limits.payload_bytes))
            .map_err(|refusal| CallError::Unavailable(refusal.text))?;
        {
            let mut changes = self.changes.lock();
            if changes.calls >= limits.calls_per_turn {
                let text = format!("a turn makes at most {} calls (calls_per_turn)", limits.calls_per_turn);
                return Err(CallError::Unavailable(text).into());
            }
            changes.calls += 1;
        }
        if self.depth >= limits.call_depth {
            let text = format!(
                "{} → {to}: at most {} actors wait for each other (call_depth)",
                self.me, limits.call_depth
            );
            return Err(CallError::Deadlock(text).into());
        }
        let wait = self.dispatch.waits.begin(&self.me, &to).map_err(|circle| {
            CallError::Deadlock(circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))
        })?;
        self.dispatch.residency.look_for_standstill(&self.dispatch.waits, Some(&to));
        // What the callee is told may depend on writes of turns before this one.
        self.activation.gate.wait().await.map_err(CallFault::TurnFails)?;
        let message = Message {
            id: self.dispatch.ids.next(self.began_at),
            method,
            payload,
            origin: Origin::Actor(self.me.clone()),
            attempt: 1,
        };
        let deadline = earlier(self.deadline).min(terms.deadline);
        let caller =
            Caller { depth: self.depth + 1, wait: Some(wait.clone()), is_background: self.is_background };
        let reply = self.dispatch.call(&to, message, deadline, caller).await;
        drop(wait);
        reply.map_err(|error| CallFault::Told(error.into()))
    }

    fn send_to(&self, to: Address, method: &str, payload: Payload, delay_ms: u64) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        let invalid =
            |invalid: greenroom_core::InvalidName| Refusal::new(Code::InvalidRequest, invalid.to_string());
        let method = Method::new(method).map_err(invalid)?;
        check_delay(delay_ms)?;
        let refused = |error: Error| Refusal::new(error.code, error.detail);
        let terms = self.dispatch.terms(&to).map_err(refused)?;
        check_payload(&payload, terms.payload_bytes.min(limits.payload_bytes))?;
        let mut changes = self.changes.lock();
        self.dispatch.check_send(&to, delay_ms, &changes.sends).map_err(refused)?;
        if changes.sends.len() >= limits.sends_per_turn as usize {
            let text = format!("a turn sends at most {} messages (sends_per_turn)", limits.sends_per_turn);
            return Err(Refusal::new(Code::WriteSetTooLarge, text));
        }
        changes.spend(payload.len(), limits.write_set_bytes)?;
        let message = Message {
            id: self.dispatch.ids.next(self.began_at),
            method,
            payload,
            origin: Origin::Actor(self.me.clone()),
            attempt: 1,
        };
        changes.sends.push(stored(to, message, self.began_at, delay_ms));
        Ok(())
    }

    fn set_timer(
        &self,
        name: &str,
        schedule: RawSchedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        check_name("timer", name)?;
        let (schedule, method) = parse_schedule(schedule, method)?;
        check_schedule(schedule)?;
        check_payload(&payload, limits.payload_bytes)?;
        let mut changes = self.changes.lock();
        let (others, bytes) =
            others(self.data.lock().timers.iter(), &changes.timers, name, |other| other.payload.len());
        if others >= limits.timers_per_actor {
            let text = format!("an actor has at most {} timers (timers_per_actor)", limits.timers_per_actor);
            return Err(Refusal::new(Code::WriteSetTooLarge, text));
        }
        check_scheduled("timers", bytes + payload.len())?;
        changes.spend(name.len() + payload.len(), limits.write_set_bytes)?;
        let timer = Timer::new(schedule, method, payload, Instant::now());
        changes.timers.insert(Arc::from(name), Some(timer));
        Ok(())
    }
}

/// How a call ends when it brings no reply.
enum CallFault {
    /// The caller is told, and goes on.
    Told(CallError),
    /// The caller's own turn can't go on.
    TurnFails(Error),
}

impl From<CallError> for CallFault {
    fn from(error: CallError) -> Self {
        CallFault::Told(error)
    }
}

/// A callee's deadline: a tenth of what is left sooner, so that the caller can still act on it.
fn earlier(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now).mul_f32(0.9)
}

/// A message on its way to a durable mailbox.
pub(crate) fn stored(to: Address, message: Message, now: Timestamp, delay_ms: u64) -> StoredMessage {
    let due_at = now.plus_ms(delay_ms);
    StoredMessage { to, message, due_at, sent_at: now, wake_at: due_at, error: None }
}

/// Checks how far ahead something is planned.
pub(crate) fn check_delay(delay_ms: u64) -> Result<u64, Refusal> {
    if delay_ms > DELAY_MAX_MS {
        let days = DELAY_MAX_MS / DAY_MS;
        let text = format!("a delay or a period has at most {DELAY_MAX_MS} ms ({days} days), not {delay_ms}");
        return Err(Refusal::new(Code::InvalidRequest, text));
    }
    Ok(delay_ms)
}

fn check_schedule(schedule: Schedule) -> Result<(), Refusal> {
    check_delay(schedule.delay_ms().max(schedule.period_ms().unwrap_or(0))).map(drop)
}

fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > SCHEDULE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let text = format!(
            "the name of a {what} has 1 to {SCHEDULE_NAME_BYTES_MAX} bytes and no control characters"
        );
        return Err(Refusal::new(Code::InvalidRequest, text));
    }
    Ok(())
}

/// How many of what is `kept` and of what the turn has `changed` there are beside the one of that name, and how
/// many bytes they carry.
fn others<'a, T: 'a>(
    kept: impl Iterator<Item = (&'a Arc<str>, &'a T)>,
    changed: &'a BTreeMap<Arc<str>, Option<T>>,
    name: &str,
    bytes: impl Fn(&T) -> usize,
) -> (usize, usize) {
    let kept = kept.filter(|(kept, _)| !changed.contains_key(*kept));
    let set = changed.iter().filter_map(|(set, scheduled)| Some((set, scheduled.as_ref()?)));
    let others = kept.chain(set).filter(|(other, _)| ***other != *name);
    others.fold((0, 0), |(count, total), (_, other)| (count + 1, total + bytes(other)))
}

/// Checks what all reminders or timers of an actor would carry.
fn check_scheduled(what: &str, bytes: usize) -> Result<(), Refusal> {
    if bytes > SCHEDULED_BYTES_MAX {
        let text =
            format!("the payloads of an actor's {what} have at most {SCHEDULED_BYTES_MAX} bytes together");
        return Err(Refusal::new(Code::WriteSetTooLarge, text));
    }
    Ok(())
}

/// Checks a payload against the limit on it.
pub(crate) fn check_payload(payload: &Payload, payload_bytes: usize) -> Result<(), Refusal> {
    let (body, media_type) = (payload.body.len(), payload.content_type.len());
    if body > payload_bytes {
        let text = format!("a payload has at most {payload_bytes} bytes (payload_bytes), not {body}");
        return Err(Refusal::new(Code::PayloadTooLarge, text));
    }
    if media_type > MEDIA_TYPE_BYTES_MAX {
        let text = format!("a media type has at most {MEDIA_TYPE_BYTES_MAX} bytes, not {media_type}");
        return Err(Refusal::new(Code::PayloadTooLarge, text));
    }
    Ok(())
}

fn parse_schedule(schedule: RawSchedule, method: &str) -> Result<(Schedule, Method), Refusal> {
    let schedule = Schedule::new(schedule.delay_ms, schedule.period_ms, schedule.repetitions)
        .map_err(|invalid| Refusal::new(Code::InvalidRequest, invalid.to_string()))?;
    let method =
        Method::new(method).map_err(|invalid| Refusal::new(Code::InvalidRequest, invalid.to_string()))?;
    Ok((schedule, method))
}

#[async_trait]
impl TurnHost for Turn {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn becomes_long(&self) {
        self.activation.life.set_long(true);
    }

    async fn state_get(&self, key: String) -> Result<Option<Bytes>, Error> {
        self.value(&key).await
    }

    async fn state_set(&self, key: String, value: Bytes) -> Result<Result<(), LimitExceeded>, Error> {
        Ok(self.write(key, value).await?.map_err(Into::into))
    }

    async fn state_delete(&self, key: String) -> Result<bool, Error> {
        self.delete(key).await
    }

    async fn state_keys(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let limit = (limit as usize).min(KEYS_PAGE_MAX);
        let mut search = KeySearch::new(prefix, after, limit, self.changes.lock().gap.as_ref());
        if self.data.lock().state.is_complete() && !search.is_over() {
            self.search_on(&mut search, &[], true);
        }
        // Each page is larger than the one before: then most of it is deleted.
        let mut page_max = search.missing();
        while !search.is_over() {
            let page =
                self.dispatch.store.state_keys(&self.me, search.prefix(), search.after(), page_max).await?;
            self.search_on(&mut search, &page, page.len() < page_max);
            page_max = (page_max * 2).clamp(search.missing(), KEYS_PAGE_MAX);
        }
        let (keys, gap) = search.end();
        if gap.is_some() {
            self.changes.lock().gap = gap;
        }
        Ok(keys)
    }

    async fn call(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
    ) -> Result<Result<Payload, CallError>, Error> {
        match self.call_actor(&to, method, payload).await {
            Ok(reply) => Ok(Ok(reply)),
            Err(CallFault::Told(error)) => Ok(Err(error)),
            Err(CallFault::TurnFails(error)) => Err(error),
        }
    }

    async fn send(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
        delay_ms: u64,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        let to = match Address::parse(&to.actor_type, &to.id) {
            Ok(to) => to,
            Err(invalid) => return Ok(Err(LimitExceeded(invalid.to_string()))),
        };
        self.dispatch.look_up_backlog(&to).await?;
        Ok(self.send_to(to, &method, payload, delay_ms).map_err(Into::into))
    }

    fn reminder_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        let set = parse_schedule(schedule, &method)
            .and_then(|(schedule, method)| self.set_reminder(&name, schedule, method, payload));
        Ok(set.map_err(Into::into))
    }

    fn reminder_cancel(&self, name: String) -> Result<bool, Error> {
        self.cancel_reminder(&name)
    }

    fn reminder_list(&self) -> Result<Vec<ReminderView>, Error> {
        let changes = self.changes.lock();
        let data = self.data.lock();
        let mut reminders = data.reminders.clone();
        for (name, changed) in &changes.reminders {
            match changed {
                Some(reminder) => drop(reminders.insert(Arc::clone(name), reminder.clone())),
                None => drop(reminders.remove(name)),
            }
        }
        let view = |reminder: Reminder| ReminderView {
            due_in_ms: self.began_at.until(reminder.due_at).as_millis() as u64,
            name: reminder.name,
            method: reminder.method,
            schedule: reminder.schedule,
        };
        Ok(reminders.into_values().map(view).collect())
    }

    fn timer_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        Ok(self.set_timer(&name, schedule, &method, payload).map_err(Into::into))
    }

    fn timer_cancel(&self, name: String) -> Result<bool, Error> {
        let mut changes = self.changes.lock();
        let there = match changes.timers.get(&*name) {
            Some(changed) => changed.is_some(),
            None => self.data.lock().timers.contains(&name),
        };
        if there {
            changes.timers.insert(Arc::from(name), None);
        }
        Ok(there)
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.log.write(&self.me, level, message);
    }
}
