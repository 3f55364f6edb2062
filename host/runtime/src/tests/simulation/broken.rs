//! The checker sees what it is there for: a real history is broken in one place, and the rule that is
//! broken is named.

use std::time::Duration;

use greenroom_core::Timestamp;
use greenroom_core::store::{MailChange, WriteSet};

use super::checker::{Rule, check};
use super::history::{CallEnd, Event, History};
use super::history_of;
use super::plan::{Ask, End, From, Plan, UNDEPLOYS_FROM};

type Events = Vec<(Duration, Event)>;

/// Breaks a history, if it has what it takes.
type Break = fn(&Plan, &mut Events) -> Option<()>;

/// Breaks the first history that can be broken so, and expects the checker to say how.
fn breaks(rule: Rule, how: Break) {
    let found = (0..100).chain(UNDEPLOYS_FROM..UNDEPLOYS_FROM + 100).any(|seed| {
        let plan = Plan::of(seed);
        let History(mut events) = history_of(&plan, seed);
        if how(&plan, &mut events).is_none() {
            return false;
        }
        let violations = check(&plan, &History(events));
        let is_named = violations.iter().any(|(_, (named, _))| *named == rule);
        assert!(is_named, "seed {seed}: {rule:?} is not among {violations:?}");
        true
    });
    assert!(found, "no history can be broken so");
}

fn word_of(write_set: &WriteSet) -> Option<String> {
    let (_, value) = write_set.state.iter().find(|(key, _)| key == "last")?;
    Some(String::from_utf8_lossy(value.as_ref()?).into_owned())
}

/// The first event and write set that `is` true of.
fn write_set(events: &mut Events, is: impl Fn(&WriteSet) -> bool) -> Option<(usize, &mut WriteSet)> {
    events.iter_mut().enumerate().find_map(|(at, (_, event))| match event {
        Event::Committed { batch, .. } => Some((at, batch.iter_mut().find(|write_set| is(write_set))?)),
        _ => None,
    })
}

/// The word of the first call that was answered, and where.
fn answered(events: &Events) -> Option<(usize, String)> {
    events.iter().enumerate().find_map(|(at, (_, event))| {
        let Event::Answered { request, answer: Ok(_), .. } = event else { return None };
        events.iter().find_map(|(_, event)| match event {
            Event::Asked { request: asked, ask: Ask::Call { word } } if asked == request => {
                Some((at, word.clone()))
            }
            _ => None,
        })
    })
}

#[test]
fn an_acknowledged_turn_that_is_not_committed() {
    breaks(Rule::Lost, |_, events| {
        let (_, word) = answered(events)?;
        let (_, write_set) = write_set(events, |set| word_of(set).as_ref() == Some(&word))?;
        write_set.state.clear();
        Some(())
    });
}

#[test]
fn an_answer_before_its_commit() {
    breaks(Rule::Lost, |_, events| {
        let (at, word) = answered(events)?;
        let (committed, _) = write_set(events, |set| word_of(set).as_ref() == Some(&word))?;
        let answer = events.remove(at);
        events.insert(committed, answer);
        Some(())
    });
}

#[test]
fn a_message_that_is_removed_without_effect() {
    breaks(Rule::Lost, |_, events| {
        let consumes = |set: &WriteSet| matches!(set.mail, Some(MailChange::Consumed(_)));
        let (_, write_set) = write_set(events, consumes)?;
        write_set.state.clear();
        Some(())
    });
}

#[test]
fn a_message_that_takes_effect_twice() {
    breaks(Rule::Doubled, |_, events| {
        let consumes = |set: &WriteSet| matches!(set.mail, Some(MailChange::Consumed(_)));
        let (at, _) = write_set(events, consumes)?;
        let again = events[at].clone();
        events.insert(at, again);
        Some(())
    });
}

#[test]
fn a_repeat_with_another_answer() {
    breaks(Rule::Doubled, |_, events| {
        let answers = events.iter_mut().filter_map(|(_, event)| match event {
            Event::Answered { answer: Ok(reply), repeated: true, .. } => Some(reply),
            _ => None,
        });
        answers.last()?.insert(0, ' ');
        Some(())
    });
}

#[test]
fn a_failed_turn_that_leaves_a_trace() {
    breaks(Rule::Trace, |plan, events| {
        let mut failing = plan.programs.iter().filter(|(_, program)| program.end == End::Fails);
        let (word, program) = failing.next()?;
        let (_, write_set) =
            write_set(events, |set| set.address.id.as_str() == program.actor && word_of(set).is_some())?;
        for (key, value) in &mut write_set.state {
            if key == "last" {
                *value = Some(word.clone().into());
            }
        }
        Some(())
    });
}

