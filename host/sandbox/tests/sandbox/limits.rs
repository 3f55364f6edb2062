//! Guests that take too much: each ends with the limit it ran into, and its neighbours go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use greenroom_core::sandbox::Trap;
use greenroom_core::{Limits, SettingsInForce};

use crate::guests::{Guest, Host, ask, me, small_limits};
use crate::turn::ScriptedTurn;

const FOREVER: &str = "(loop $on (br $on))";

fn cpu_limit(trap: Trap) {
    match trap {
        Trap::CpuLimit(text) => assert!(text.contains("turn_cpu (300ms)"), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// Counts how often it gets a go on the one thread there is.
async fn neighbour(goes: &AtomicUsize) {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        goes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `call` with a neighbour beside it, which must get its turns.
async fn beside_a_neighbour<T>(call: impl Future<Output = T>) -> T {
    let goes = AtomicUsize::new(0);
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = call => outcome,
        () = neighbour(&goes) => unreachable!(),
    };
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(goes.load(Ordering::Relaxed) >= 3, "the neighbour got {} goes", goes.load(Ordering::Relaxed));
    outcome
}

#[tokio::test(flavor = "current_thread")]
async fn an_endless_loop_yields_and_is_cut_wherever_it_is() {
    let host = Host::new(&small_limits());
    let endless =
        Guest { receive: FOREVER, activate: FOREVER, deactivate: FOREVER, ..Guest::default() }.component();

    let (mut sandbox, turn) = host.start(endless.clone()).await;
    cpu_limit(beside_a_neighbour(ask(&mut *sandbox, &turn, "x")).await.unwrap_err());
    let (mut sandbox, turn) = host.start(endless.clone()).await;
    cpu_limit(beside_a_neighbour(sandbox.activate(turn, &me())).await.unwrap_err());
    let (mut sandbox, turn) = host.start(endless).await;
    cpu_limit(beside_a_neighbour(sandbox.deactivate(turn)).await.unwrap_err());

    let items = format!("(func $start {FOREVER})\n(start $start)");
    let starts_forever = Guest { items: &items, ..Guest::default() }.component();
    cpu_limit(beside_a_neighbour(host.fails_to_start(starts_forever)).await);
}

#[tokio::test(flavor = "current_thread")]
async fn many_short_bursts_between_host_calls_add_up() {
    let items = r#"(import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
    let receive = "(loop $on (call $get (i32.const 100) (i32.const 1) (i32.const 200)) (br $on))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { items, receive, ..Guest::default() }.component()).await;
    cpu_limit(beside_a_neighbour(ask(&mut *sandbox, &turn, "x")).await.unwrap_err());
}

#[tokio::test(flavor = "current_thread")]
async fn bulk_operations_are_cut_too() {
    let receive = r"(drop (memory.grow (i32.const 40)))
        (loop $on (memory.fill (i32.const 131072) (i32.const 1) (i32.const 2000000)) (br $on))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { receive, ..Guest::default() }.component()).await;
    cpu_limit(beside_a_neighbour(ask(&mut *sandbox, &turn, "x")).await.unwrap_err());
}

#[tokio::test]
async fn each_turn_has_the_whole_of_its_processor_time() {
    // Some 10 ms of work, many times over: all of it together is far beyond one turn's time.
    let items = "(global $n (mut i32) (i32.const 0))";
    let receive = r"(global.set $n (i32.const 0))
        (loop $on (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $on (i32.lt_u (global.get $n) (i32.const 10000000))))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { items, receive, ..Guest::default() }.component()).await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        ask(&mut *sandbox, &turn, "x").await.unwrap();
    }
}

fn memory_limit(trap: &Trap) {
    match trap {
        Trap::MemoryLimit(text) => assert!(text.contains("sandbox_memory_bytes (4194304 bytes)"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let receive =
        "(loop $on (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $on))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { receive, ..Guest::default() }.component()).await;
    memory_limit(&ask(&mut *sandbox, &turn, "x").await.unwrap_err());
    assert!(sandbox.memory_bytes() <= 4 << 20);
}

#[tokio::test]
async fn a_guest_that_takes_the_refusal_of_memory_goes_on() {
    // Grows by as many pages as the body is long; traps on a body of 1.
    let receive = r"(drop (memory.grow (i32.mul (local.get $body_length) (i32.const 40))))
        (if (i32.eq (local.get $body_length) (i32.const 1)) (then unreachable))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { receive, ..Guest::default() }.component()).await;
    ask(&mut *sandbox, &turn, "xxx").await.unwrap();
    assert_eq!(sandbox.memory_bytes(), 2 * 65536, "refused");
    let later = ask(&mut *sandbox, &turn, "x").await.unwrap_err();
    assert!(matches!(later, Trap::Crashed(_)), "a later trap is not the limit's doing: {later:?}");
}

#[tokio::test]
async fn a_payload_that_finds_no_room_in_the_guest_is_its_memory_limit() {
    let limits = Limits { sandbox_memory_bytes: 128 << 10, ..small_limits() };
    let host = Host::new(&limits);
    let (mut sandbox, turn) = host.start(Guest::default().component()).await;
    let body = "x".repeat(200 << 10);
    assert!(matches!(ask(&mut *sandbox, &turn, &body).await, Err(Trap::MemoryLimit(_))));
}

#[tokio::test]
async fn several_memories_share_the_limit() {
    let host = Host::new(&small_limits());
    let fits = Guest { items: "(memory $other 60)", ..Guest::default() }.component();
    host.start(fits).await;
    // Each of the modules is within the limit, both together are not.
    let text = host.rejects(Guest { items: "(memory $other 63)", ..Guest::default() }.component()).await;
    assert!(text.contains("sandbox_memory_bytes (4194304)"), "{text}");
}

#[tokio::test]
async fn tables_have_a_limit() {
    let host = Host::new(&Limits { sandbox_table_elements: 100, ..small_limits() });
    let grows = Guest {
        items: "(table $t 10 funcref)",
        receive: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 91)) (i32.const -1)) (then unreachable))",
        ..Guest::default()
    };
    let (mut sandbox, turn) = host.start(grows.component()).await;
    match ask(&mut *sandbox, &turn, "x").await {
        Err(Trap::MemoryLimit(text)) => assert!(text.contains("sandbox_table_elements (100)"), "{text}"),
        other => panic!("{other:?}"),
    }
    let text = host.rejects(Guest { items: "(table $t 101 funcref)", ..Guest::default() }.component()).await;
    assert!(text.contains("sandbox_table_elements (100)"), "{text}");
}

