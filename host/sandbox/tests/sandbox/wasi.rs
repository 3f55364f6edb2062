//! Guests whose language needs WASI: they print, ask the time and read their environment, and
//! reach nothing else.

use std::sync::Arc;

use greenroom_core::SettingsInForce;
use greenroom_core::sandbox::{Environment, Trap};

use crate::guests::{Guest, Host, ask, me, small_limits};
use crate::turn::ScriptedTurn;

const PRINT: &str = r#"
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))"#;

#[tokio::test]
async fn what_a_guest_prints_is_logged_line_by_line() {
    let receive = r"
        (call $print (call $stdout) (local.get $body) (local.get $body_length) (i32.const 200))
        (if (i32.load8_u (i32.const 200)) (then unreachable))
        (call $print (call $stderr) (local.get $method) (local.get $method_length) (i32.const 200))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) =
        host.start(Guest { items: PRINT, receive, ..Guest::default() }.wasi_component()).await;
    ask(&mut *sandbox, &turn, "one\r\ntwo\n\nthr").await.unwrap();
    assert_eq!(turn.lines(), ["Info one", "Info two", "Info thr", "Warn do"]);

    let next = Arc::new(ScriptedTurn::default());
    ask(&mut *sandbox, &next, &"x".repeat(4000)).await.unwrap();
    ask(&mut *sandbox, &next, &format!("{}\n", "y".repeat(3000))).await.unwrap();
    let lengths: Vec<usize> = next.logged.lock().iter().map(|(_, line)| line.len()).collect();
    assert_eq!(lengths, [4000, 2, 3000, 2], "each in its own turn");
    assert_eq!(Arc::strong_count(&next), 1);
}

#[tokio::test]
async fn long_lines_are_logged_in_pieces() {
    let receive = r"
        (local.set $attempt (call $stdout))
        (loop $on
            (call $print (local.get $attempt) (local.get $body) (local.get $body_length) (i32.const 200))
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $on (i32.lt_u (global.get $n) (i32.const 10))))";
    let items = format!("{PRINT}\n(global $n (mut i32) (i32.const 0))");
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) =
        host.start(Guest { items: &items, receive, ..Guest::default() }.wasi_component()).await;
    ask(&mut *sandbox, &turn, &"x".repeat(4000)).await.unwrap();
    let lengths: Vec<usize> = turn.logged.lock().iter().map(|(_, line)| line.len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 40_000);
    assert!(lengths.iter().all(|length| *length <= 8 << 10), "{lengths:?}");
}

#[tokio::test]
async fn one_write_has_no_more_than_the_stream_takes() {
    let items = r#"(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.check-write" (func $takes (param i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))"#;
    let receive = |more: u32| {
        format!(
            "(local.set $attempt (call $stdout))
            (call $takes (local.get $attempt) (i32.const 200))
            (call $write (local.get $attempt) (i32.const 0)
              (i32.add (i32.const {more}) (i32.wrap_i64 (i64.load (i32.const 208)))) (i32.const 200))"
        )
    };
    let host = Host::new(&small_limits());
    for more in [0, 1] {
        let guest = Guest { items, receive: &receive(more), ..Guest::default() };
        let (mut sandbox, turn) = host.start(guest.wasi_component()).await;
        match ask(&mut *sandbox, &turn, "x").await {
            Ok(_) if more == 0 => {}
            Err(Trap::Crashed(text)) if more == 1 => assert!(text.contains("check-write"), "{text}"),
            other => panic!("{more}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_environment_is_what_the_type_was_deployed_with() {
    let items = r#"(import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
        (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))"#;
    // Answers with the first value; traps unless there is one variable and no argument.
    let receive = r"(call $environment (i32.const 200))
        (if (i32.ne (i32.load (i32.const 204)) (i32.const 1)) (then unreachable))
        (call $arguments (i32.const 208))
        (if (i32.load (i32.const 212)) (then unreachable))
        (call $answer (i32.load offset=8 (i32.load (i32.const 200))) (i32.load offset=12 (i32.load (i32.const 200))))";
    let host = Host::new(&small_limits());
    let behavior = host.prepare(Guest { items, receive, ..Guest::default() }.wasi_component()).await;
    let environment = Environment::from([("PLACE".to_owned(), "Kiel".to_owned())]);
    let turn = Arc::new(ScriptedTurn::default());
    let settings = Arc::new(SettingsInForce { environment, ..SettingsInForce::default() });
    let mut sandbox = behavior.instantiate(&me(), &settings, Arc::clone(&turn) as _).await.unwrap();
    assert_eq!(ask(&mut *sandbox, &turn, "x").await.unwrap(), "Kiel");
}

#[tokio::test]
async fn there_are_no_files() {
    let items =
        r#"(import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))"#;
    let receive = r"(call $directories (i32.const 200))
        (if (i32.load (i32.const 204)) (then unreachable))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { items, receive, ..Guest::default() }.wasi_component()).await;
    ask(&mut *sandbox, &turn, "x").await.unwrap();
}

#[tokio::test]
async fn the_wall_clock_is_the_turns() {
    let items = r#"(import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $instant (result i64)))"#;
    let receive = r"(call $now (i32.const 200))
        (if (i64.ne (i64.load (i32.const 200)) (i64.const 77)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 208)) (i32.const 5000000)) (then unreachable))
        (if (i64.ne (i64.rem_u (call $instant) (i64.const 1000000)) (i64.const 0)) (then unreachable))";
    let host = Host::new(&small_limits());
    let (mut sandbox, _) = host.start(Guest { items, receive, ..Guest::default() }.wasi_component()).await;
    let turn = Arc::new(ScriptedTurn { now_ms: 77_005, ..ScriptedTurn::default() });
    ask(&mut *sandbox, &turn, "x").await.unwrap();
    let later = Arc::new(ScriptedTurn { now_ms: 78_005, ..ScriptedTurn::default() });
    assert!(ask(&mut *sandbox, &later, "x").await.is_err(), "the next turn has its own time");
}

#[tokio::test]
async fn exiting_is_a_crash_with_a_clear_text() {
    let items = r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;
    let host = Host::new(&small_limits());
    let guest = Guest { items, receive: "(call $exit (i32.const 1))", ..Guest::default() }.wasi_component();
    let (mut sandbox, turn) = host.start(guest).await;
    match ask(&mut *sandbox, &turn, "x").await {
        Err(Trap::Crashed(text)) => assert!(text.contains("exited with status 1"), "{text}"),
        other => panic!("{other:?}"),
    }
}
