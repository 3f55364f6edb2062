//! What `wit/actor.wit` says, as Rust: made by macro, kept in this one module.
//!
//! Functions that the turn answers at once are plain; those that may read the store or wait for
//! another actor are async. Any of them can stop the guest.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "actor",
    imports: {
        "greenroom:actor/state": async | trappable,
        "greenroom:actor/messaging": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
