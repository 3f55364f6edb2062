//! The runtime on a scripted sandbox, a model store and a simulated clock: every test but that of
//! [`threads`] runs in simulated time, and says in its name what must hold.

mod background;
mod code_room;
mod dead_letters;
mod gate;
mod idempotent;
mod lending;
mod lifecycle;
mod long_turns;
mod messaging;
mod scheduled;
mod scripted;
mod settings;
mod shares;
mod simulation;
mod threads;
mod turns;
mod undeploy;
mod versions;
mod world;
