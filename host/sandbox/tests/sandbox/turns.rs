//! Well-behaved guests: messages in, replies out, and the host's functions between.

use std::sync::Arc;

use greenroom_core::message::{ErrorCode, Failure, Origin};
use greenroom_core::{Address, Limits};

use crate::guests::{Guest, Host, ask, me, message, small_limits};
use crate::turn::ScriptedTurn;

#[tokio::test]
async fn a_message_comes_back_as_its_reply() {
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest::default().component()).await;
    assert_eq!(sandbox.activate(Arc::clone(&turn) as _, &me()).await, Ok(Ok(())));
    for body in ["hello", "", "ü"] {
        assert_eq!(ask(&mut *sandbox, &turn, body).await.unwrap(), body);
    }
    let reply = sandbox.receive(Arc::clone(&turn) as _, message("do", "x")).await.unwrap().unwrap();
    assert_eq!(&*reply.content_type, "text/plain");
    assert_eq!(sandbox.deactivate(Arc::clone(&turn) as _).await, Ok(()));
    assert_eq!(sandbox.memory_bytes(), 2 * 65536);
    assert_eq!(Arc::strong_count(&turn), 1, "a sandbox between turns holds none");
}

#[tokio::test]
async fn every_origin_reaches_the_guest() {
    // Answers with the digit that the origin's case has.
    let receive = r"(i32.store8 (i32.const 8) (i32.add (local.get $origin) (i32.const 48)))
        (call $answer (i32.const 8) (i32.const 1))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { receive, ..Guest::default() }.component()).await;
    let origins = [
        Origin::Client,
        Origin::Actor(Address::parse("a", "b").unwrap()),
        Origin::Reminder("r".into()),
        Origin::Timer("t".into()),
    ];
    for (case, origin) in origins.into_iter().enumerate() {
        let message = greenroom_core::Message { origin, ..message("do", "") };
        let reply = sandbox.receive(Arc::clone(&turn) as _, message).await.unwrap().unwrap();
        assert_eq!(reply.body, case.to_string());
    }
}

#[tokio::test]
async fn a_failure_keeps_its_code_and_words_and_the_sandbox_goes_on() {
    let receive = r"(if (local.get $body_length)
        (then (call $refuse (i32.const 3) (local.get $body) (local.get $body_length))))";
    let activate = "(call $refuse (i32.const 2) (local.get $me) (local.get $me_length))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { activate, receive, ..Guest::default() }.component()).await;
    let failure = |code, text: &str| Err(Failure { code, message: text.into() });
    assert_eq!(
        sandbox.activate(Arc::clone(&turn) as _, &me()).await,
        Ok(failure(ErrorCode::NotFound, "task-1"))
    );
    let refused = sandbox.receive(Arc::clone(&turn) as _, message("do", "taken")).await.unwrap();
    assert_eq!(refused.map(|_| ()), failure(ErrorCode::Conflict, "taken"));
    assert_eq!(ask(&mut *sandbox, &turn, "").await.unwrap(), "");
}

#[tokio::test]
async fn state_goes_to_the_turn_and_comes_back() {
    // Sets key "k" to the body, reads it back, deletes another, and answers with what it read.
    let items = r#"
        (import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))
        (import "greenroom:actor/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
        (import "greenroom:actor/state@0.1.0" "delete" (func $delete (param i32 i32) (result i32)))
        (data (i32.const 100) "k")"#;
    let receive = r"
        (call $set (i32.const 100) (i32.const 1) (local.get $body) (local.get $body_length) (i32.const 200))
        (if (i32.load8_u (i32.const 200))
          (then (call $answer (i32.load (i32.const 204)) (i32.load (i32.const 208))))
          (else
            (call $get (i32.const 100) (i32.const 1) (i32.const 200))
            (if (i32.eqz (i32.load8_u (i32.const 200))) (then unreachable))
            (call $answer (i32.load (i32.const 204)) (i32.load (i32.const 208)))
            (if (call $delete (i32.const 101) (i32.const 1)) (then unreachable))))";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest { items, receive, ..Guest::default() }.component()).await;
    assert_eq!(ask(&mut *sandbox, &turn, "value").await.unwrap(), "value");
    assert_eq!(turn.state.lock().get("k").map(|value| &value[..]), Some(&b"value"[..]));
    let next = Arc::new(ScriptedTurn::default());
    assert_eq!(ask(&mut *sandbox, &next, &"x".repeat(1001)).await.unwrap(), "state_value_bytes");
}

