//! One line of a script: what it does, and its result in words.

use std::hint::black_box;
use std::time::Duration;

use greenroom_sdk::prelude::*;
use greenroom_sdk::{Level, Message, Reminder};
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as Unknown;

/// What a script has to do with.
pub(crate) struct Turn<'a> {
    pub(crate) ctx: &'a Context,
    /// Of the message.
    pub(crate) content_type: &'a str,
    /// What is kept in memory only.
    pub(crate) remembered: &'a mut String,
}

/// Does what the line says; a failure ends the turn.
#[allow(clippy::panic)] // it is what was asked for
pub(crate) fn perform(line: &str, turn: &mut Turn<'_>) -> Result<String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut words = Words(rest);
    let ctx = turn.ctx;
    let state = ctx.state();
    Ok(match command {
        "set" => outcome(state.set_bytes(words.next(), words.0.as_bytes())),
        "set-hex" => outcome(state.set_bytes(words.next(), &bytes_of(words.next())?)),
        "fill" => outcome(state.set_bytes(words.next(), &vec![b'x'; words.number()?])),
        "append" => {
            let key = words.next();
            let mut list = state.get_bytes(key).unwrap_or_default();
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend(words.0.as_bytes());
            match state.set_bytes(key, &list) {
                Ok(()) => lossy(&list),
                limit => outcome(limit),
            }
        }
        "get" => value(state.get_bytes(words.next()).map(|bytes| lossy(&bytes))),
        "get-hex" => value(state.get_bytes(words.next()).map(|bytes| hex(&bytes))),
        "size" => state.get_bytes(words.next()).map_or("none".into(), |bytes| bytes.len().to_string()),
        "delete" => state.delete(words.next()).to_string(),
        "keys" => {
            let (prefix, after) = (words.next(), words.next());
            let after = Some(after).filter(|after| !after.is_empty());
            state.keys_after(prefix, after, words.number()?).join(" ")
        }
        "call" => {
            let to = Address::new(words.next(), words.next());
            called(ctx.call_raw(to, words.next(), words.text()))
        }
        "send" => {
            let delay = Duration::from_millis(words.number()?);
            let to = Address::new(words.next(), words.next());
            outcome(ctx.send_raw(delay, to, words.next(), words.text()))
        }
        "remind" => {
            let (name, schedule) = (words.next(), words.schedule()?);
            outcome(ctx.reminders().set_raw(name, schedule, words.next(), words.text()))
        }
        "timer" => {
            let (name, schedule) = (words.next(), words.schedule()?);
            outcome(ctx.timers().set_raw(name, schedule, words.next(), words.text()))
        }
        "cancel-reminder" => ctx.reminders().cancel(words.next()).to_string(),
        "cancel-timer" => ctx.timers().cancel(words.next()).to_string(),
        "reminders" => ctx.reminders().list().iter().map(described).collect::<Vec<_>>().join("; "),
        "fail" => return Err(Failure::new(named(words.next())?, words.0)),
        "fail-until" => {
            if message(ctx)?.attempt < words.number()? {
                return Err(Failure::failed_precondition("too early"));
            }
            "ok".into()
        }
        "trap" => panic!("asked to trap"),
        "spin" => loop {
            black_box(());
        },
        "bomb" => {
            let mut taken: Vec<Vec<u8>> = Vec::new();
            loop {
                taken.push(black_box(vec![1; 1 << 20]));
            }
        }
        "remember" => {
            *turn.remembered = words.0.into();
            "ok".into()
        }
        "recall" => format!("value {}", turn.remembered),
        "me" => format!("{} {}", ctx.me().actor_type, ctx.me().id),
        "message" => {
            let it = message(ctx)?;
            let content_type = turn.content_type.split(';').next().unwrap_or_default();
            let shown =
                format!("{} {} {} {content_type} {}", it.id, it.method, it.attempt, sender(&it.origin));
            if !words.0.is_empty() {
                state.set_bytes(words.next(), shown.as_bytes())?;
            }
            shown
        }
        "now" => ctx.now().unix_ms().to_string(),
        "random" => hex(&ctx.random_bytes(words.number()?)),
        "log" => {
            ctx.log(level(words.next())?, words.0);
            "ok".into()
        }
        "print" => {
            println!("{}", words.0);
            "ok".into()
        }
        other => return Err(Failure::invalid_argument(format_args!("no command {other}"))),
    })
}

/// The arguments that are left of a line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// The next one; `-` is nothing.
    fn next(&mut self) -> &'a str {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        if word == "-" { "" } else { word }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.next().parse().map_err(|_| Failure::invalid_argument("a number is missing"))
    }

    /// All that is left, as a payload.
    fn text(&self) -> Payload {
        Payload::new("text/plain", self.0)
    }

    fn schedule(&mut self) -> Result<Schedule> {
        let delay = Duration::from_millis(self.number()?);
        let period = self.number().ok().map(Duration::from_millis);
        let schedule =
            period.map_or(Schedule::once(delay), |period| Schedule::every(period).starting_in(delay));
        Ok(self.number().map_or(schedule, |repetitions| schedule.times(repetitions)))
    }
}

/// A name as the contract has it, in kebab case.
fn named<T: for<'de> Deserialize<'de>>(name: &str) -> Result<T> {
    T::deserialize(name.into_deserializer()).map_err(|error: Unknown| Failure::invalid_argument(error))
}

fn message(ctx: &Context) -> Result<&Message> {
    ctx.message().ok_or_else(|| Failure::internal("there is no message"))
}

fn outcome(result: Result) -> String {
    result.map_or_else(|limit| format!("limit {}", limit.message), |()| "ok".into())
}

fn value(value: Option<String>) -> String {
    value.map_or("none".into(), |value| format!("value {value}"))
}

fn called(result: Result<Payload, CallError>) -> String {
    let error = match result {
        Ok(reply) => return format!("reply {}", lossy(&reply.body)),
        Err(error) => error,
    };
    match error.kind {
        CallErrorKind::Failed(failure) => format!("failed {} {}", failure.code, failure.message),
        CallErrorKind::UnknownActorType => "unknown-actor-type".into(),
        CallErrorKind::Deadlock(chain) => format!("deadlock {chain}"),
        CallErrorKind::Overloaded => "overloaded".into(),
        CallErrorKind::Timeout => "timeout".into(),
        CallErrorKind::Crashed(why) => format!("crashed {why}"),
        CallErrorKind::Unavailable(why) => format!("unavailable {why}"),
        other => other.to_string(),
    }
}

fn sender(origin: &Origin) -> String {
    match origin {
        Origin::Actor(from) => format!("actor {} {}", from.actor_type, from.id),
        other => other.to_string(),
    }
}

fn described(reminder: &Reminder) -> String {
    let Reminder { name, method, due_in, schedule } = reminder;
    let or_none = |number: Option<u128>| number.map_or("-".into(), |number| number.to_string());
    let period = or_none(schedule.period().map(|period| period.as_millis()));
    let repetitions = or_none(schedule.repetitions().map(u128::from));
    let (due, delay) = (due_in.as_millis(), schedule.delay().as_millis());
    format!("{name} {method} {due} {delay} {period} {repetitions}")
}

fn level(name: &str) -> Result<Level> {
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
    let found = levels.into_iter().find(|level| format!("{level:?}").eq_ignore_ascii_case(name));
    found.ok_or_else(|| Failure::invalid_argument(format_args!("no level {name}")))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes.ok_or_else(|| Failure::invalid_argument(format_args!("no bytes: {hex}")))
}
