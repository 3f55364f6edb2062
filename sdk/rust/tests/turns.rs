//! State, effects and hooks: what a turn leaves behind when it succeeds, and that it leaves nothing
//! when it fails.

use std::time::Duration;

use greenroom_sdk::prelude::*;
use greenroom_sdk::testing::TestHost;
use greenroom_sdk::{Level, Message, State, json};

#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    total: i64,
    #[serde(default)]
    note: String,
    #[serde(skip)]
    activated_by: String,
}

#[actor]
impl Ledger {
    /// Does a little of everything, and then fails if it is told to.
    pub fn book(&mut self, ctx: &Context, amount: i64, fail: bool) -> Result<i64> {
        self.total += amount;
        ctx.state().set(&format!("entry/{amount}"), &amount)?;
        ctx.send(("audit", "all"), "booked", &(ctx.me(), amount))?;
        ctx.reminders().set("review", Schedule::once(SECOND * 10), "review", &())?;
        ctx.timers().set("tick", Schedule::every(SECOND), "tick", &())?;
        ctx.info(format_args!("booked {amount}"));
        if fail { Err(Failure::conflict("told to fail")) } else { Ok(self.total) }
    }

    pub fn total(&self) -> i64 {
        self.total
    }

    pub fn annotate(&mut self, note: String) {
        self.note = note;
    }

    pub fn review(&mut self, ctx: &Context) -> Result {
        if !ctx.origin().is_reminder("review") {
            return Err(Failure::permission_denied("not you"));
        }
        "reviewed".clone_into(&mut self.note);
        Ok(())
    }

    pub fn tick(&mut self, ctx: &Context) -> String {
        self.total += 1;
        ctx.origin().to_string()
    }

    pub fn later(&mut self, ctx: &Context, amount: i64) -> Result {
        ctx.send_after(SECOND, ctx.me(), "book", &(amount, amount < 0))
    }

    pub fn price(&self, ctx: &Context, item: String) -> Result<i64> {
        Ok(ctx.actor("shop", "main").call("price", &item)?)
    }

    pub fn tell(&self, ctx: &Context) -> Result {
        Ok(ctx.actor("shop", "main").call("price", &"rug")?)
    }

    pub fn claim_struct_key(&mut self, ctx: &Context) -> Result {
        ctx.state().set("actor", &1)
    }

    pub fn keys(&self, ctx: &Context, limit: u32) -> Vec<Vec<String>> {
        let state: State<'_> = ctx.state();
        vec![state.keys(""), state.keys("entry/"), state.keys_after("", Some("entry/1"), limit)]
    }

    pub fn forget(&mut self, ctx: &Context, key: String) -> bool {
        ctx.state().delete(&key)
    }

    pub fn activated_by(&self) -> String {
        self.activated_by.clone()
    }

    #[activate]
    fn wake(&mut self, ctx: &Context) -> Result {
        self.activated_by = format!("{} {}", ctx.origin(), ctx.message().is_none());
        if self.note == "no" { Err(Failure::failed_precondition("stays in bed")) } else { Ok(()) }
    }