#[test]
fn half_a_turn() {
    breaks(Rule::Torn, |_, events| {
        let (_, write_set) = write_set(events, |set| word_of(set).is_some())?;
        write_set.state.retain(|(key, _)| key != "last");
        Some(())
    });
}

#[test]
fn a_turn_without_its_messages() {
    breaks(Rule::Torn, |_, events| {
        let (_, write_set) = write_set(events, |set| word_of(set).is_some() && !set.sends.is_empty())?;
        write_set.sends.clear();
        Some(())
    });
}

#[test]
fn a_turn_without_its_key() {
    breaks(Rule::Torn, |_, events| {
        let (_, write_set) = write_set(events, |set| word_of(set).is_some() && set.idempotency.is_some())?;
        write_set.idempotency = None;
        Some(())
    });
}

#[test]
fn a_message_that_stays_after_its_effect() {
    breaks(Rule::Torn, |_, events| {
        let consumes = |set: &WriteSet| matches!(set.mail, Some(MailChange::Consumed(_)));
        let (_, write_set) = write_set(events, consumes)?;
        write_set.mail = None;
        Some(())
    });
}

#[test]
fn a_read_of_what_is_not_true_any_more() {
    breaks(Rule::Seen, |_, events| {
        let (_, (_, last)) = events.iter_mut().enumerate().rev().find(|(_, (_, event))| {
            matches!(event, Event::Answered { answer: Ok(reply), .. } if reply.contains(' '))
        })?;
        let Event::Answered { answer: Ok(reply), .. } = last else { return None };
        let before = reply.rfind(' ')?;
        reply.truncate(before);
        Some(())
    });
}

#[test]
fn a_call_that_tells_what_is_not_durable() {
    breaks(Rule::Seen, |plan, events| {
        let called = events.iter().find_map(|(_, event)| match event {
            Event::TurnBegan { began, .. } => match &plan.programs.get(&began.word)?.from {
                From::Call(_) => Some(began.word.clone()),
                _ => None,
            },
            _ => None,
        })?;
        let caller = events.iter().find_map(|(_, event)| match event {
            Event::CallBegan { turn, word, .. } if *word == called => Some(*turn),
            _ => None,
        })?;
        let list = events.iter_mut().find_map(|(_, event)| match event {
            Event::Saw { turn, list } if *turn == caller => Some(list),
            _ => None,
        })?;
        list.push_str(" uncommitted");
        Some(())
    });
}

#[test]
fn messages_of_one_sender_that_change_places() {
    breaks(Rule::Order, |plan, events| {
        let lane = |event: &Event| match event {
            Event::Committed { batch, .. } if batch.len() == 1 => {
                let Some(MailChange::Consumed(key)) = &batch[0].mail else { return None };
                let From::Send { delayed: false, parent } = &plan.programs[&word_of(&batch[0])?].from else {
                    return None;
                };
                Some((plan.programs[parent].actor, batch[0].address.clone(), key.id))
            }
            _ => None,
        };
        let over: Vec<_> =
            events.iter().enumerate().filter_map(|(at, (_, e))| Some((at, lane(e)?))).collect();
        let stored = |events: &Events, id| {
            let sends = |event: &Event| match event {
                Event::Committed { batch, .. } => {
                    batch.iter().flat_map(|set| &set.sends).any(|sent| sent.message.id == id)
                }
                _ => false,
            };
            events.iter().position(|(_, event)| sends(event))
        };
        let (first, second) = over.iter().zip(over.iter().skip(1)).find_map(|((a, one), (b, other))| {
            let same = one.0 == other.0 && one.1 == other.1 && one.2 < other.2;
            // The later one was there before the earlier one was over.
            (same && stored(events, other.2)? < *a).then_some((*a, *b))
        })?;
        events.swap(first, second);
        Some(())
    });
}

