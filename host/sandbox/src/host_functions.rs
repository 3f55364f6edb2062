//! The contract's imports, each answered by the turn under way. An error of the turn stops the
//! guest and comes out as [`Trap::Host`](greenroom_core::sandbox::Trap::Host).

use std::sync::Arc;

use greenroom_core::sandbox::TurnHost;
use rand::RngCore as _;

use crate::bindings::greenroom::actor::{
    context, log, messaging, reminders, state, timers,
    types::{self, Address, CallError, LimitExceeded, Payload},
};
use crate::guest::Guest;
use crate::traps::{Stop, gave_up};
use crate::wire::limit_text;

/// Most random bytes at once, as the contract says.
const RANDOM_BYTES_MAX: u32 = 4096;

impl Guest {
    /// The turn, held across an await.
    fn turn_handle(&self) -> Result<Arc<dyn TurnHost>, Stop> {
        self.turn().cloned()
    }
}

impl types::Host for Guest {}

impl state::Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let value = self.turn_handle()?.state_get(key).await.map_err(gave_up)?;
        Ok(value.map(Vec::from))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), LimitExceeded>> {
        let set = self.turn_handle()?.state_set(key, value.into()).await.map_err(gave_up)?;
        Ok(limit_text(set))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<bool> {
        Ok(self.turn_handle()?.state_delete(key).await.map_err(gave_up)?)
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Vec<String>> {
        Ok(self.turn_handle()?.state_keys(prefix, after, limit).await.map_err(gave_up)?)
    }
}

impl messaging::Host for Guest {
    async fn call(
        &mut self,
        to: Address,
        method: String,
        payload: Payload,
    ) -> wasmtime::Result<Result<Payload, CallError>> {
        let reply = self.turn_handle()?.call(to.into(), method, payload.into()).await.map_err(gave_up)?;
        Ok(reply.map(Into::into).map_err(Into::into))
    }

    async fn send(
        &mut self,
        to: Address,
        method: String,
        payload: Payload,
        delay_ms: u64,
    ) -> wasmtime::Result<Result<(), LimitExceeded>> {
        let turn = self.turn_handle()?;
        let sent = turn.send(to.into(), method, payload.into(), delay_ms).await.map_err(gave_up)?;
        Ok(limit_text(sent))
    }
}

impl reminders::Host for Guest {
    fn set(
        &mut self,
        name: String,
        schedule: reminders::Schedule,
        method: String,
        payload: Payload,
    ) -> wasmtime::Result<Result<(), LimitExceeded>> {
        let set = self.turn()?.reminder_set(name, schedule.into(), method, payload.into());
        Ok(limit_text(set.map_err(gave_up)?))
    }

    fn cancel(&mut self, name: String) -> wasmtime::Result<bool> {
        Ok(self.turn()?.reminder_cancel(name).map_err(gave_up)?)
    }

    fn list(&mut self) -> wasmtime::Result<Vec<reminders::Reminder>> {
        let reminders = self.turn()?.reminder_list().map_err(gave_up)?;
        Ok(reminders.into_iter().map(Into::into).collect())
    }
}

impl timers::Host for Guest {
    fn set(
        &mut self,
        name: String,
        schedule: reminders::Schedule,
        method: String,
        payload: Payload,
    ) -> wasmtime::Result<Result<(), LimitExceeded>> {
        let set = self.turn()?.timer_set(name, schedule.into(), method, payload.into());
        Ok(limit_text(set.map_err(gave_up)?))
    }

    fn cancel(&mut self, name: String) -> wasmtime::Result<bool> {
        Ok(self.turn()?.timer_cancel(name).map_err(gave_up)?)
    }
}

impl context::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.turn()?.now().unix_ms())
    }

    fn random(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        self.turn()?;
        let mut bytes = vec![0; len.min(RANDOM_BYTES_MAX) as usize];
        rand::rng().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.turn()?.log(level.into(), &message);
        Ok(())
    }
}
