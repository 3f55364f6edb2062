//! What a [`Context`](crate::Context) stands on: the host's functions. In a component they are the
//! imports of the contract, in a native test those of a [`TestHost`](crate::testing::TestHost).

use std::fmt;

use crate::{Address, CallErrorKind, Failure, Level, Payload, Reminder, Schedule};

/// A request passes a limit of the host; the text names it.
pub(crate) struct LimitExceeded(pub(crate) String);

impl From<LimitExceeded> for Failure {
    fn from(limit: LimitExceeded) -> Self {
        Failure::resource_exhausted(limit.0)
    }
}

impl fmt::Debug for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host's functions, each the contract's function of the same name.
pub(crate) trait HostApi {
    fn state_get(&self, key: &str) -> Option<Vec<u8>>;
    fn state_set(&self, key: &str, value: &[u8]) -> Result<(), LimitExceeded>;
    fn state_delete(&self, key: &str) -> bool;
    fn state_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String>;

    fn call(&self, to: &Address, method: &str, payload: Payload) -> Result<Payload, CallErrorKind>;
    fn send(&self, to: &Address, method: &str, payload: Payload, delay_ms: u64) -> Result<(), LimitExceeded>;

    fn reminder_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded>;
    fn reminder_cancel(&self, name: &str) -> bool;
    fn reminder_list(&self) -> Vec<Reminder>;

    fn timer_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded>;
    fn timer_cancel(&self, name: &str) -> bool;

    fn now_ms(&self) -> u64;
    fn random(&self, len: u32) -> Vec<u8>;
    fn log(&self, level: Level, message: &str);
}
