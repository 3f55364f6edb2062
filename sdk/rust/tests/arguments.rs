//! How a message's body becomes a method's arguments, and its result a reply.

use std::collections::BTreeMap;

use greenroom_sdk::prelude::*;
use greenroom_sdk::testing::TestHost;
use greenroom_sdk::{Actor as _, json};

#[derive(Default, Serialize, Deserialize)]
struct Desk;

#[derive(Serialize, Deserialize)]
struct Item {
    name: String,
    sizes: Vec<u8>,
}

#[derive(Serialize)]
struct Nothing;

struct Jammed;

impl From<Jammed> for Failure {
    fn from(_: Jammed) -> Self {
        Failure::resource_exhausted("the drawer is jammed")
    }
}

#[actor]
impl Desk {
    pub fn none(&self) -> &'static str {
        "none"
    }

    pub fn one(&self, item: Item) -> Item {
        item
    }

    pub fn maybe(&self, number: Option<u8>) -> Option<u8> {
        number
    }

    pub fn map(&self, entries: BTreeMap<String, u8>) -> usize {
        entries.len()
    }

    pub fn two(&self, left: u8, ctx: &Context, right: Option<String>) -> String {
        format!("{left} {right:?} {}", ctx.me())
    }

    pub fn r#match(&self, mut r#type: String) -> String {
        r#type.push('!');
        r#type
    }

    pub fn nothing(&self) {}

    pub fn nothing_named(&self) -> Nothing {
        Nothing
    }

    #[allow(clippy::unnecessary_wraps)] // the type is what is tested
    pub fn nothing_or_failure(&self) -> Result {
        Ok(())
    }

    pub fn failing(&self, _ctx: &mut Context) -> Result<u8, Jammed> {
        Err(Jammed)
    }

    #[raw]
    pub fn echo(&self, payload: Payload) -> Payload {
        payload
    }

    #[raw]
    #[allow(clippy::unnecessary_wraps)] // the type is what is tested
    pub fn picture(&self) -> Result<Payload, Jammed> {
        Ok(Payload::new("image/png", [1, 2]))
    }

    #[cfg(not(test))]
    pub fn left_out(&self) {}

    /// Helpers for Rust code are no methods.
    pub fn new() -> Self {
        Desk
    }

    pub(crate) fn inner(&self) {}
}

/// A value, or the message of an `invalid-argument`.
type Expected = Result<greenroom_sdk::serde_json::Value, &'static str>;

fn check(method: &str, body: &str, expected: Expected) {
    let mut desk = TestHost::<Desk>::new("d1");
    let payload = Payload::new("application/json", body);
    let reply = desk.call_raw(Origin::Client, method, payload).and_then(|reply| reply.to());
    match expected {
        Ok(value) => assert_eq!(reply, Ok(value), "{method} {body}"),
        Err(message) => assert_eq!(reply, Err(Failure::invalid_argument(message)), "{method} {body}"),
    }
}

#[test]
fn without_parameters_the_body_is_not_looked_at() {
    for body in ["", "{}", "[1, 2]", "not json"] {
        check("none", body, Ok(json!("none")));
    }
}

