//! The guest of the simulation: does what its message's word says in the plan, and notes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::sandbox::{RawAddress, RawSchedule, Trap};
use greenroom_core::{CallError, Clock};

use super::faults::Weather;
use super::history::{Began, CallEnd, Event, Recorder, TurnEnd};
use super::plan::{Act, End, Program, Times};
use crate::tests::scripted::{Answer, Scene, Script, script};
use crate::tests::world::{answer, fails, host, text};

/// The method of every message; its body is the word.
pub(super) const DO: &str = "do";
/// Answers with the list.
pub(super) const READ: &str = "read";

/// What all guests of one process share.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) programs: Arc<BTreeMap<String, Program>>,
    pub(super) recorder: Recorder,
    pub(super) weather: Weather,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) process: u32,
}

/// The guest of that version.
pub(super) fn guest(stage: Stage, version: u32) -> Script {
    script(move |scene| run(stage.clone(), version, scene))
}

/// One turn, noted as over when this is dropped.
struct Turn<'a> {
    stage: &'a Stage,
    number: u32,
    end: TurnEnd,
}

impl Turn<'_> {
    fn note(&self, event: Event) {
        self.stage.recorder.note(self.stage.process, event);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.note(Event::TurnEnded { turn: self.number, end: self.end });
    }
}

/// One call to another actor, noted as over when this is dropped.
struct Call<'a> {
    turn: &'a Turn<'a>,
    number: u32,
    end: CallEnd,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let end = std::mem::replace(&mut self.end, CallEnd::CutOff);
        self.turn.note(Event::CallEnded { call: self.number, end });
    }
}

async fn run(stage: Stage, version: u32, scene: Scene) -> Answer {
    let memory = {
        let mut memory = scene.memory.lock();
        *memory += 1;
        *memory - 1
    };
    let reads = scene.message.method.as_str() == READ;
    let word = String::from_utf8(scene.message.payload.body.to_vec()).expect("words are text");
    let began = Began {
        actor: scene.me.id.to_string(),
        word: word.clone(),
        attempt: scene.message.attempt,
        version,
        memory,
        now: stage.clock.now(),
    };
    let number = stage.recorder.number();
    stage.recorder.note(stage.process, Event::TurnBegan { turn: number, began });
    let mut turn = Turn { stage: &stage, number, end: TurnEnd::Stopped };
    stage.weather.pause().await;
    let list = host(scene.host.state_get("list".into()).await)?.unwrap_or_default();
    let list = String::from_utf8(list.to_vec()).expect("words are text");
    turn.note(Event::Saw { turn: number, list: list.clone() });
    if reads {
        turn.end = TurnEnd::Succeeded;
        return answer(list);
    }
    let program = &stage.programs[&word];
    for act in &program.acts {
        stage.weather.pause().await;
        if let Err(refused) = perform(&turn, &scene, act).await? {
            turn.end = TurnEnd::Failed;
            return fails(refused);
        }
    }
    let list = format!("{list} {word}");
    for (key, value) in [("list", list.trim_start()), ("last", &word)] {
        let set = scene.host.state_set(key.into(), value.to_owned().into()).await;
        host(set)?.expect("it is within the limits");
        stage.weather.pause().await;
    }
    match program.end {
        End::FailsBefore(attempt) if scene.message.attempt < attempt => {
            turn.end = TurnEnd::Failed;
            fails("not yet")
        }
        End::Succeeds | End::FailsBefore(_) => {
            turn.end = TurnEnd::Succeeded;
            answer(list.trim_start())
        }
        End::Fails => {
            turn.end = TurnEnd::Failed;
            fails("never")
        }
        End::Traps => Err(Trap::Crashed("unreachable".into())),
        // Without the words that a panic prints.
        End::Panics => std::panic::resume_unwind(Box::new("as planned")),
    }
}

/// Does one thing; a limit that it would pass is an error of the inner kind.
async fn perform(turn: &Turn<'_>, scene: &Scene, act: &Act) -> Result<Result<(), String>, Trap> {
    let to = |word: &String| {
        let id = turn.stage.programs[word].actor;
        (id, RawAddress { actor_type: "t".into(), id: id.into() })
    };
    let refused = match act {
        Act::Wait { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return Ok(Ok(()));
        }
        Act::Call { word } => {
            let (to, address) = to(word);
            let number = turn.stage.recorder.number();
            let (from, word) = (scene.me.id.to_string(), word.clone());
            let payload = text(&word);
            turn.note(Event::CallBegan { turn: turn.number, call: number, from, to, word });
            let mut call = Call { turn, number, end: CallEnd::CutOff };
            let called = scene.host.call(address, DO.into(), payload).await;
            call.end = match &called {
                Ok(Ok(_)) => CallEnd::Replied,
                Ok(Err(CallError::Deadlock(why))) => CallEnd::Deadlock(why.clone()),
                Ok(Err(error)) => CallEnd::Other(format!("{error:?}")),
                Err(error) => CallEnd::Other(error.to_string()),
            };
            drop(call);
            drop(host(called)?);
            return Ok(Ok(()));
        }
        Act::Send { word, delay_ms } => {
            let sent = scene.host.send(to(word).1, DO.into(), text(word), *delay_ms).await;
            host(sent)?
        }
        Act::Remind { name, schedule, word } => {
            let set = scene.host.reminder_set((*name).into(), raw(schedule), DO.into(), text(word));
            host(set)?
        }
        Act::Time { name, schedule, word } => {
            let set = scene.host.timer_set((*name).into(), raw(schedule), DO.into(), text(word));
            host(set)?
        }
        Act::Forget { name } => {
            host(scene.host.reminder_cancel((*name).into()))?;
            return Ok(Ok(()));
        }
    };
    Ok(refused.map_err(|limit| limit.0))
}

fn raw(times: &Times) -> RawSchedule {
    let Times { delay_ms, period_ms, repetitions } = *times;
    RawSchedule { delay_ms, period_ms, repetitions }
}
