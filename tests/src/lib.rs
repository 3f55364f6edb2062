//! What the black-box tests, the demo and the benchmarks stand on: the real binary in a process of
//! its own, a client that speaks to it as anybody would, and a judge of what it has done.
//!
//! Nothing here knows how Greenroom works inside. Of its crates only `greenroom-core` is used, for
//! the published table of errors.

pub mod attack;
pub mod checker;
pub mod client;
pub mod clock;
pub mod config;
pub mod crowd;
pub mod disk;
pub mod disk_watch;
pub mod eventually;
pub mod guests;
pub mod history;
pub mod host;
pub mod hostile;
pub mod languages;
pub mod load;
pub mod machine_load;
pub mod process;
pub mod script;
mod shared_code;
mod shim;
pub mod statistics;
pub mod wire;