#[test]
fn requests_that_change_places() {
    breaks(Rule::Order, |_, events| {
        let asks: Vec<String> = events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Asked { ask: Ask::Call { word }, .. } => Some(word.clone()),
                _ => None,
            })
            .collect();
        let begun: Vec<usize> = (0..events.len())
            .filter(
                |at| matches!(&events[*at].1, Event::TurnBegan { began, .. } if asks.contains(&began.word)),
            )
            .collect();
        let began = |events: &Events, at: usize| match &events[at].1 {
            Event::TurnBegan { began, .. } => began.clone(),
            _ => unreachable!("a turn begins there"),
        };
        for (a, b) in begun.iter().zip(begun.iter().skip(1)) {
            let (one, other) = (began(events, *a), began(events, *b));
            let asked = |word: &str| {
                events.iter().position(|(_, event)| {
                    matches!(event, Event::Asked { ask: Ask::Call { word: asked }, .. } if asked == word)
                })
            };
            let crashed = events[*a..*b].iter().any(|(_, event)| *event == Event::Crashed);
            if one.actor == other.actor && !crashed && asked(&other.word)? < *a {
                for (at, word) in [(*a, other.word), (*b, one.word)] {
                    if let Event::TurnBegan { began, .. } = &mut events[at].1 {
                        began.word = word;
                    }
                }
                return Some(());
            }
        }
        None
    });
}

#[test]
fn two_turns_of_one_actor_at_once() {
    breaks(Rule::Overlap, |_, events| {
        let at = events.iter().position(|(_, event)| matches!(event, Event::TurnEnded { .. }))?;
        let Event::TurnEnded { turn: over, .. } = events[at].1 else { return None };
        let actor = events.iter().find_map(|(_, event)| match event {
            Event::TurnBegan { turn, began } if *turn == over => Some(began.actor.clone()),
            _ => None,
        })?;
        let next = (at..events.len()).find(|next| match &events[*next].1 {
            Event::TurnBegan { began, .. } => began.actor == actor,
            _ => false,
        })?;
        if events[at..next].iter().any(|(_, event)| *event == Event::Crashed) {
            return None;
        }
        let end = events.remove(at);
        events.insert(next, end);
        Some(())
    });
}

#[test]
fn a_memory_that_survives() {
    breaks(Rule::Memory, |_, events| {
        let memory = events.iter_mut().find_map(|(_, event)| match event {
            Event::TurnBegan { began, .. } => Some(&mut began.memory),
            _ => None,
        })?;
        *memory = 7;
        Some(())
    });
}

#[test]
fn a_message_before_it_is_due() {
    breaks(Rule::Schedule, |plan, events| {
        let now = events.iter_mut().find_map(|(_, event)| match event {
            Event::TurnBegan { began, .. } => match plan.programs.get(&began.word)?.from {
                From::Send { delayed: true, .. } => Some(&mut began.now),
                _ => None,
            },
            _ => None,
        })?;
        *now = Timestamp::EPOCH;
        Some(())
    });
}

#[test]
fn a_reminder_that_fires_after_it_was_cancelled() {
    breaks(Rule::Schedule, |_, events| {
        let fires = |set: &WriteSet| {
            set.reminders.iter().any(|(_, row)| row.as_ref().is_some_and(|row| row.fired > 0))
        };
        let (at, write_set) = write_set(events, fires)?;
        let mut cancels = WriteSet::empty(write_set.address.clone());
        cancels.reminders.extend(write_set.reminders.iter().map(|(name, _)| (name.clone(), None)));
        let (time, Event::Committed { at: wall, .. }) = events[at].clone() else { return None };
        events.insert(at, (time, Event::Committed { at: wall, batch: vec![cancels] }));
        Some(())
    });
}

#[test]
fn a_reminder_that_skips_a_firing() {
    breaks(Rule::Schedule, |_, events| {
        let fires = |set: &WriteSet| {
            set.reminders.iter().any(|(_, row)| row.as_ref().is_some_and(|row| row.fired > 0))
        };
        let (_, write_set) = write_set(events, fires)?;
        let row =
            write_set.reminders.iter_mut().find_map(|(_, row)| row.as_mut().filter(|row| row.fired > 0))?;
        row.fired += 1;
        Some(())
    });
}

#[test]
fn a_circle_that_is_not_refused() {
    breaks(Rule::Circle, |_, events| {
        let end = events.iter_mut().find_map(|(_, event)| match event {
            Event::CallEnded { end, .. } => {
                matches!(end, CallEnd::Deadlock(why) if !why.contains("call_depth")).then_some(end)
            }
            _ => None,
        })?;
        *end = CallEnd::Other("Timeout".into());
        Some(())
    });
}

