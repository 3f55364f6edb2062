//! A turn that does what a test tells it to.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::message::{CallError, LimitExceeded, Payload};
use greenroom_core::sandbox::{LogLevel, RawAddress, RawSchedule, ReminderView, TurnHost};
use greenroom_core::{Error, Method, Schedule, Timestamp};
use parking_lot::Mutex;

#[derive(Default)]
pub(crate) struct ScriptedTurn {
    pub(crate) state: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) logged: Mutex<Vec<(LogLevel, String)>>,
    pub(crate) done: Mutex<Vec<String>>,
    /// What reading the state fails with.
    pub(crate) failure: Option<Error>,
    /// Whether reading the state panics.
    pub(crate) panics: bool,
    pub(crate) now_ms: u64,
}

impl ScriptedTurn {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.logged.lock().iter().map(|(level, line)| format!("{level:?} {line}")).collect()
    }

    fn note(&self, text: String) {
        self.done.lock().push(text);
    }
}

fn text(payload: &Payload) -> String {
    format!("{} {}", payload.content_type, String::from_utf8_lossy(&payload.body))
}

#[async_trait]
impl TurnHost for ScriptedTurn {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now_ms)
    }

    async fn state_get(&self, key: String) -> Result<Option<Bytes>, Error> {
        assert!(!self.panics, "a bug in the host");
        tokio::task::yield_now().await;
        match &self.failure {
            Some(error) => Err(error.clone()),
            None => Ok(self.state.lock().get(&key).cloned()),
        }
    }

    async fn state_set(&self, key: String, value: Bytes) -> Result<Result<(), LimitExceeded>, Error> {
        if value.len() > 1000 {
            return Ok(Err(LimitExceeded("state_value_bytes".into())));
        }
        self.state.lock().insert(key, value);
        Ok(Ok(()))
    }

    async fn state_delete(&self, key: String) -> Result<bool, Error> {
        Ok(self.state.lock().remove(&key).is_some())
    }

    async fn state_keys(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let state = self.state.lock();
        let keys = state.keys().filter(|key| key.starts_with(&prefix));
        Ok(keys
            .filter(|key| after.as_ref().is_none_or(|after| *key > after))
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn call(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
    ) -> Result<Result<Payload, CallError>, Error> {
        self.note(format!("call {}/{} {method} {}", to.actor_type, to.id, text(&payload)));
        if method == "never" {
            std::future::pending::<()>().await;
        }
        Ok(Ok(payload))
    }

    async fn send(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
        delay_ms: u64,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        self.note(format!("send {}/{} {method} {} in {delay_ms}", to.actor_type, to.id, text(&payload)));
        Ok(Ok(()))
    }

    fn reminder_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        self.note(format!("reminder {name} {schedule:?} {method} {}", text(&payload)));
        Ok(Ok(()))
    }

    fn reminder_cancel(&self, name: String) -> Result<bool, Error> {
        self.note(format!("cancel {name}"));
        Ok(true)
    }

    fn reminder_list(&self) -> Result<Vec<ReminderView>, Error> {
        Ok(vec![ReminderView {
            name: Arc::from("wake"),
            method: Method::new("wake").unwrap(),
            due_in_ms: 5,
            schedule: Schedule::new(10, Some(20), Some(3)).unwrap(),
        }])
    }

    fn timer_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error> {
        self.note(format!("timer {name} {schedule:?} {method} {}", text(&payload)));
        Ok(Ok(()))
    }

    fn timer_cancel(&self, name: String) -> Result<bool, Error> {
        self.note(format!("cancel timer {name}"));
        Ok(false)
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.logged.lock().push((level, message.to_owned()));
    }
}
