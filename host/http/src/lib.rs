//! Greenroom over HTTP: the only part of the host that knows hyper and axum.
//!
//! A request passes these files in this order, and each may end it with a [`problem`]:
//! [`server`] accepts the connection, [`connections`] finds a place for it, [`stream`] and [`connection`] keep a
//! slow peer from holding it for ever, [`front`] bounds the headers and contains panics, [`guard`] decides who may
//! ask, [`peer`] says who has how much of what all share, [`routes`] finds the handler, [`path`] and [`query`] parse
//! what the address says, [`body`] reads what it brings into memory that [`arriving`] counts, and the handler asks
//! the [`greenroom_runtime::Node`]. [`view`] is what comes back as JSON, and [`untaken`] bounds what waits for peers
//! that take no replies.
//!
//! What must hold here: nothing a peer sends is kept without a bound or waited for without a
//! deadline, every answer above 399 is a problem document with a code of the one table, and no
//! answer shows the host's internals.

mod actor_types;
mod actors;
mod arriving;
mod backup;
mod body;
mod call;
mod config;
mod connection;
mod connections;
mod cors;
mod dead_letters;
mod duration;
mod errors;
mod front;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod gathered;
mod guard;
mod idempotency;
mod json;
mod node;
mod number;
mod openapi;
mod path;
mod peer;
mod problem;
mod query;
mod reminders;
mod routes;
mod server;
mod state;
mod stream;
#[cfg(test)]
mod testing;
mod time;
mod type_settings;
mod unread;
mod untaken;
mod view;

pub use config::{About, Bounds, Config};
pub use cors::{InvalidOrigin, Origin};
pub use guard::{InvalidToken, TOKEN_BYTES_MIN, Token};
pub use server::{BindError, Server};
