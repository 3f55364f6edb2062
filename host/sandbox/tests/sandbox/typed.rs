//! Functions of a component's own as methods: JSON in and out, errors, and guests whose answers are
//! junk.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::message::{ErrorCode, Failure, Payload};
use greenroom_core::sandbox::{Accepted, Behavior, Sandbox, Trap};
use greenroom_core::{Code, Error, Limits, Message};

use crate::guests::{Guest, Host, me, message, small_limits};
use crate::turn::ScriptedTurn;
use crate::typed_guest::typed;

/// One sandbox and what made it.
struct Actor {
    behavior: Arc<dyn Behavior>,
    sandbox: Box<dyn Sandbox>,
    turn: Arc<ScriptedTurn>,
}

impl Actor {
    async fn start(host: &Host, component: Bytes) -> Self {
        let behavior = host.prepare(component).await;
        let turn = Arc::new(ScriptedTurn::default());
        let sandbox = behavior.instantiate(&me(), &host.settings, Arc::clone(&turn) as _).await.unwrap();
        Actor { behavior, sandbox, turn }
    }

    async fn send(&mut self, message: Message) -> Result<Result<Payload, Error>, Trap> {
        match self.behavior.accept(message) {
            Err(refused) => Ok(Err(refused)),
            Ok(Accepted::Method(call)) => self.sandbox.call(Arc::clone(&self.turn) as _, call).await,
            Ok(Accepted::Message(message)) => {
                let answer = self.sandbox.receive(Arc::clone(&self.turn) as _, message).await?;
                Ok(answer.map_err(Error::from))
            }
        }
    }

    /// The reply's text, or the error.
    async fn ask(&mut self, method: &str, body: &str) -> Result<String, Error> {
        let message =
            Message { payload: Payload::new(Payload::JSON, body.to_owned()), ..message(method, "") };
        let payload = self.send(message).await.unwrap()?;
        assert_eq!(&*payload.content_type, if payload.body.is_empty() { "" } else { Payload::JSON });
        Ok(String::from_utf8(payload.body.to_vec()).unwrap())
    }

    async fn refused(&mut self, method: &str, body: &str) -> (Code, String) {
        let error = self.ask(method, body).await.unwrap_err();
        (error.code, error.detail)
    }
}

