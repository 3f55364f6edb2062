//! Greenroom's runtime: actors in memory, and the path of a message through them.
//!
//! A message travels through these files, in this order: [`node`] takes it, `dispatch` finds or
//! makes the activation, the `mailbox` queues it, `lifecycle` takes it from there, `run_turn` runs
//! it in a sandbox against the host functions in `turn` (a long one on the threads of `long_turns`), the
//! `committer` writes what it changed, and at the `gate` its reply waits for that. `delivery` does the same for what is stored, woken
//! by the `scheduler`.
//!
//! The runtime knows no engine, database or protocol: it sees
//! [`SandboxEngine`](greenroom_core::sandbox::SandboxEngine), [`Store`](greenroom_core::store::Store)
//! and [`Clock`](greenroom_core::Clock).

mod activation;
mod ahead;
mod alarm;
mod arrivals;
mod background;
mod backlog;
mod backup;
mod changes;
mod code_room;
mod committer;
mod conversions;
mod dead_letters;
mod delivery;
mod dispatch;
mod gate;
mod guest_log;
mod idempotency;
mod keys;
mod life;
mod lifecycle;
mod long_turns;
mod mailbox;
mod node;
mod operation;
mod patience;
mod population;
mod purges;
mod recency;
mod residency;
mod retries;
mod run_turn;
mod scheduler;
mod scrape;
mod shares;
mod shortened;
mod state;
mod store_watch;
#[cfg(test)]
mod tests;
mod timers;
mod to_its_end;
mod turn;
mod types;
mod undeploy;
mod view;
mod waits;
mod wakings;

pub use backup::Backup;
pub use dead_letters::DeadLetterQuery;
pub use idempotency::Once;
pub use node::{Config, Node, Parts};
pub use residency::ResidentBytes;
pub use view::*;