#[tokio::test]
async fn calls_sends_reminders_timers_and_logs_reach_the_turn() {
    let items = r#"
        (import "greenroom:actor/messaging@0.1.0" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "greenroom:actor/messaging@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
        (import "greenroom:actor/reminders@0.1.0" "cancel" (func $cancel (param i32 i32) (result i32)))
        (import "greenroom:actor/reminders@0.1.0" "list" (func $list (param i32)))
        (import "greenroom:actor/timers@0.1.0" "cancel" (func $cancel_timer (param i32 i32) (result i32)))
        (import "greenroom:actor/log@0.1.0" "write" (func $log (param i32 i32 i32)))
        (import "greenroom:actor/context@0.1.0" "now-ms" (func $now (result i64)))
        (import "greenroom:actor/context@0.1.0" "random" (func $random (param i32 i32)))
        (data (i32.const 100) "chat" "lobby" "say")"#;
    let receive = r"
        (call $send (i32.const 100) (i32.const 4) (i32.const 104) (i32.const 5) (i32.const 109) (i32.const 3)
            (local.get $media) (local.get $media_length) (local.get $body) (local.get $body_length)
            (i64.const 9) (i32.const 200))
        (if (i32.eqz (call $cancel (i32.const 104) (i32.const 5))) (then unreachable))
        (if (call $cancel_timer (i32.const 104) (i32.const 5)) (then unreachable))
        (call $list (i32.const 200))
        (if (i32.ne (i32.load (i32.const 204)) (i32.const 1)) (then unreachable))
        (call $log (i32.const 3) (i32.const 109) (i32.const 3))
        (if (i64.ne (call $now) (i64.const 77)) (then unreachable))
        (call $random (i32.const 5000) (i32.const 200))
        (if (i32.ne (i32.load (i32.const 204)) (i32.const 4096)) (then unreachable))
        (call $call (i32.const 100) (i32.const 4) (i32.const 104) (i32.const 5) (i32.const 109) (i32.const 3)
            (local.get $media) (local.get $media_length) (local.get $body) (local.get $body_length) (i32.const 200))
        (if (i32.load8_u (i32.const 200)) (then unreachable))
        (call $answer (i32.load (i32.const 212)) (i32.load (i32.const 216)))";
    let host = Host::new(&small_limits());
    let (mut sandbox, _) = host.start(Guest { items, receive, ..Guest::default() }.component()).await;
    let turn = Arc::new(ScriptedTurn { now_ms: 77, ..ScriptedTurn::default() });
    assert_eq!(ask(&mut *sandbox, &turn, "hi").await.unwrap(), "hi");
    assert_eq!(turn.lines(), ["Warn say"]);
    assert_eq!(
        *turn.done.lock(),
        [
            "send chat/lobby say text/plain hi in 9",
            "cancel lobby",
            "cancel timer lobby",
            "call chat/lobby say text/plain hi"
        ]
    );
}

#[tokio::test]
async fn initialisers_run_within_a_turn() {
    let items = r#"
        (import "greenroom:actor/log@0.1.0" "write" (func $log (param i32 i32 i32)))
        (data (i32.const 100) "up")
        (func $start (call $log (i32.const 2) (i32.const 100) (i32.const 2)))
        (export "_initialize" (func $start))"#;
    let host = Host::new(&small_limits());
    let (_sandbox, turn) = host.start(Guest { items, ..Guest::default() }.component()).await;
    assert_eq!(turn.lines(), ["Info up"]);
}

#[tokio::test]
async fn each_sandbox_has_memory_of_its_own_and_leaves_none_behind() {
    // Answers with the byte it finds, after writing the body's first byte there.
    let receive = r"(i32.store8 (i32.const 8) (i32.load8_u (i32.const 131000)))
        (i32.store8 (i32.const 131000) (i32.load8_u (local.get $body)))
        (call $answer (i32.const 8) (i32.const 1))";
    let host = Host::new(&Limits { sandboxes: 2, ..small_limits() });
    let component = Guest { receive, ..Guest::default() }.component();
    for _ in 0..4 {
        let (mut one, turn) = host.start(component.clone()).await;
        let (mut other, _) = host.start(component.clone()).await;
        assert_eq!(ask(&mut *one, &turn, "a").await.unwrap(), "\0");
        assert_eq!(ask(&mut *other, &turn, "b").await.unwrap(), "\0");
        assert_eq!(ask(&mut *one, &turn, "c").await.unwrap(), "a");
    }
}

#[tokio::test]
async fn sandboxes_are_counted_and_there_are_no_more_than_allowed() {
    let host = Host::new(&Limits { sandboxes: 2, ..small_limits() });
    let component = Guest::default().component();
    let (one, turn) = host.start(component.clone()).await;
    let (_other, _) = host.start(component.clone()).await;
    assert_eq!(host.engine.figures().sandboxes, 2);
    let behavior = host.prepare(component).await;
    let third = behavior.instantiate(&me(), &host.settings, Arc::clone(&turn) as _).await;
    assert!(matches!(third, Err(greenroom_core::sandbox::Trap::NoRoom)));
    drop(one);
    assert!(behavior.instantiate(&me(), &host.settings, turn).await.is_ok());
    assert_eq!(host.engine.figures().sandboxes, 1);
}
