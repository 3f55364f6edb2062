//! Components in wasmtime: checked, compiled, cached, instantiated and limited.
//!
//! The only crate that knows wasmtime. The rest of the host sees
//! [`SandboxEngine`](greenroom_core::sandbox::SandboxEngine), which [`WasmtimeEngine`] implements.
//!
//! What it guarantees:
//!
//! - Uploaded bytes are parsed and capped before they are compiled (`check`), both in a child process
//!   with bounded memory, processor and wall-clock time (`compile`).
//! - Machine code is only loaded when it was compiled here, from those bytes, by this very engine
//!   configuration (`cache`).
//! - A function of a component's own is called with arguments that were converted, and found to
//!   fit, before (`typed`).
//! - A guest reaches nothing but the functions of the turn it runs in, and a WASI without files,
//!   sockets or arguments.
//! - A guest that loops, grows, recurses or traps ends as a [`Trap`](greenroom_core::sandbox::Trap)
//!   that names what happened, and leaves its thread to others every few milliseconds until then.
//! - All sandboxes together stay within their part of the host's memory and of the pool, and no actor
//!   type has all of either (`resources`). Where the process may have too little address space for all of them,
//!   there are fewer (`address_space`).
//! - A sandbox that trapped, or whose call was dropped unfinished, is never entered again.

mod address_space;
mod behavior;
mod bindings;
mod cache;
mod check;
mod compile;
mod compile_child;
mod compile_memory;
mod console;
mod contract;
mod engine;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod guest;
mod host_functions;
mod import_advice;
mod limiter;
mod meter;
mod needs;
mod offered;
mod resident;
mod resources;
mod sandbox;
mod settings;
mod structure;
mod ticker;
mod traps;
mod typed;
mod wasi;
mod wire;

pub use compile::CompileSettings;
pub use compile_child::compile_component_child;
pub use engine::{Figures, WasmtimeEngine};
pub use resident::ResidentBytes;
