//! What wit-bindgen makes of the WIT.

#![allow(unsafe_code, missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]

wit_bindgen::generate!({ path: "../../../wit", world: "actor" });

pub(crate) use exports::greenroom::actor::behavior;
pub(crate) use greenroom::actor::{context, log, messaging, reminders, state, timers, types};

export!(Probe);

pub(crate) struct Probe;
