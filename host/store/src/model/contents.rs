//! What a [`ModelStore`](super::ModelStore) holds: ordered maps, and each question answered by
//! looking at everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::store::{
    ActorTypeRecord, DeadLetter, DeadLetterSummary, Due, Mail, MailChange, MailKey, Remember, Reminder,
    StateSize, StoredActor, StoredMessage, StoredSummary, Undeployed, VersionRecord, WriteSet,
};
use greenroom_core::{
    ActorType, Address, ComponentInfo, Digest, IdempotencyKey, IdempotencyRecord, MessageId, Timestamp,
    TypeSettings,
};

/// All that one actor has stored.
#[derive(Debug, Default)]
struct Actor {
    state: BTreeMap<String, Bytes>,
    size_is_kept: bool,
    mailbox: BTreeMap<MailKey, StoredMessage>,
    reminders: BTreeMap<Arc<str>, Reminder>,
    idempotency: BTreeMap<IdempotencyKey, Kept>,
}

/// What is kept for repeats of a request.
#[derive(Debug)]
struct Kept {
    /// Counts up.
    number: u64,
    /// Its bytes, and those of all that were kept before it.
    end: u64,
    record: IdempotencyRecord,
}

impl Actor {
    fn state_size(&self) -> StateSize {
        let bytes = self.state.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        StateSize { keys: self.state.len() as u64, bytes }
    }

    fn remember(&mut self, Remember { record, newest, newer_bytes_max }: &Remember) {
        let kept = || self.idempotency.values();
        let number = 1 + kept().map(|kept| kept.number).max().unwrap_or(0);
        let end = record.bytes() + kept().map(|kept| kept.end).max().unwrap_or(0);
        self.idempotency.insert(record.key.clone(), Kept { number, end, record: record.clone() });
        self.idempotency.retain(|_, kept| {
            kept.number + u64::from(*newest) > number && kept.end.saturating_add(*newer_bytes_max) > end
        });
    }

    fn is_listed(&self) -> bool {
        !(self.state.is_empty()
            && self.mailbox.is_empty()
            && self.reminders.is_empty()
            && self.idempotency.is_empty())
    }

