//! What is stored, commit for commit, and what no commit may do to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_core::store::{DeadLetter, MailChange, Reminder, StoredMessage, WriteSet};
use greenroom_core::{Address, MessageId, Origin, Timestamp};

use super::super::plan::{Act, End, From};
use super::{Actor, Checker, Rule, text};

impl Actor {
    /// Forgets all that it has stored.
    fn purge(&mut self) {
        self.purges += 1;
        (self.list, self.last) = (String::new(), String::new());
        self.lists.push(String::new());
        self.effects.values_mut().for_each(|count| *count = 0);
        self.mailbox.clear();
        self.reminders.clear();
    }
}

impl Checker<'_> {
    pub(super) fn committed(&mut self, at: Timestamp, write_set: &WriteSet) {
        let id = write_set.address.id.to_string();
        if !self.is_deployed && !write_set.is_empty() {
            self.find(Rule::Undeployed, format!("{id} has something stored, and no type"));
        }
        if write_set.purge {
            self.actor(&id).purge();
            self.letters.retain(|_, letter| letter.to.id.as_str() != id);
        }
        let effect = self.effect(&id, write_set);
        self.not_from_before(write_set, effect.as_deref());
        self.sent(&id, write_set, effect.as_deref());
        self.mail(&id, write_set, effect.as_deref());
        self.reminders(&id, at, write_set, effect.as_deref());
        if let Some(word) = effect {
            self.whole(&word, write_set);
        }
    }

    /// Nothing of a type that is gone is committed: a turn, or the answer kept of one, is of the type that is
    /// deployed now.
    fn not_from_before(&mut self, write_set: &WriteSet, effect: Option<&str>) {
        let kept = write_set.idempotency.as_ref().map(|remember| remember.record.key.as_str());
        let Some(word) = effect.or(kept.filter(|_| write_set.sends.is_empty())) else { return };
        if self.lives.get(word).is_some_and(|removals| *removals != self.removals) {
            self.find(
                Rule::Undeployed,
                format!("{word} began before its type was undeployed, and took effect"),
            );
        }
        self.gone.remove(word);
    }

    pub(super) fn undeployed(&mut self, purge: bool) {
        let is_in_use = |actor: &Actor| {
            !(actor.list.is_empty() && actor.mailbox.is_empty() && actor.reminders.is_empty())
        };
        if !purge && (self.actors.values().any(is_in_use) || !self.letters.is_empty()) {
            self.find(Rule::Lost, "a type was undeployed that was in use, without purge");
        }
        (self.is_deployed, self.removals) = (false, self.removals + 1);
        self.letters.clear();
        for actor in self.actors.values_mut() {
            let effects = actor.effects.iter().filter(|(_, count)| **count > 0);
            self.gone.extend(effects.map(|(word, _)| (word.clone(), self.now)));
            actor.purge();
        }
    }

    /// The word that a turn has appended, if it has.
    fn effect(&mut self, id: &str, write_set: &WriteSet) -> Option<String> {
        let value = |name: &str| {
            let found = write_set.state.iter().find(|(key, _)| key == name)?;
            Some(String::from_utf8_lossy(found.1.as_ref()?).into_owned())
        };
        let (list, last) = match (value("list"), value("last")) {
            (Some(list), Some(last)) => (list, last),
            (None, None) => return None,
            _ => {
                self.find(Rule::Torn, format!("half a turn of {id} was committed"));
                return None;
            }
        };
        let actor = self.actor(id);
        let expected = format!("{} {last}", actor.list).trim_start().to_owned();
        let is_next = expected == list;
        let before = std::mem::replace(&mut actor.list, list.clone());
        actor.last.clone_from(&last);
        actor.lists.push(list);
        let count = actor.effects.entry(last.clone()).or_default();
        *count += 1;
        let count = *count;
        if !is_next {
            self.find(Rule::Torn, format!("{last} was not appended to what {id} had: {before:?}"));
        }
        let Some(program) = self.plan.programs.get(&last) else {
            self.find(Rule::Lost, format!("nobody has asked for {last}"));
            return None;
        };
        let times = |counts: &BTreeMap<String, u32>, word: &str| counts.get(word).copied().unwrap_or(0);
        let most = match &program.from {
            From::Client { .. } => 1,
            From::Call(_) => times(&self.called, &last),
            From::ClientSend { .. } | From::Send { .. } => times(&self.stored, &last),
            From::Timer { parent, firings } => firings * times(&self.succeeded, parent),
            // Counted by its row.
            From::Reminder { .. } => u32::MAX,
        };
        if count > most {
            self.find(Rule::Doubled, format!("{last} took effect {count} times"));
        }
        if matches!(program.end, End::Fails | End::Traps | End::Panics) {
            self.find(Rule::Trace, format!("{last} failed and took effect"));
        }
        if program.actor != id {
            self.find(Rule::Lost, format!("{last} went astray, to {id}"));
        }
        Some(last)
    }

    fn sent(&mut self, id: &str, write_set: &WriteSet, effect: Option<&str>) {
        for sent in &write_set.sends {
            let word = text(sent);
            let count = self.stored.entry(word.clone()).or_default();
            *count += 1;
            let count = *count;
            let to = sent.to.id.to_string();
            let Some(program) = self.plan.programs.get(&word) else { continue };
            let (is_keyed, belongs) = match &program.from {
                From::Send { parent, .. } => (false, Some(parent.as_str()) == effect),
                From::ClientSend { keyed } => (*keyed, to == id),
                _ => (false, false),
            };
            if !belongs {
                self.find(Rule::Trace, format!("{word} was sent by a turn that did not take effect"));
            }
            if is_keyed && write_set.idempotency.is_none() {
                self.find(Rule::Torn, format!("{word} was stored without its key"));
            }
            let lives = 1 + self.actor(&to).purges;
            let most = match &program.from {
                From::ClientSend { keyed: true } => lives,
                From::ClientSend { keyed: false } => 1,
                // As often as the turn that sends it.
                _ => u32::MAX,
            };
            if count > most {
                self.find(Rule::Doubled, format!("{word} was stored {count} times"));
            }
            if self.actor(&to).mailbox.insert(sent.key(), sent.clone()).is_some() {
                self.find(Rule::Doubled, format!("{word} has the id of another message"));
            }
        }
    }

    fn mail(&mut self, id: &str, write_set: &WriteSet, effect: Option<&str>) {
        let (key, letter) = match &write_set.mail {
            None => return,
            Some(MailChange::DeadFiring(letter)) => {
                self.letters.insert(letter.message.id, DeadLetter::clone(letter));
                return;
            }
            Some(MailChange::Consumed(key)) => (key, None),
            Some(MailChange::Dead { key, letter }) => (key, Some(letter)),
            Some(MailChange::Retry { key, attempt, wake_at, error }) => {
                let found = self.actor(id).mailbox.get_mut(key).map(|stored| {
                    let next = stored.message.attempt + 1;
                    (stored.message.attempt, stored.wake_at) = (*attempt, *wake_at);
                    stored.error.clone_from(error);
                    next
                });
                if found != Some(*attempt) {
                    self.find(Rule::Lost, format!("{id} retries a message that is not there: {key:?}"));
                }
                return self.without_effect(id, write_set);
            }
        };
        let Some(stored) = self.actor(id).mailbox.remove(key) else {
            return self.find(Rule::Doubled, format!("{id} took a message that is not there: {key:?}"));
        };
        let word = text(&stored);
        self.in_order(id, &stored);
        match letter {
            Some(letter) => {
                self.letters.insert(letter.message.id, DeadLetter::clone(letter));
                self.without_effect(id, write_set);
            }
            None if effect != Some(word.as_str()) => {
                self.find(Rule::Lost, format!("{word} was removed and took no effect"));
            }
            None => {}
        }
    }

    /// A turn that failed changes nothing but the message that it failed at.
    fn without_effect(&mut self, id: &str, write_set: &WriteSet) {
        let changes = !write_set.state.is_empty() || !write_set.sends.is_empty();
        if changes {
            self.find(Rule::Trace, format!("a failed turn of {id} was committed"));
        }
    }

    /// No earlier message of the same sender waits, when a message is over.
    fn in_order(&mut self, id: &str, over: &StoredMessage) {
        let Origin::Actor(sender) = &over.message.origin else { return };
        if over.due_at > over.sent_at {
            return;
        }
        let lane = |other: &&StoredMessage| other.message.origin == Origin::Actor(Address::clone(sender));
        let earlier = self.actors[id].mailbox.range(..over.key()).map(|(_, other)| other).filter(lane);
        // One that came back from the dead may not have been there in time.
        let passed = earlier.filter(|other| !self.retried.contains(&other.message.id)).map(text).next();
        if let Some(passed) = passed {
            self.find(Rule::Order, format!("{} is over before {passed} of the same sender", text(over)));
        }
    }

    fn reminders(&mut self, id: &str, at: Timestamp, write_set: &WriteSet, effect: Option<&str>) {
        let fired = effect.and_then(|word| match &self.plan.programs[word].from {
            // A dead firing that was retried comes as a message.
            From::Reminder { name, .. } if write_set.mail.is_none() => Some((*name, word)),
            _ => None,
        });
        for (name, row) in &write_set.reminders {
            let before = self.actor(id).reminders.get(name).cloned();
            if let Some(row) = row.as_ref().filter(|row| row.fired == 0 && row.attempt == 1) {
                *self.stored.entry(String::from_utf8_lossy(&row.payload.body).into_owned()).or_default() += 1;
            } else if let (Some(before), Some(row)) = (&before, row) {
                self.goes_on(at, before, row);
            } else if row.is_some() {
                self.find(Rule::Schedule, format!("the reminder {name} of {id} goes on and was not there"));
            }
            if fired.is_some_and(|(fired, _)| *fired == **name) {
                let (_, word) = fired.expect("it has fired");
                let was_there = before.as_ref().is_some_and(|row| row.payload.body == word.as_bytes());
                if !was_there {
                    self.find(Rule::Schedule, format!("{word} fired and was not there any more"));
                }
                let latest = self.fires.get(word).copied().unwrap_or_default();
                if before.as_ref().is_some_and(|row| row.wake_at > latest) {
                    self.find(Rule::Schedule, format!("{word} fired before it was due"));
                }
                if let (Some(before), None) = (&before, row) {
                    self.was_the_last(before);
                }
            }
            let actor = self.actor(id);
            match row {
                Some(row) => drop(actor.reminders.insert(Arc::clone(name), row.clone())),
                None => drop(actor.reminders.remove(name)),
            }
        }
        let changed = |name: &str| write_set.reminders.iter().any(|(changed, _)| **changed == *name);
        if let Some((name, word)) = fired.filter(|(name, _)| !changed(name)) {
            self.find(Rule::Torn, format!("{word} fired, and its reminder {name} does not know"));
        }
    }

    /// A reminder after a firing, or after one that failed.
    fn goes_on(&mut self, at: Timestamp, before: &Reminder, row: &Reminder) {
        let name = &row.name;
        if row.fired == before.fired {
            if row.attempt != before.attempt + 1 || row.firing_id != before.firing_id {
                self.find(Rule::Schedule, format!("{name} lost count of its attempts"));
            }
            return;
        }
        let period_ms = row.schedule.period_ms().unwrap_or(0);
        let passed_ms = row.due_at.unix_ms().saturating_sub(before.due_at.unix_ms());
        let on_grid = period_ms > 0 && passed_ms >= period_ms && passed_ms.is_multiple_of(period_ms);
        // Only firings that are due may be skipped.
        let skipped_due = before.due_at.unix_ms() + passed_ms.saturating_sub(period_ms) <= at.unix_ms();
        if row.fired != before.fired + 1 || !on_grid || !skipped_due || row.firing_id == before.firing_id {
            self.find(Rule::Schedule, format!("{name} went on from {before:?} to {row:?}"));
        }
    }

    /// A reminder ends with its last firing.
    fn was_the_last(&mut self, before: &Reminder) {
        let schedule = &before.schedule;
        let last = match schedule.repetitions() {
            Some(repetitions) => before.fired + 1 == repetitions,
            None => schedule.period_ms().is_none(),
        };
        if !last {
            self.find(Rule::Lost, format!("{} ended after {} firings", before.name, before.fired + 1));
        }
    }

    /// All that the turn of a word does is in its write set.
    fn whole(&mut self, word: &str, write_set: &WriteSet) {
        let program = &self.plan.programs[word];
        let is_consumed = matches!(write_set.mail, Some(MailChange::Consumed(_)));
        let (must_be, may_be) = match program.from {
            From::ClientSend { .. } | From::Send { .. } => (true, true),
            From::Reminder { .. } => (false, true),
            _ => (false, false),
        };
        if (must_be && !is_consumed) || (is_consumed && !may_be) {
            self.find(Rule::Torn, format!("{word} took effect and was not removed from its mailbox"));
        }
        let kept = write_set.idempotency.as_ref().map(|remember| remember.record.key.as_str());
        if matches!(program.from, From::Client { keyed: true }) && kept != Some(word) {
            self.find(Rule::Torn, format!("{word} took effect without its key"));
        }
        let sent: Vec<String> = write_set.sends.iter().map(text).collect();
        let sends = program.acts.iter().filter_map(|act| match act {
            Act::Send { word, .. } => Some(word.clone()),
            _ => None,
        });
        if !sends.eq(sent.iter().cloned()) {
            self.find(Rule::Torn, format!("{word} took effect and sent {sent:?}"));
        }
        let mut names: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for act in &program.acts {
            match act {
                Act::Remind { name, word, .. } => drop(names.insert(name, Some(word))),
                // Of a reminder that is not there nothing is written.
                Act::Forget { name } => drop(names.insert(name, None)),
                _ => {}
            }
        }
        for (name, set) in names {
            let row = write_set.reminders.iter().find(|(changed, _)| **changed == *name);
            let row = row.map(|(_, row)| row.as_ref().map(|row| row.payload.body.clone()));
            let is_right = match (set, row) {
                (Some(set), Some(Some(row))) => row == set.as_bytes(),
                (Some(_), _) | (None, Some(Some(_))) => false,
                (None, _) => true,
            };
            if !is_right {
                self.find(Rule::Torn, format!("{word} took effect without its reminder {name}"));
            }
        }
    }

    pub(super) fn letter_retried(&mut self, id: MessageId) {
        let Some(DeadLetter { to, mut message, died_at, .. }) = self.letters.remove(&id) else {
            return self.find(Rule::Doubled, format!("there was no dead letter {id} to retry"));
        };
        message.attempt = 1;
        let (due_at, wake_at) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let stored =
            StoredMessage { to: to.clone(), message, due_at, sent_at: died_at, wake_at, error: None };
        self.retried.insert(id);
        self.actor(to.id.as_str()).mailbox.insert(stored.key(), stored);
    }

    pub(super) fn retries_bounded(&mut self, latest: Timestamp) {
        for actor in self.actors.values_mut() {
            let mail = actor.mailbox.values_mut().filter(|stored| stored.message.attempt > 1);
            let mail = mail.map(|stored| (stored.due_at, &mut stored.wake_at));
            let reminders = actor.reminders.values_mut().filter(|reminder| reminder.attempt > 1);
            let reminders = reminders.map(|reminder| (reminder.due_at, &mut reminder.wake_at));
            for (due_at, wake_at) in mail.chain(reminders) {
                *wake_at = (*wake_at).min(due_at.max(latest));
            }
        }
    }
}
