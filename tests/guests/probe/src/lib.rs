//! A guest that does whatever a test asks of it, well-behaved or not, against the WIT alone.
//!
//! Its methods:
//!
//! | method | does |
//! | --- | --- |
//! | `echo` | replies with the payload as it came |
//! | `increment`, `get` | a durable counter under the key `n`, as text |
//! | `append`, `list` | a durable list under the key `list`: `append` adds the payload's text, or the message's id when there is none; both reply with the list |
//! | `run` | a script: the payload is a JSON list of operations, the reply a JSON list of their results |
//!
//! An actor whose id begins with `counted-` counts its activations and deactivations durably; one
//! that begins with `fail-activate-`, `trap-activate-` or `spin-activate-` does that when it is
//! activated, unless its state has the key `healed`.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod hostile;
#[cfg(target_family = "wasm")]
mod memory;
#[cfg(target_family = "wasm")]
mod methods;
#[cfg(target_family = "wasm")]
mod script;
