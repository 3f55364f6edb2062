//! What wit-bindgen makes of the WIT.

#![allow(unsafe_code, missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]

wit_bindgen::generate!({
    path: ["../../../wit", "wit"],
    world: "example:typed/typed",
    generate_all,
});

pub(crate) use exports::example::typed::{counter, echo, other};
pub(crate) use exports::greenroom::actor::lifecycle;
pub(crate) use greenroom::actor::{messaging, reminders, state, types};

export!(Typed);

pub(crate) struct Typed;
