//! The crate as the host uses it: bytes in, sandboxes out, guests behaving well and badly. Guests
//! are small core modules in WebAssembly text, made into components here; components are compiled
//! by a real child process.

// A step that fails fails its test.
#![allow(clippy::unwrap_used)]

mod cache;
mod crashes;
mod guests;
mod limits;
mod turn;
mod turns;
mod typed;
mod typed_guest;
mod typed_uploads;
mod uploads;
mod wasi;
