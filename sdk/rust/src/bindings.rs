//! What is generated from the contract. Only [`crate::component`] uses it.

#![allow(
    unsafe_code,              // the calling convention of components is written in it
    missing_docs,             // the contract has the words
    unreachable_pub,          // the code is generated
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "actor",
    pub_export_macro: true,
    export_macro_name: "export_behavior",
    default_bindings_module: "greenroom_sdk::bindings",
});
