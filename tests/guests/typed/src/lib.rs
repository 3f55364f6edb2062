//! A guest whose methods are functions of interfaces of its own (`wit/typed.wit`), with every type
//! there is, and `lifecycle` around them.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod counter;
#[cfg(target_family = "wasm")]
mod echo;
