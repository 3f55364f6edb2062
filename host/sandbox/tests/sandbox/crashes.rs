//! Guests that trap and hosts that fail: what is told, and that nothing enters the sandbox again.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::sandbox::{Sandbox, Trap};
use greenroom_core::{Code, Error};

use crate::guests::{Guest, Host, ask, me, message, small_limits};
use crate::turn::ScriptedTurn;

const GET: &str = r#"
    (import "greenroom:actor/state@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
const CALL_GET: &str = "(call $get (i32.const 100) (i32.const 1) (i32.const 200))";
const CALL: &str = r#"
    (import "greenroom:actor/messaging@0.1.0" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (data (i32.const 100) "chat" "lobby" "never")"#;
const CALL_NEVER: &str = r"
    (call $call (i32.const 100) (i32.const 4) (i32.const 104) (i32.const 5) (i32.const 109) (i32.const 5)
        (local.get $media) (local.get $media_length) (local.get $body) (local.get $body_length) (i32.const 200))";

fn crashed(trap: Result<String, Trap>) -> String {
    match trap {
        Err(Trap::Crashed(text)) => text,
        other => panic!("{other:?}"),
    }
}

async fn assert_unfit(sandbox: &mut dyn Sandbox, turn: &Arc<ScriptedTurn>) {
    let text = crashed(ask(sandbox, turn, "again").await);
    assert!(text.contains("can't go on"), "{text}");
    assert!(sandbox.activate(Arc::clone(turn) as _, &me()).await.is_err());
    assert!(sandbox.deactivate(Arc::clone(turn) as _).await.is_err());
}

#[tokio::test]
async fn a_trap_says_what_happened_and_where_and_nothing_of_the_host() {
    let items = "(func $pay_the_bill unreachable)";
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) =
        host.start(Guest { items, receive: "(call $pay_the_bill)", ..Guest::default() }.component()).await;
    let text = crashed(ask(&mut *sandbox, &turn, "x").await);
    assert!(text.contains("unreachable") && text.contains("at pay_the_bill"), "{text}");
    assert!(!text.contains('/') || text.contains("greenroom:actor/"), "{text}");
    assert_unfit(&mut *sandbox, &turn).await;
    assert_eq!(Arc::strong_count(&turn), 1);
}

#[tokio::test]
async fn a_trap_while_starting_activating_or_deactivating_is_told() {
    let host = Host::new(&small_limits());
    let starts_badly = Guest { items: "(func $start unreachable) (start $start)", ..Guest::default() };
    assert!(
        matches!(host.fails_to_start(starts_badly.component()).await, Trap::Crashed(text) if text.contains("start"))
    );
    assert_eq!(host.engine.figures().sandboxes, 0, "its place is free again");

    let bad = Guest { activate: "unreachable", deactivate: "unreachable", ..Guest::default() }.component();
    let (mut sandbox, turn) = host.start(bad.clone()).await;
    assert!(matches!(sandbox.activate(Arc::clone(&turn) as _, &me()).await, Err(Trap::Crashed(_))));
    assert_unfit(&mut *sandbox, &turn).await;
    let (mut sandbox, turn) = host.start(bad).await;
    assert!(matches!(sandbox.deactivate(Arc::clone(&turn) as _).await, Err(Trap::Crashed(_))));
    assert_unfit(&mut *sandbox, &turn).await;
}

#[tokio::test]
async fn an_error_of_the_turn_stops_the_guest_and_comes_out_as_it_is() {
    let host = Host::new(&small_limits());
    let (mut sandbox, _) =
        host.start(Guest { items: GET, receive: CALL_GET, ..Guest::default() }.component()).await;
    let error = Error::new(Code::StoreUnavailable, "the store is away");
    let turn = Arc::new(ScriptedTurn { failure: Some(error.clone()), ..ScriptedTurn::default() });
    assert_eq!(ask(&mut *sandbox, &turn, "x").await, Err(Trap::Host(error)));
    assert_unfit(&mut *sandbox, &turn).await;
}

#[tokio::test]
async fn a_panic_of_the_host_fails_the_turn_alone() {
    let host = Host::new(&small_limits());
    let (mut sandbox, _) =
        host.start(Guest { items: GET, receive: CALL_GET, ..Guest::default() }.component()).await;
    let turn = Arc::new(ScriptedTurn { panics: true, ..ScriptedTurn::default() });
    let Err(Trap::Host(error)) = ask(&mut *sandbox, &turn, "x").await else { panic!() };
    assert_eq!(error.code, Code::Internal);
    assert!(!error.detail.contains("bug"), "{}", error.detail);
    assert_unfit(&mut *sandbox, &turn).await;
}

#[tokio::test]
async fn a_call_that_was_dropped_is_never_gone_on_with() {
    let host = Host::new(&small_limits());
    let guest = Guest { items: CALL, receive: CALL_NEVER, ..Guest::default() }.component();
    for wait_ms in [0, 1, 5, 20] {
        let (mut sandbox, turn) = host.start(guest.clone()).await;
        let call = sandbox.receive(Arc::clone(&turn) as _, message("do", "x"));
        assert!(tokio::time::timeout(Duration::from_millis(wait_ms), call).await.is_err());
        assert_unfit(&mut *sandbox, &turn).await;
        drop(sandbox);
        assert_eq!(Arc::strong_count(&turn), 1);
    }
    assert_eq!(host.engine.figures().sandboxes, 0);
}

#[tokio::test]
async fn a_call_dropped_before_it_began_harms_nothing() {
    let host = Host::new(&small_limits());
    let (mut sandbox, turn) = host.start(Guest::default().component()).await;
    drop(sandbox.receive(Arc::clone(&turn) as _, message("do", "x")));
    assert_eq!(ask(&mut *sandbox, &turn, "x").await.unwrap(), "x");
}

#[tokio::test]
async fn junk_answers_are_the_guests_fault() {
    let host = Host::new(&small_limits());
    let junk = [
        "(call $answer (i32.const -8) (i32.const 100))",
        "(call $answer (i32.const 0) (i32.const -1))",
        "(i32.store8 (i32.const 16) (i32.const 9))",
        "(call $refuse (i32.const 200) (i32.const 0) (i32.const 0))",
        // A media type that is no UTF-8.
        "(i32.store8 (i32.const 100) (i32.const 255)) (i32.store (i32.const 20) (i32.const 100))
         (i32.store (i32.const 24) (i32.const 1))",
    ];
    for receive in junk {
        let (mut sandbox, turn) = host.start(Guest { receive, ..Guest::default() }.component()).await;
        let text = crashed(ask(&mut *sandbox, &turn, "x").await);
        assert!(text.len() < 1000, "{text}");
        assert_unfit(&mut *sandbox, &turn).await;
    }
}