#[tokio::test]
async fn functions_of_an_interface_are_methods() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed")).await;
    let me = me();
    assert_eq!(actor.sandbox.activate(Arc::clone(&actor.turn) as _, &me).await, Ok(Ok(())));
    assert_eq!(actor.ask("add", r#"{"left": 1, "right": 2}"#).await.unwrap(), "3");
    assert_eq!(actor.ask("add", "[1, 2]").await.unwrap(), "3");
    assert_eq!(actor.ask("divide", "[7, 2]").await.unwrap(), "3");
    for method in ["say-back", "say_back"] {
        assert_eq!(actor.ask(method, r#""\u00fc""#).await.unwrap(), "\"ü\"");
    }
    assert_eq!(actor.ask("keep", r#""AAE=""#).await.unwrap(), "\"AAE=\"");
    assert_eq!(actor.ask("ping_all", "").await.unwrap(), "");
    assert_eq!(actor.sandbox.deactivate(Arc::clone(&actor.turn) as _).await, Ok(()));
    assert_eq!(Arc::strong_count(&actor.turn), 1, "a sandbox between turns holds none");
}

#[tokio::test]
async fn an_error_is_a_value_or_the_contracts_failure() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed")).await;
    let error = actor.ask("divide", "[7, 0]").await.unwrap_err();
    assert_eq!(error.code, Code::MethodFailed);
    assert_eq!(error.data.as_deref(), Some(&b"\"by zero\""[..]));
    assert!(error.detail.contains("`divide`") && error.detail.contains("by zero"), "{}", error.detail);
    let failure = Failure { code: ErrorCode::Conflict, message: "no".into() };
    assert_eq!(actor.ask("refuse", "").await, Err(Error::from(failure)));
    assert_eq!(actor.ask("divide", "[8, 2]").await.unwrap(), "4");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_the_guest_is_entered() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed")).await;
    for (method, body, refusal) in [
        ("add", "", "$.left: is missing; expected integer from 0 to 4294967295"),
        ("add", "[1, -2]", "$[1]: expected integer from 0 to 4294967295, found number -2"),
        ("say-back", "5", "$: expected string, found number 5"),
        ("ping-all", "1", "$: expected no arguments: an empty body, null, {} or []"),
    ] {
        assert_eq!(actor.refused(method, body).await, (Code::InvalidRequest, refusal.to_owned()));
    }
    let (code, detail) = actor.refused("subtract", "").await;
    assert_eq!(code, Code::GuestUnimplemented);
    assert_eq!(
        detail,
        "there is no method `subtract`; there are add, choose, divide, junk, keep, ping-all, refuse, say-back, stop"
    );
    assert_eq!(actor.ask("add", "[1, 2]").await.unwrap(), "3", "the sandbox is as it was");
}

#[tokio::test]
async fn bytes_travel_as_they_are_when_the_content_type_says_so() {
    let host =
        Host::new(&Limits { payload_bytes: 4 << 20, sandbox_memory_bytes: 32 << 20, ..small_limits() });
    let mut actor = Actor::start(&host, typed("typed")).await;
    let raw = |body: Vec<u8>| {
        let payload = Payload::new("Application/Octet-Stream; x=1", body);
        Message { payload, ..message("keep", "") }
    };
    for body in [vec![], vec![0, 255, 10], vec![7; 1 << 20]] {
        let reply = actor.send(raw(body.clone())).await.unwrap().unwrap();
        assert_eq!(&*reply.content_type, "application/octet-stream");
        assert!(reply.body == body, "{} bytes came back as {}", body.len(), reply.body.len());
    }
    let refused = actor.send(raw(vec![7; (1 << 20) + 1])).await.unwrap().unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    assert!(refused.detail.contains("$.data: more bytes than"), "{}", refused.detail);
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_the_guests_fault() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed")).await;
    let (code, detail) = actor.refused("junk", "3").await;
    assert_eq!(code, Code::ActorTrapped);
    assert!(detail.contains("payload_bytes (262144)"), "{detail}");
}

#[tokio::test]
async fn junk_for_an_answer_is_a_crash() {
    let host = Host::new(&small_limits());
    for (method, body, why) in [
        ("junk", "0", "utf-8"),
        ("junk", "1", "out of bounds"),
        ("junk", "2", ""),
        ("choose", "", "discriminant 7"),
        ("stop", "", "unreachable"),
    ] {
        let mut actor = Actor::start(&host, typed("typed")).await;
        let trap = actor.send(message(method, body)).await.unwrap_err();
        let Trap::Crashed(text) = &trap else { panic!("{method} {body}: {trap:?}") };
        assert!(text.contains(why), "{method} {body}: {text}");
        assert!(actor.send(message("add", "[1,2]")).await.is_err(), "a sandbox that trapped is not entered");
    }
}

#[tokio::test]
async fn lifecycle_goes_around_methods() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed-with-lifecycle")).await;
    assert_eq!(actor.sandbox.activate(Arc::clone(&actor.turn) as _, &me()).await, Ok(Ok(())));
    assert_eq!(actor.ask("add", "[1, 2]").await.unwrap(), "103");
    assert!(actor.sandbox.deactivate(Arc::clone(&actor.turn) as _).await.is_err());
}

#[tokio::test]
async fn what_is_no_method_goes_to_the_behavior() {
    let items = r#"
        (func (export "test:guests/calculator#add") (param i32 i32) (result i32)
          (i32.add (local.get 0) (local.get 1)))
        (func (export "test:guests/calculator#divide") (param i32 i32) (result i32) unreachable)
        (func (export "test:guests/calculator#refuse") (result i32) unreachable)
        (func (export "test:guests/calculator#say-back") (param i32 i32) (result i32) unreachable)
        (func (export "test:guests/calculator#keep") (param i32 i32) (result i32) unreachable)
        (func (export "test:guests/calculator#stop"))
        (func (export "test:guests/calculator#junk") (param i32) (result i32) unreachable)
        (func (export "test:guests/calculator#choose") (result i32) unreachable)
        (func (export "ping-all"))"#;
    let host = Host::new(&small_limits());
    let component = Guest { items, ..Guest::default() }.component_of_world("mixed");
    let mut actor = Actor::start(&host, component).await;
    assert_eq!(actor.ask("add", "[1, 2]").await.unwrap(), "3");
    assert_eq!(actor.ask("anything", "[1, 2]").await.unwrap(), "[1, 2]");
    assert!(actor.behavior.describe().takes_any_method);
}

#[tokio::test]
async fn a_call_is_for_sandboxes_of_its_own_behavior() {
    let host = Host::new(&small_limits());
    let mut actor = Actor::start(&host, typed("typed")).await;
    let other = Actor::start(&host, typed("typed-with-lifecycle")).await;
    let Ok(Accepted::Method(call)) = other.behavior.accept(message("add", "[1,2]")) else { panic!() };
    let trap = actor.sandbox.call(Arc::clone(&actor.turn) as _, call).await.unwrap_err();
    assert!(matches!(trap, Trap::Host(error) if error.code == Code::Internal));
    assert_eq!(actor.ask("add", "[1, 2]").await.unwrap(), "3");
}