#[test]
fn a_call_that_is_refused_without_a_circle() {
    breaks(Rule::Circle, |_, events| {
        let end = events.iter_mut().find_map(|(_, event)| match event {
            Event::CallEnded { end, .. } if *end == CallEnd::Replied => Some(end),
            _ => None,
        })?;
        *end = CallEnd::Deadlock("a → b → a".into());
        Some(())
    });
}

#[test]
fn an_old_version_after_a_new_one() {
    breaks(Rule::Version, |plan, events| {
        let version = events.iter_mut().find_map(|(_, event)| match event {
            Event::TurnBegan { began, .. } => {
                let is_call = plan.programs.get(&began.word)?.from == From::Client { keyed: false };
                is_call.then_some(&mut began.version)
            }
            _ => None,
        })?;
        *version = 9;
        Some(())
    });
}

#[test]
fn a_request_that_is_never_answered() {
    breaks(Rule::Hang, |_, events| {
        let at = events.iter().rposition(|(_, event)| matches!(event, Event::Answered { .. }))?;
        events.remove(at);
        Some(())
    });
}

#[test]
fn an_answer_that_comes_late() {
    breaks(Rule::Hang, |_, events| {
        let (at, _) = events.iter_mut().rfind(|(_, event)| matches!(event, Event::Answered { .. }))?;
        *at += Duration::from_mins(1);
        Some(())
    });
}

#[test]
fn a_drain_that_takes_too_long() {
    breaks(Rule::Hang, |_, events| {
        let took = events.iter_mut().find_map(|(_, event)| match event {
            Event::Drained { took } => Some(took),
            _ => None,
        })?;
        *took = Duration::from_mins(1);
        Some(())
    });
}

#[test]
fn something_that_is_left() {
    breaks(Rule::Left, |_, events| match &mut events.last_mut()?.1 {
        Event::Quiet { leaks } => {
            leaks.push("1 waits".into());
            Some(())
        }
        _ => None,
    });
    breaks(Rule::Left, |_, events| {
        let consumes = |set: &WriteSet| matches!(set.mail, Some(MailChange::Consumed(_)));
        let (_, write_set) = write_set(events, consumes)?;
        write_set.mail = None;
        Some(())
    });
}

/// Where the type was undeployed, and deployed anew.
fn undeployed(events: &Events) -> Option<(usize, usize)> {
    let undeployed = events.iter().position(|(_, event)| matches!(event, Event::Undeployed { .. }))?;
    let deployed = events[undeployed..].iter().position(|(_, event)| *event == Event::Deployed)?;
    Some((undeployed, undeployed + deployed))
}

#[test]
fn a_turn_that_is_committed_after_its_type_went() {
    breaks(Rule::Undeployed, |_, events| {
        let (undeployed, deployed) = undeployed(events)?;
        // Appended to nothing, so that nothing else is wrong with it.
        let is_first = |set: &WriteSet| {
            let list = set.state.iter().find(|(key, _)| key == "list");
            word_of(set).is_some_and(|word| list.is_some_and(|(_, value)| *value == Some(word.into())))
        };
        let commits = |(_, event): &(Duration, Event)| match event {
            Event::Committed { batch, .. } => batch.iter().all(is_first),
            _ => false,
        };
        let committed = events[..undeployed].iter().position(commits)?;
        let late = events.remove(committed);
        events.insert(deployed, late);
        Some(())
    });
}

#[test]
fn something_stored_while_no_type_is_there() {
    breaks(Rule::Undeployed, |_, events| {
        let (_, deployed) = undeployed(events)?;
        let at = events[deployed..].iter().position(|(_, event)| matches!(event, Event::Committed { .. }))?;
        let early = events.remove(deployed + at);
        events.insert(deployed, early);
        Some(())
    });
}

#[test]
fn an_acknowledgement_of_what_is_gone() {
    breaks(Rule::Undeployed, |_, events| {
        let (undeployed, _) = undeployed(events)?;
        let (answered, _) = answered(events).filter(|(at, _)| *at < undeployed)?;
        if events[answered..undeployed].iter().any(|(_, event)| *event == Event::Crashed) {
            return None;
        }
        let (_, answer) = events.remove(answered);
        let at = events[undeployed - 1].0 + Duration::from_millis(1);
        events.insert(undeployed, (at, answer));
        Some(())
    });
}

#[test]
fn an_undeployment_that_did_not_happen() {
    breaks(Rule::Lost, |_, events| {
        let (undeployed, _) = undeployed(events)?;
        events.remove(undeployed);
        Some(())
    });
}