#[tokio::test]
async fn endless_recursion_ends_at_the_stack_limit() {
    let items = "(func $down (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1)))";
    let host = Host::new(&Limits { turn_cpu: Duration::from_secs(5), ..small_limits() });
    let (mut sandbox, turn) = host
        .start(Guest { items, receive: "(drop (call $down (i32.const 1)))", ..Guest::default() }.component())
        .await;
    match ask(&mut *sandbox, &turn, "x").await {
        Err(Trap::StackOverflow(text)) => {
            assert!(
                text.contains("sandbox_stack_bytes (524288 bytes)") && text.contains("at down"),
                "{text}"
            );
            assert!(text.len() < 2000, "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn host_calls_work_at_the_bottom_of_the_stack() {
    // Recurses as deep as the body is long times 1000, then calls the host.
    let items = r#"(import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))
        (func $down (param i32) (result i32)
            (if (result i32) (local.get 0)
              (then (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
              (else (call $get (i32.const 100) (i32.const 1) (i32.const 200)) (i32.const 0))))"#;
    let receive = "(drop (call $down (i32.mul (local.get $body_length) (i32.const 500))))";
    let host = Host::new(&Limits { turn_cpu: Duration::from_secs(5), ..small_limits() });
    let guest = Guest { items, receive, ..Guest::default() }.component();
    let mut deepest = 0;
    for depth in 1..200 {
        let (mut sandbox, turn) = host.start(guest.clone()).await;
        match ask(&mut *sandbox, &turn, &"x".repeat(depth)).await {
            Ok(_) => deepest = depth,
            Err(Trap::StackOverflow(_)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(deepest > 2, "{deepest}");
}

#[tokio::test]
async fn what_a_guest_hands_over_is_bounded() {
    let host = Host::new(&small_limits());
    // An answer of as many KiB as the body is long.
    let receive = r"(drop (memory.grow (i32.const 16)))
        (call $answer (i32.const 0) (i32.mul (local.get $body_length) (i32.const 1024)))";
    let answers = Guest { receive, ..Guest::default() }.component();
    let (mut sandbox, turn) = host.start(answers.clone()).await;
    assert_eq!(ask(&mut *sandbox, &turn, &"x".repeat(256)).await.unwrap().len(), 256 << 10);
    let too_much = ask(&mut *sandbox, &turn, &"x".repeat(400)).await;
    match too_much {
        Err(Trap::Crashed(text)) => assert!(text.contains("payload_bytes (262144 bytes)"), "{text}"),
        other => panic!("{:?}", other.map(|reply| reply.len())),
    }

    let items = r#"(import "greenroom:actor/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
    let receive =
        "(drop (memory.grow (i32.const 16))) (call $log (i32.const 1) (i32.const 0) (i32.const 1000000))";
    let (mut sandbox, turn) = host.start(Guest { items, receive, ..Guest::default() }.component()).await;
    assert!(
        matches!(ask(&mut *sandbox, &turn, "x").await, Err(Trap::Crashed(text)) if text.contains("payload_bytes"))
    );
    assert!(turn.lines().is_empty());
}

#[tokio::test]
async fn instances_that_come_and_go_leave_room() {
    let host = Host::new(&Limits { sandboxes: 1, ..small_limits() });
    let behavior = host.prepare(Guest::default().component()).await;
    for _ in 0..500 {
        let turn = Arc::new(ScriptedTurn::default());
        let mut sandbox = behavior.instantiate(&me(), &host.settings, Arc::clone(&turn) as _).await.unwrap();
        ask(&mut *sandbox, &turn, "x").await.unwrap();
    }
}

#[tokio::test]
async fn what_is_set_for_a_type_holds_within_what_the_engine_was_made_for() {
    let receive =
        "(loop $on (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $on))";
    let host = Host::new(&small_limits());
    let greedy = host.prepare(Guest { receive, ..Guest::default() }.component()).await;
    let endless = host.prepare(Guest { receive: FOREVER, ..Guest::default() }.component()).await;
    let limits =
        Limits { sandbox_memory_bytes: 1 << 20, turn_cpu: Duration::from_millis(50), ..small_limits() };
    let settings = Arc::new(SettingsInForce { limits, ..SettingsInForce::default() });
    let turn = Arc::new(ScriptedTurn::default());
    let mut sandbox = greedy.instantiate(&me(), &settings, Arc::clone(&turn) as _).await.unwrap();
    match ask(&mut *sandbox, &turn, "x").await {
        Err(Trap::MemoryLimit(text)) => {
            assert!(text.contains("sandbox_memory_bytes (1048576 bytes)"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    let mut sandbox = endless.instantiate(&me(), &settings, Arc::clone(&turn) as _).await.unwrap();
    match ask(&mut *sandbox, &turn, "x").await {
        Err(Trap::CpuLimit(text)) => assert!(text.contains("turn_cpu (50ms)"), "{text}"),
        other => panic!("{other:?}"),
    }
}