#[test]
fn one_argument_is_the_body_or_its_only_member() {
    let item = json!({"name": "pen", "sizes": [1]});
    check("one", r#"{"name": "pen", "sizes": [1]}"#, Ok(item.clone()));
    check("one", r#" {"item": {"name": "pen", "sizes": [1]}} "#, Ok(item));
    check("map", r#"{"a": 1, "b": 2}"#, Ok(json!(2)));
    check("map", r#"{"entries": {"a": 1}}"#, Ok(json!(1)));
    check("map", "{}", Ok(json!(0)));
    check("match", r#"{"type": "x"}"#, Ok(json!("x!")));
}

#[test]
fn one_argument_that_may_be_left_out() {
    for body in ["", "null", r#"{"number": null}"#, "  "] {
        check("maybe", body, Ok(json!(null)));
    }
    check("maybe", "7", Ok(json!(7)));
    check("maybe", r#"{"number": 7}"#, Ok(json!(7)));
}

#[test]
fn several_arguments_go_by_name_or_by_position() {
    for (body, expected) in [
        (r#"{"right": "r", "left": 1}"#, r#"1 Some("r") desk/d1"#),
        (r#"{"left": 1}"#, "1 None desk/d1"),
        (r#"[1, "r"]"#, r#"1 Some("r") desk/d1"#),
        ("[1]", "1 None desk/d1"),
    ] {
        check("two", body, Ok(json!(expected)));
    }
}

#[test]
fn a_wrong_argument_is_named_with_the_place_and_the_problem() {
    for (method, body, message) in [
        ("one", "", "argument `item` is missing"),
        ("one", "{", "the body is not JSON: EOF while parsing an object at line 1 column 1"),
        ("one", "7", "argument `item`: invalid type: integer `7`, expected struct Item"),
        ("one", r#"{"name": "x"}"#, "argument `item`: missing field `sizes`"),
        (
            "one",
            r#"{"name": "x", "sizes": [1, 300]}"#,
            "argument `item.sizes[1]`: invalid value: integer `300`, expected u8",
        ),
        ("maybe", "-1", "argument `number`: invalid value: integer `-1`, expected u8"),
        ("two", "", "argument `left` is missing"),
        ("two", r#"{"right": "r"}"#, "argument `left` is missing"),
        ("two", "[]", "argument `left` is missing"),
        ("two", "7", "expected an object or an array of the arguments left, right"),
        ("two", r#"{"left": 1, "write": 2}"#, "unknown argument `write`; there are left, right"),
        ("two", r#"{"left": 1, "left": 2}"#, "argument `left` is given twice"),
        ("two", "[1, null, 3]", "3 arguments are too many; there are left, right"),
        (
            "two",
            r#"{"left": 1, "right": [2]}"#,
            "argument `right`: invalid type: sequence, expected a string",
        ),
    ] {
        check(method, body, Err(message));
    }
}

#[test]
fn nothing_is_an_empty_reply() {
    let mut desk = TestHost::<Desk>::new("d1");
    for method in ["nothing", "nothing_named", "nothing_or_failure"] {
        let reply = desk.call_raw(Origin::Client, method, Payload::empty()).unwrap();
        assert_eq!(reply, Payload::empty(), "{method}");
    }
    let null = desk.call_raw(Origin::Client, "maybe", Payload::empty()).unwrap();
    assert_eq!(null, Payload::new("application/json", "null"));
}

#[test]
fn an_error_of_the_actors_own_turns_into_a_failure() {
    let failure = TestHost::<Desk>::new("d1").call("failing", &()).unwrap_err();
    assert_eq!(failure.to_string(), "resource-exhausted: the drawer is jammed");
}

#[test]
fn raw_methods_see_and_answer_bytes() {
    let mut desk = TestHost::<Desk>::new("d1");
    let payload = Payload::new("application/octet-stream", [0, 255]);
    assert_eq!(desk.call_raw(Origin::Client, "echo", payload.clone()), Ok(payload));
    let picture = desk.call_raw(Origin::Client, "picture", Payload::empty()).unwrap();
    assert_eq!(picture.content_type, "image/png");
}

#[test]
fn an_unknown_method_is_answered_with_those_there_are() {
    let mut desk = TestHost::<Desk>::new("d1");
    for method in ["new", "inner", "left_out", "r#match", "Echo"] {
        let failure = desk.call(method, &()).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Unimplemented);
        assert_eq!(
            failure.message,
            format!(
                "Desk has no method `{method}`; it has none, one, maybe, map, two, match, nothing, \
                 nothing_named, nothing_or_failure, failing, echo, picture"
            )
        );
    }
    assert_eq!(Desk::METHODS.len(), 12);
    Desk::new().inner();
}
