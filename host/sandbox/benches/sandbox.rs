//! What a sandbox costs: time to make one, to call it and to let it go, and memory per sandbox.
//!
//! `cargo bench -p greenroom-sandbox [-- SANDBOXES [COMPONENT.wasm…]]`; without a component, a small
//! one of this crate's tests.

#![allow(clippy::unwrap_used)]

#[path = "../tests/sandbox/guests.rs"]
#[allow(dead_code)]
mod guests;
#[path = "../tests/sandbox/turn.rs"]
#[allow(dead_code)]
mod turn;
#[path = "../tests/sandbox/typed_guest.rs"]
mod typed_guest;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_core::sandbox::{Accepted, Behavior, Sandbox, TurnHost};
use greenroom_core::{Limits, SettingsInForce};

use guests::{Guest, Host, me, message};
use turn::ScriptedTurn;

const CALLS: u32 = 20_000;
const INSTANCES: usize = 300;
const PASSES: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let alive = arguments.first().map_or(1_000, |count| count.parse().expect("a number of sandboxes"));
    let mut components = vec![("small guest".to_owned(), Guest::default().component())];
    components.extend(arguments.iter().skip(1).map(|path| {
        (path.clone(), Bytes::from(std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (name, component) in components {
        runtime.block_on(measure(&name, component, alive));
    }
    runtime.block_on(measure_typed());
}

/// Calls of typed methods: conversion of the arguments, the guest, conversion of the result.
async fn measure_typed() {
    let host = Host::new(&Limits::default());
    let behavior = host.prepare(typed_guest::typed("typed")).await;
    let turn: Arc<dyn TurnHost> = Arc::new(ScriptedTurn::default());
    let mut sandbox =
        behavior.instantiate(&me(), &host.settings, Arc::clone(&turn)).await.expect("a sandbox");
    println!("typed methods:");
    let text = format!("\"{}\"", "x".repeat(1 << 10));
    let bytes = format!("\"{}\"", "AAAA".repeat((64 << 10) / 3));
    let calls = [
        ("add two numbers", "add", "{\"left\":1,\"right\":2}"),
        ("1 KiB of text", "say-back", &text),
        ("64 KiB of bytes", "keep", &bytes),
    ];
    for (what, method, body) in calls {
        let mut best = Duration::MAX;
        for _ in 0..PASSES {
            let started = Instant::now();
            for _ in 0..CALLS / 100 {
                let accepted = behavior.accept(message(method, body.to_owned()));
                let Ok(Accepted::Method(call)) = accepted else { panic!("{method} is no method") };
                let _ = sandbox.call(Arc::clone(&turn), call).await.expect("no trap");
            }
            best = best.min(started.elapsed() / (CALLS / 100));
        }
        println!("  {what:16} {best:?}");
    }
}

async fn measure(name: &str, component: Bytes, alive: usize) {
    let started = Instant::now();
    let host = Host::new(&Limits::default());
    println!("{name}: {} bytes; engine made in {:?}", component.len(), started.elapsed());
    let started = Instant::now();
    let behavior = host.prepare(component.clone()).await;
    println!("  checked, compiled and linked in {:?}", started.elapsed());
    let turn: Arc<dyn TurnHost> = Arc::new(ScriptedTurn::default());

    let mut best = [Duration::MAX; 5];
    for _ in 0..PASSES {
        for (best, now) in best.iter_mut().zip(pass(&*behavior, &host.settings, &turn).await) {
            *best = now.min(*best);
        }
    }
    for (what, best) in ["make", "activate", "first receive", "receive", "drop"].iter().zip(best) {
        println!("  {what:14} {best:?}");
    }

    let (before, mappings_before) = (anonymous_kib(), mappings());
    let mut sandboxes = Vec::new();
    for _ in 0..alive {
        match behavior.instantiate(&me(), &host.settings, Arc::clone(&turn)).await {
            Ok(mut sandbox) => {
                receive(&mut *sandbox, &turn).await;
                sandboxes.push(sandbox);
            }
            Err(trap) => {
                println!("  no more than {} sandboxes: {trap:?}", sandboxes.len());
                break;
            }
        }
    }
    let count = sandboxes.len().max(1);
    println!(
        "  {} alive: {:.1} KiB of anonymous memory and {:.1} mappings each ({mappings_before} mappings before)",
        sandboxes.len(),
        (anonymous_kib() - before) as f64 / count as f64,
        (mappings() - mappings_before) as f64 / count as f64
    );
}

async fn receive(sandbox: &mut dyn Sandbox, turn: &Arc<dyn TurnHost>) {
    let reply = sandbox.receive(Arc::clone(turn), message("do", Bytes::from_static(b"hello"))).await;
    let _ = reply.expect("no trap");
}

/// Medians of one pass.
async fn pass(
    behavior: &dyn Behavior,
    settings: &Arc<SettingsInForce>,
    turn: &Arc<dyn TurnHost>,
) -> [Duration; 5] {
    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..INSTANCES {
        let started = Instant::now();
        let mut sandbox = behavior.instantiate(&me(), settings, Arc::clone(turn)).await.expect("a sandbox");
        times[0].push(started.elapsed());
        let started = Instant::now();
        let _ = sandbox.activate(Arc::clone(turn), &me()).await.expect("no trap");
        times[1].push(started.elapsed());
        let started = Instant::now();
        receive(&mut *sandbox, turn).await;
        times[2].push(started.elapsed());
        let started = Instant::now();
        drop(sandbox);
        times[4].push(started.elapsed());
    }
    let mut sandbox = behavior.instantiate(&me(), settings, Arc::clone(turn)).await.expect("a sandbox");
    for _ in 0..10 {
        let started = Instant::now();
        for _ in 0..CALLS / 10 {
            receive(&mut *sandbox, turn).await;
        }
        times[3].push(started.elapsed() / (CALLS / 10));
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn anonymous_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("Linux");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

fn mappings() -> i64 {
    std::fs::read_to_string("/proc/self/maps").expect("Linux").lines().count() as i64
}
