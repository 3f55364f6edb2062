//! What Greenroom promises, seen from outside: each module is one promise or one part of the API,
//! tested against the real binary in a process of its own. A test waits for what it wants to see;
//! it sleeps only where the passing of time is what it is about.

mod access;
mod api;
mod cli;
mod conformance;
mod dead_letters;
mod demo;
mod deploy;
mod hostile_guests;
mod hostile_uploads;
mod interchangeable;
mod languages;
mod languages_page;
mod lifecycle;
mod many_languages;
mod p10_versions;
mod p1_one_at_a_time;
mod p2_all_or_nothing;
mod p3_durable;
mod p4_reminders;
mod p4_sends;
mod p5_idempotent;
mod p6_no_hang;
mod p7_nobody_takes_it_down;
mod p8_bounds;
mod p9_always_there;
mod paths;
mod projects;
mod settings;
mod support;
mod tidy;
mod typed_methods;
mod uploads;
