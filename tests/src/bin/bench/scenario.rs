//! What is measured: which request the n-th one is.

use std::sync::atomic::{AtomicU64, Ordering};

use greenroom_tests::wire;

/// Names actors that nobody has asked before.
static NEVER_SEEN: AtomicU64 = AtomicU64::new(0);

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    EchoOne,
    EchoMany,
    IncrementOne,
    IncrementMany,
    FirstCalls,
}

impl Scenario {
    pub(crate) const ALL: [Scenario; 5] = [
        Scenario::EchoOne,
        Scenario::EchoMany,
        Scenario::IncrementOne,
        Scenario::IncrementMany,
        Scenario::FirstCalls,
    ];

    /// As the table calls it.
    pub(crate) fn name(self, actors: u64) -> String {
        let many = match actors {
            10_000 => "10,000 actors".to_owned(),
            other => format!("{other} actors"),
        };
        match self {
            Scenario::EchoOne => "echo to one actor".to_owned(),
            Scenario::EchoMany => format!("echo to {many}"),
            Scenario::IncrementOne => "increment of one actor".to_owned(),
            Scenario::IncrementMany => format!("increment of {many}"),
            Scenario::FirstCalls => "first calls of new actors".to_owned(),
        }
    }

    /// Whether its actors are in memory when it begins.
    pub(crate) fn is_about_active_actors(self) -> bool {
        self != Scenario::FirstCalls
    }

    /// Writes the n-th request.
    pub(crate) fn request(self, number: u64, actors: u64, request: &mut Vec<u8>) {
        const BODY: &str = "sixty-four bytes of text, which is what a short request carries.";
        // A step that is prime to the number of actors spreads the connections over them.
        let actor = number.wrapping_mul(7_919) % actors;
        match self {
            Scenario::EchoOne => wire::post(request, "/v1/actors/probe/one/echo", BODY),
            Scenario::EchoMany => {
                wire::post(request, &format!("/v1/actors/probe/user-{actor}/echo"), BODY);
            }
            Scenario::IncrementOne => wire::post(request, "/v1/actors/probe/counter/increment", ""),
            Scenario::IncrementMany => {
                wire::post(request, &format!("/v1/actors/probe/user-{actor}/increment"), "");
            }
            Scenario::FirstCalls => {
                let new = NEVER_SEEN.fetch_add(1, Ordering::Relaxed);
                wire::post(request, &format!("/v1/actors/probe/new-{new}/get"), "");
            }
        }
    }
}