    #[deactivate]
    fn rest(&mut self, ctx: &mut Context) {
        ctx.log(Level::Debug, "resting");
        self.note.push_str("zzz");
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn ledger() -> TestHost<Ledger> {
    TestHost::new("l1")
}

#[test]
fn a_turn_that_succeeds_leaves_all_its_effects() {
    let mut ledger = ledger();
    assert_eq!(ledger.call("book", &json!({"amount": 5, "fail": false})), Ok(json!(5)));
    assert_eq!(ledger.stored_keys(), ["actor", "entry/5"]);
    assert_eq!(ledger.stored_bytes("actor").unwrap(), br#"{"total":5,"note":""}"#);
    let sent = ledger.take_sent();
    assert_eq!((&sent[0].to, &*sent[0].method), (&Address::new("audit", "all"), "booked"));
    assert_eq!(sent[0].arguments::<(Address, i64)>().unwrap(), (ledger.me().clone(), 5));
    assert_eq!((ledger.reminders().len(), ledger.timers().len()), (1, 1));
}

#[test]
fn a_turn_that_fails_leaves_nothing_but_what_it_said() {
    let mut ledger = ledger();
    ledger.call("book", &(5, false)).unwrap();
    let before = (ledger.stored_keys(), ledger.sent(), ledger.reminders(), ledger.timers());
    assert_eq!(ledger.call("book", &(7, true)).unwrap_err().code, ErrorCode::Conflict);
    assert_eq!((ledger.stored_keys(), ledger.sent(), ledger.reminders(), ledger.timers()), before);
    assert_eq!(ledger.call("total", &()), Ok(json!(5)));
    assert_eq!(ledger.logs().last(), Some(&(Level::Info, "booked 7".to_owned())));
}

#[test]
fn the_struct_is_written_only_when_it_changed() {
    let mut ledger = ledger();
    ledger.call("annotate", "").unwrap();
    ledger.call("total", &()).unwrap();
    assert_eq!(ledger.stored_keys(), [""; 0]);
    ledger.call("annotate", "x").unwrap();
    assert_eq!(ledger.stored_keys(), ["actor"]);
}

#[test]
fn a_restart_keeps_what_is_stored_and_runs_the_hooks() {
    let mut ledger = ledger();
    ledger.call("book", &(5, false)).unwrap();
    ledger.restart().unwrap();
    assert_eq!(ledger.stored::<Ledger>("actor").unwrap().unwrap().note, "zzz");
    assert_eq!(ledger.call("activated_by", &()), Ok(json!("host true")));
    assert_eq!((ledger.reminders().len(), ledger.timers().len()), (1, 0));
    ledger.crash();
    assert_eq!(ledger.call("total", &()), Ok(json!(5)));
    assert_eq!(ledger.stored::<Ledger>("actor").unwrap().unwrap().note, "zzz");
}

#[test]
fn an_activation_that_fails_refuses_the_message() {
    let mut ledger = ledger();
    ledger.store_bytes("actor", r#"{"total": 1, "note": "no"}"#);
    assert_eq!(ledger.call("total", &()).unwrap_err().message, "stays in bed");
    ledger.store_bytes("actor", r#"{"total": 1}"#);
    assert_eq!(ledger.call("total", &()), Ok(json!(1)), "a field that is new has its default");
}

#[test]
fn a_state_that_cant_be_read_names_the_type_the_place_and_the_problem() {
    let mut ledger = ledger();
    ledger.store_bytes("actor", r#"{"total": "much"}"#);
    let failure = ledger.call("total", &()).unwrap_err();
    assert_eq!(failure.code, ErrorCode::Internal);
    assert_eq!(
        failure.message,
        "the state of ledger/l1 can't be read as Ledger: total: invalid type: string \"much\", expected i64"
    );
    assert_eq!(ledger.stored_bytes("actor").unwrap(), br#"{"total": "much"}"#);
}

#[test]
fn reminders_timers_and_delayed_messages_come_in_their_order() {
    let mut ledger = ledger();
    ledger.call("book", &(0, false)).unwrap();
    ledger.call("later", &1).unwrap();
    ledger.call("later", &-1).unwrap();
    let begin = ledger.now();
    let delivered = ledger.advance(SECOND * 2);
    let seen: Vec<_> = delivered.iter().map(|one| (one.origin.to_string(), one.result.is_ok())).collect();
    // The booking of the first message sets the timer anew, so that it fires a second later.
    let expected = [("ledger/l1", true), ("ledger/l1", false), ("timer tick", true)];
    assert_eq!(seen, expected.map(|(origin, ok)| (origin.to_owned(), ok)));
    assert_eq!(ledger.now(), begin + SECOND * 2);
    let review = ledger.advance(SECOND * 60).into_iter().filter(|one| one.method == "review");
    assert_eq!(review.map(|one| one.result).collect::<Vec<_>>(), [Ok(Payload::empty())]);
    assert_eq!(ledger.call("review", &()).unwrap_err().code, ErrorCode::PermissionDenied);
}

#[test]
fn a_calls_reply_or_error_reaches_the_caller() {
    let mut ledger = ledger();
    let failure = ledger.call("price", "rug").unwrap_err();
    assert_eq!(
        failure.to_string(),
        "failed-precondition: call shop/main price: nothing is deployed under that actor type"
    );
    ledger.on_call(|to, method, payload| {
        assert_eq!((to.to_string().as_str(), method), ("shop/main", "price"));
        match payload.to::<String>()?.as_str() {
            "rug" => Ok(Payload::json(&120)?),
            "lamp" => Ok(Payload::json("dear")?),
            other => Err(Failure::not_found(format_args!("no {other}")).into()),
        }
    });
    assert_eq!(ledger.call("price", "rug"), Ok(json!(120)));
    assert_eq!(ledger.call("tell", &()), Ok(json!(null)), "a reply of any type can be dropped");
    assert_eq!(
        ledger.call("price", "cat").unwrap_err().to_string(),
        "not-found: call shop/main price: no cat"
    );
    assert_eq!(
        ledger.call("price", "lamp").unwrap_err().to_string(),
        "internal: call shop/main price: the reply is not what was expected: \
         invalid type: string \"dear\", expected i64"
    );
}

#[test]
fn the_structs_key_is_out_of_reach() {
    let mut ledger = ledger();
    for amount in 1..=3 {
        ledger.call("book", &(amount, false)).unwrap();
    }
    assert_eq!(ledger.call("claim_struct_key", &()).unwrap_err().code, ErrorCode::Internal);
    assert_eq!(ledger.call("forget", "actor"), Ok(json!(false)));
    assert_eq!(ledger.call("forget", "entry/3"), Ok(json!(true)));
    let entries = json!(["entry/1", "entry/2"]);
    assert_eq!(ledger.call("keys", &1), Ok(json!([entries, entries, ["entry/2"]])));
}

#[test]
fn messages_are_told_apart() {
    #[derive(Default, Serialize, Deserialize)]
    struct Mirror;

    #[actor]
    impl Mirror {
        pub fn message(&self, ctx: &Context) -> Result<String> {
            let message: &Message = ctx.message().ok_or_else(|| Failure::internal("there is none"))?;
            Ok(format!("{} {} {} {}", message.id, message.method, message.attempt, message.origin))
        }

        pub fn random(&self, ctx: &Context) -> usize {
            ctx.random_bytes(10_000).len()
        }
    }

    let mut mirror = TestHost::<Mirror>::at(("looking-glass", "m1"));
    assert_eq!(mirror.call("message", &()), Ok(json!("message-1 message 1 client")));
    let origin = Origin::Actor(Address::new("task", "t1"));
    assert_eq!(mirror.call_from(origin, "message", &()), Ok(json!("message-2 message 1 task/t1")));
    assert_eq!(mirror.call("random", &()), Ok(json!(10_000)));
}
