//! What almost every actor uses: `use greenroom_sdk::prelude::*;`

pub use serde::{Deserialize, Serialize};

pub use crate::{
    Address, CallError, CallErrorKind, Context, ErrorCode, Failure, Origin, Payload, Result, Schedule,
    Timestamp, actor,
};