    fn wake_ups(&self) -> impl Iterator<Item = Timestamp> {
        let mail = self.mailbox.values().map(|message| message.wake_at);
        mail.chain(self.reminders.values().map(|reminder| reminder.wake_at))
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Contents {
    actors: BTreeMap<Address, Actor>,
    dead_letters: BTreeMap<MessageId, DeadLetter>,
    types: BTreeMap<ActorType, ActorTypeRecord>,
    components: BTreeMap<Digest, Bytes>,
    /// Types that were undeployed, until somebody has removed what is left of them.
    purged: BTreeSet<ActorType>,
}

impl Contents {
    pub(super) fn apply(&mut self, batch: &[WriteSet]) {
        for set in batch {
            self.apply_one(set);
        }
    }

    fn apply_one(&mut self, set: &WriteSet) {
        if set.purge {
            self.actors.remove(&set.address);
            self.dead_letters.retain(|_, letter| letter.to != set.address);
        }
        for message in &set.sends {
            self.actors.entry(message.to.clone()).or_default().mailbox.insert(message.key(), message.clone());
        }
        let actor = self.actors.entry(set.address.clone()).or_default();
        for (key, value) in &set.state {
            match value {
                Some(value) => actor.state.insert(key.clone(), value.clone()),
                None => actor.state.remove(key),
            };
        }
        if let Some(told) = set.state_size {
            assert_eq!(told, actor.state_size(), "{} says that its state comes to this", set.address);
            actor.size_is_kept = true;
        } else {
            assert!(set.state.is_empty() || !actor.size_is_kept, "{} does not say it again", set.address);
        }
        for (name, reminder) in &set.reminders {
            match reminder {
                Some(reminder) => actor.reminders.insert(name.clone(), reminder.clone()),
                None => actor.reminders.remove(name),
            };
        }
        if let Some(remember) = &set.idempotency {
            actor.remember(remember);
        }
        match &set.mail {
            None => {}
            Some(MailChange::Consumed(key)) => {
                actor.mailbox.remove(key);
            }
            Some(MailChange::Retry { key, attempt, wake_at, error }) => {
                if let Some(message) = actor.mailbox.get_mut(key) {
                    message.message.attempt = *attempt;
                    message.wake_at = *wake_at;
                    message.error.clone_from(error);
                }
            }
            Some(MailChange::Dead { key, letter }) => {
                actor.mailbox.remove(key);
                self.dead_letters.insert(letter.message.id, DeadLetter::clone(letter));
            }
            Some(MailChange::DeadFiring(letter)) => {
                self.dead_letters.insert(letter.message.id, DeadLetter::clone(letter));
            }
        }
    }

    pub(super) fn load(&self, address: &Address, state_bytes_max: u64) -> StoredActor {
        let Some(actor) = self.actors.get(address) else {
            return StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
        };
        let state_size = actor.state_size();
        let state = || actor.state.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        StoredActor {
            state: (state_size.bytes <= state_bytes_max).then(state),
            state_size,
            size_is_kept: actor.size_is_kept,
            reminders: actor.reminders.values().cloned().collect(),
        }
    }

    pub(super) fn state_value(&self, address: &Address, key: &str) -> Option<Bytes> {
        self.actors.get(address)?.state.get(key).cloned()
    }

    pub(super) fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let keys = self.actors.get(address).into_iter().flat_map(|actor| actor.state.keys());
        keys.filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn state_value_sizes(
        &self,
        address: &Address,
        from: &str,
        limit: usize,
    ) -> Vec<(String, u64)> {
        let values = self.actors.get(address).into_iter().flat_map(|actor| &actor.state);
        values
            .filter(|(key, _)| key.as_str() >= from)
            .take(limit)
            .map(|(key, value)| (key.clone(), value.len() as u64))
            .collect()
    }

    pub(super) fn mail(
        &self,
        address: &Address,
        now: Timestamp,
        after: Option<MailKey>,
        limit: usize,
    ) -> Mail {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.actors.get(address).into_iter();
        let mut messages: Vec<StoredMessage> = found
            .flat_map(|actor| actor.mailbox.range((from, Bound::Unbounded)))
            .map(|(_, message)| message)
            .filter(|message| message.due_at <= now || message.message.attempt > 1)
            .cloned()
            .collect();
        let more = messages.len() > limit;
        messages.truncate(limit);
        Mail { messages, more }
    }

    pub(super) fn waiting(&self, address: Option<&Address>, limit: usize) -> Vec<MailKey> {
        let of = self.actors.iter().filter(|(of, _)| address.is_none_or(|address| *of == address));
        of.flat_map(|(_, actor)| actor.mailbox.keys().copied()).take(limit).collect()
    }

    pub(super) fn summary(&self, address: &Address) -> StoredSummary {
        let Some(actor) = self.actors.get(address) else { return StoredSummary::default() };
        StoredSummary {
            state_size: actor.state_size(),
            mail: actor.mailbox.len() as u64,
            reminders: actor.reminders.values().cloned().collect(),
            answers: actor.idempotency.len() as u64,
            answer_bytes: actor.idempotency.values().map(|kept| kept.record.bytes()).sum(),
        }
    }

    pub(super) fn actors(
        &self,
        actor_type: Option<&ActorType>,
        prefix: &str,
        after: Option<&Address>,
        limit: usize,
    ) -> Vec<Address> {
        self.actors
            .iter()
            .filter(|(_, actor)| actor.is_listed())
            .map(|(address, _)| address)
            .filter(|address| actor_type.is_none_or(|name| address.actor_type == *name))
            .filter(|address| address.id.as_str().starts_with(prefix))
            .filter(|address| after.is_none_or(|after| *address > after))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn due(&self, until: Timestamp, after: Option<&Due>, limit: usize) -> Vec<Due> {
        let earliest = self.actors.iter().filter_map(|(address, actor)| {
            actor.wake_ups().min().map(|at| Due { at, address: address.clone() })
        });
        let due: BTreeSet<Due> =
            earliest.filter(|due| due.at <= until && after.is_none_or(|after| due > after)).collect();
        due.into_iter().take(limit).collect()
    }

    pub(super) fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        self.actors.values().flat_map(Actor::wake_ups).filter(|at| *at > after).min()
    }

    pub(super) fn latest_message_id(&self) -> Option<MessageId> {
        let mail = self.actors.values().flat_map(|actor| actor.mailbox.keys().map(|key| key.id));
        let firings = self.actors.values().flat_map(|actor| actor.reminders.values().map(|r| r.firing_id));
        mail.chain(firings).chain(self.dead_letters.keys().copied()).max()
    }

    pub(super) fn bound_retries(&mut self, actor_type: &ActorType, latest: Timestamp, limit: usize) -> usize {
        let mut actors: Vec<&mut Actor> = self
            .actors
            .iter_mut()
            .filter(|(address, _)| address.actor_type == *actor_type)
            .map(|(_, actor)| actor)
            .collect();
        let mail = actors.iter_mut().flat_map(|actor| actor.mailbox.values_mut());
        let mail = mail.filter(|waiting| waiting.message.attempt > 1);
        let mail = mail.map(|waiting| (waiting.due_at, &mut waiting.wake_at));
        let mail = bound(mail, latest, limit);
        let reminders = actors.iter_mut().flat_map(|actor| actor.reminders.values_mut());
        let reminders = reminders.filter(|reminder| reminder.attempt > 1);
        let reminders = reminders.map(|reminder| (reminder.due_at, &mut reminder.wake_at));
        mail + bound(reminders, latest, limit)
    }

    pub(super) fn actor_types(&self) -> Vec<ActorTypeRecord> {
        self.types.values().cloned().collect()
    }

    pub(super) fn deploy(
        &mut self,
        actor_type: &ActorType,
        info: &ComponentInfo,
        component: &Bytes,
        versions_max: usize,
        now: Timestamp,
    ) -> ActorTypeRecord {
        self.components.insert(info.digest, component.clone());
        let record = self.types.entry(actor_type.clone()).or_insert_with(|| ActorTypeRecord {
            name: actor_type.clone(),
            active_version: 0,
            previous_version: None,
            settings: TypeSettings::default(),
            versions: Vec::new(),
        });
        let number = record.versions.last().map_or(1, |latest| latest.number + 1);
        record.versions.push(VersionRecord { number, component: info.clone(), deployed_at: now });
        record.previous_version = Some(record.active_version).filter(|version| *version > 0);
        record.active_version = number;
        let old = record.versions.len().saturating_sub(versions_max);
        let kept = [record.active_version, record.previous_version.unwrap_or_default()];
        let mut place = 0;
        record.versions.retain(|version| {
            place += 1;
            place > old || kept.contains(&version.number)
        });
        let record = record.clone();
        self.remove_unused_components();
        record
    }

    pub(super) fn activate_version(
        &mut self,
        actor_type: &ActorType,
        version: u32,
    ) -> Option<ActorTypeRecord> {
        let record = self.types.get_mut(actor_type)?;
        record.version(version)?;
        if record.active_version != version {
            record.previous_version = Some(record.active_version);
            record.active_version = version;
        }
        Some(record.clone())
    }

    pub(super) fn set_settings(
        &mut self,
        actor_type: &ActorType,
        settings: &TypeSettings,
    ) -> Option<ActorTypeRecord> {
        let record = self.types.get_mut(actor_type)?;
        record.settings = settings.clone();
        Some(record.clone())
    }

    fn remove_unused_components(&mut self) {
        let versions = self.types.values().flat_map(|record| &record.versions);
        let used: BTreeSet<Digest> = versions.map(|version| version.component.digest).collect();
        self.components.retain(|digest, _| used.contains(digest));
    }

    pub(super) fn component(&self, digest: &Digest) -> Option<Bytes> {
        self.components.get(digest).cloned()
    }

    pub(super) fn undeploy(&mut self, actor_type: &ActorType, purge: bool) -> Undeployed {
        if !self.types.contains_key(actor_type) {
            return Undeployed::Unknown;
        }
        if purge {
            self.dead_letters.retain(|_, letter| letter.to.actor_type != *actor_type);
        } else if !self.actors(Some(actor_type), "", None, 1).is_empty()
            || !self.dead_letters(Some(actor_type), None, 1).is_empty()
        {
            return Undeployed::InUse;
        }
        self.actors.retain(|address, _| address.actor_type != *actor_type);
        self.types.remove(actor_type);
        self.remove_unused_components();
        self.purged.insert(actor_type.clone());
        Undeployed::Removed
    }

    pub(super) fn is_purging(&self, actor_type: &ActorType) -> bool {
        self.purged.contains(actor_type)
    }

    pub(super) fn has_purged(&self) -> bool {
        !self.purged.is_empty()
    }

    pub(super) fn forget_purged(&mut self) {
        self.purged.clear();
    }

    pub(super) fn dead_letters(
        &self,
        actor_type: Option<&ActorType>,
        after: Option<MessageId>,
        limit: usize,
    ) -> Vec<DeadLetterSummary> {
        self.dead_letters
            .values()
            .filter(|letter| actor_type.is_none_or(|name| letter.to.actor_type == *name))
            .filter(|letter| after.is_none_or(|after| letter.message.id > after))
            .take(limit)
            .map(DeadLetterSummary::from)
            .collect()
    }

    pub(super) fn dead_letter(&self, id: MessageId) -> Option<DeadLetter> {
        self.dead_letters.get(&id).cloned()
    }

    pub(super) fn count_dead_letters(&self, address: &Address) -> u64 {
        self.dead_letters.values().filter(|letter| letter.to == *address).count() as u64
    }

    pub(super) fn retry_dead_letter(&mut self, id: MessageId, now: Timestamp) -> Option<Address> {
        let DeadLetter { to, mut message, .. } = self.dead_letters.remove(&id)?;
        message.attempt = 1;
        let (due_at, wake_at) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let stored = StoredMessage { to: to.clone(), message, due_at, sent_at: now, wake_at, error: None };
        self.actors.entry(to.clone()).or_default().mailbox.insert(stored.key(), stored);
        Some(to)
    }

    pub(super) fn remove_dead_letter(&mut self, id: MessageId) -> bool {
        self.dead_letters.remove(&id).is_some()
    }

    pub(super) fn idempotency_record(
        &self,
        address: &Address,
        key: &IdempotencyKey,
    ) -> Option<IdempotencyRecord> {
        Some(self.actors.get(address)?.idempotency.get(key)?.record.clone())
    }

    pub(super) fn idempotency_keys(&self, address: &Address) -> usize {
        self.actors.get(address).map_or(0, |actor| actor.idempotency.len())
    }

    pub(super) fn forget_idempotency(&mut self, until: Timestamp, limit: usize) -> usize {
        let records = self.actors.iter().flat_map(|(address, actor)| {
            actor
                .idempotency
                .values()
                .map(move |Kept { record, .. }| (record.at, address.clone(), record.key.clone()))
        });
        let mut old: Vec<_> = records.filter(|(at, ..)| *at <= until).collect();
        old.sort();
        old.truncate(limit);
        for (_, address, key) in &old {
            self.actors.entry(address.clone()).or_default().idempotency.remove(key);
        }
        old.len()
    }
}

/// Brings forward what waits until later than `latest` and than it is due; says how many did.
fn bound<'c>(
    retries: impl Iterator<Item = (Timestamp, &'c mut Timestamp)>,
    latest: Timestamp,
    limit: usize,
) -> usize {
    let late = retries.map(|(due_at, wake_at)| (due_at.max(latest), wake_at));
    let late = late.filter(|(latest, wake_at)| **wake_at > *latest);
    late.take(limit).map(|(latest, wake_at)| *wake_at = latest).count()
}
