//! State under keys of its own, beside the actor's struct: bytes, or JSON of a type.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::HostApi;
use crate::{Failure, Result, json};

/// The key that the actor's struct is kept under.
pub const ACTOR_KEY: &str = "actor";

/// How many keys are asked for at once.
const KEYS_PAGE: u32 = 1_000;

/// This actor's state under keys of its own, made by [`Context::state`](crate::Context::state).
///
/// Reads see the turn's own writes. The key [`ACTOR_KEY`] belongs to the actor's struct: it can't be
/// written here, and [`keys`](State::keys) leaves it out.
///
/// ```
/// # use greenroom_sdk::{Context, Result};
/// fn remember(ctx: &Context, page: u32, text: &str) -> Result<usize> {
///     let state = ctx.state();
///     state.set(&format!("page/{page:06}"), text)?;
///     Ok(state.keys("page/").len())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct State<'a> {
    host: &'a dyn HostApi,
}

impl<'a> State<'a> {
    pub(crate) fn new(host: &'a dyn HostApi) -> Self {
        State { host }
    }

    /// The value under `key`, read as JSON.
    ///
    /// # Errors
    /// [`internal`](crate::ErrorCode::Internal) with the key, the place and the problem, when the
    /// value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get_bytes(key) else { return Ok(None) };
        json::decode(&bytes).map(Some).map_err(|malformed| {
            let type_name = std::any::type_name::<T>();
            Failure::internal(format_args!("state `{key}` can't be read as {type_name}: {malformed}"))
        })
    }

    /// Puts `value` under `key`, as JSON.
    ///
    /// # Errors
    /// [`resource-exhausted`](crate::ErrorCode::ResourceExhausted) when a limit of the host is passed;
    /// [`internal`](crate::ErrorCode::Internal) when the value can't be written as JSON.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result {
        self.set_bytes(key, &json::encode(value)?)
    }

    /// The bytes under `key`.
    pub fn get_bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.host.state_get(key)
    }

    /// Puts bytes under `key`.
    ///
    /// # Errors
    /// [`resource-exhausted`](crate::ErrorCode::ResourceExhausted) when a limit of the host is passed.
    pub fn set_bytes(&self, key: &str, value: &[u8]) -> Result {
        if key == ACTOR_KEY {
            return Err(Failure::internal(format_args!("state `{key}` belongs to the actor's struct")));
        }
        Ok(self.host.state_set(key, value)?)
    }

    /// Removes `key`; says whether it was there.
    pub fn delete(&self, key: &str) -> bool {
        key != ACTOR_KEY && self.host.state_delete(key)
    }

    /// All keys that begin with `prefix`, in byte order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let page = self.keys_after(prefix, keys.last().map(String::as_str), KEYS_PAGE);
            let last = page.len() < KEYS_PAGE as usize;
            keys.extend(page);
            if last {
                return keys;
            }
        }
    }

    /// The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`.
    pub fn keys_after(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        // One more, in case the struct's key is among them.
        let mut keys = self.host.state_keys(prefix, after, limit.saturating_add(1));
        keys.retain(|key| key != ACTOR_KEY);
        keys.truncate(limit as usize);
        keys
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
