//! P7 and P8 under attack: whatever guests, uploads and peers do, they alone are told, and their neighbours and the
//! host's memory stay as they were. Times and memory are judged here, so these tests run one after the other, and
//! beside no others: `cargo xtask test` gives them one thread.

mod hostile_guests;
mod hostile_http;
mod hostile_peers;
mod hostile_uploads;
mod long_turns;
mod memory;
mod p7_nobody_takes_it_down;
mod reminder_storm;
mod uploads;
