//! Where a test makes the host fail: the moments at which it would hurt most to die.
//!
//! [`FailPoint`] is the one list of them. A release build does nothing at a point and has no code
//! for it. A debug build reads the variable `FAILPOINTS`, a list of `NAME=ACTION` separated by `;`:
//!
//! | action | at the point |
//! | --- | --- |
//! | `abort` | the process ends at once, as by `kill -9`: nothing is flushed, nobody told |
//! | `panic` | a panic |
//! | `error` | what is done there fails; only some points know how |
//! | `delay(MS)` | nothing, for so many milliseconds |
//!
//! `ACTION@N` happens at the N-th time the point is reached and at no other; without, at each time.

macro_rules! fail_points {
    ($($(#[doc = $doc:literal])+ $point:ident = $name:literal,)+) => {
        /// A moment at which a test can make the host fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FailPoint {
            $($(#[doc = $doc])+ $point,)+
        }

        impl FailPoint {
            /// Every one.
            pub const ALL: &[FailPoint] = &[$(FailPoint::$point,)+];

            /// What it is called in `FAILPOINTS`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(FailPoint::$point => $name,)+
                }
            }
        }
    };
}

fail_points! {
    /// A component is compiled, and its code not yet in the cache.
    UploadCompiled = "upload::compiled",
    /// The code of a component is in the cache.
    UploadCached = "upload::cached",
    /// A component is ready to run, and nothing stored of it.
    UploadPrepared = "upload::prepared",
    /// All rows of a new version are written, and not committed.
    UploadWritten = "upload::written",
    /// A new version is stored, and no turn runs it yet.
    UploadStored = "upload::stored",
    /// Another active version is written, and not committed.
    ActivateWritten = "activate::written",
    /// Another active version is stored, and no turn runs it yet.
    ActivateStored = "activate::stored",
    /// Nobody reaches actors of a type any more that is undeployed, and all of it is stored.
    UndeployClosed = "undeploy::closed",
    /// A type is removed and what its actors have stored is hidden, and that is not committed.
    UndeployWritten = "undeploy::written",
    /// A type is gone from the store, and nobody knows.
    UndeployStored = "undeploy::stored",
    /// A part of what was purged is removed, and that is not committed.
    PurgeWritten = "purge::written",
    /// A part of what was purged is gone from the store.
    PurgeStored = "purge::stored",

    /// An activation has read what its actor has stored, and has had no turn.
    ActivationLoaded = "activation::loaded",
    /// An activation has let its sandbox go, and is about to leave memory.
    ActivationLeaving = "activation::leaving",
    /// A guest has asked the host for something, in the middle of a turn.
    HostFunction = "turn::host_function",
    /// The turn of a call is over, and its changes are in memory only.
    CallTurnOver = "call::turn_over",
    /// Nothing is kept of a request with an idempotency key, which is about to begin.
    KeyedUnknown = "keyed::unknown",
    /// A request with an idempotency key is durable, and its client not answered.
    KeyedOver = "keyed::over",

    /// The write sets of many turns are gathered for one transaction, and none is written.
    BatchGathered = "batch::gathered",
    /// All rows of a transaction are written, and not committed. Can fail.
    StoreWritten = "store::written",
    /// A transaction is on disk, and nobody knows.
    StoreCommitted = "store::committed",
    /// What was committed was told to recipients and the scheduler, and every reply is still held.
    BatchTold = "batch::told",
    /// One gate of a batch is open, and the others may be closed.
    GateOpened = "batch::gate_opened",
    /// A reply is about to be written to its connection.
    ReplyLeaves = "reply::leaves",

    /// Stored messages were read to be delivered.
    MailRead = "delivery::read",
    /// The turn of a stored message is over, and the message still in the store.
    DeliveryTurnOver = "delivery::turn_over",
    /// The end of a stored message is on its way to the store.
    DeliverySettled = "delivery::settled",
    /// A stored message has failed, and that is not stored.
    DeliveryFailed = "delivery::failed",
    /// A stored message has failed for the last time, and its dead letter is not stored.
    DeadLetterMade = "delivery::dead",
    /// A reminder is due, and its turn about to begin.
    ReminderDue = "reminder::due",
    /// The turn of a reminder is over, and the firing still in the store.
    ReminderTurnOver = "reminder::turn_over",
    /// The end of a firing is on its way to the store.
    ReminderSettled = "reminder::settled",

    /// The scheduler has read what is due, and told nobody.
    SchedulerPass = "scheduler::pass",
    /// The host has begun to stop.
    DrainBegun = "drain::begun",
    /// Every actor has left memory, and the last writes are not waited for.
    DrainEmptied = "drain::emptied",
    /// All is committed, and the log not moved into the database.
    StoreClosing = "store::closing",
    /// The log was moved and deleted, and the directory is still locked.
    StoreClosed = "store::closed",
    /// The database is open, and its schema not brought up to date.
    SchemaOld = "schema::old",
    /// The schema was brought up to date.
    SchemaNew = "schema::new",
}

#[cfg(not(debug_assertions))]
impl FailPoint {
    /// Tells that the host is there.
    #[inline]
    pub const fn reach(self) {}

    /// The same, and whether what is done there fails.
    #[inline]
    pub const fn fails(self) -> bool {
        false
    }
}

#[cfg(any(debug_assertions, test))]
pub use plan::{Action, Plan};

#[cfg(any(debug_assertions, test))]
mod plan {
    use std::time::Duration;

    use super::FailPoint;

    /// The variable of the environment that names plans.
    pub(super) const VARIABLE: &str = "FAILPOINTS";

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Action {
        /// The process ends.
        Abort,
        /// A panic.
        Panic,
        /// What is done there fails.
        Error,
        /// It takes a while.
        Delay(Duration),
    }

    /// What is to happen at one point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Plan {
        /// Where.
        pub point: FailPoint,
        /// What.
        pub action: Action,
        /// At the how-manieth time only; each time without.
        pub hit: Option<u64>,
    }

    impl Plan {
        /// The plans that `FAILPOINTS` names.
        ///
        /// # Errors
        /// Which part of it means nothing.
        pub fn parse(text: &str) -> Result<Vec<Plan>, String> {
            text.split(';').filter(|entry| !entry.is_empty()).map(Plan::parse_one).collect()
        }

        fn parse_one(entry: &str) -> Result<Plan, String> {
            let nonsense = || format!("{VARIABLE}: {entry:?} is not NAME=ACTION or NAME=ACTION@N");
            let (name, what) = entry.split_once('=').ok_or_else(nonsense)?;
            let (action, hit) = match what.split_once('@') {
                Some((action, hit)) => (action, Some(hit.parse().map_err(|_| nonsense())?)),
                None => (what, None),
            };
            let delay = action.strip_prefix("delay(").and_then(|rest| rest.strip_suffix(')'));
            let action = match (action, delay) {
                ("abort", _) => Action::Abort,
                ("panic", _) => Action::Panic,
                ("error", _) => Action::Error,
                (_, Some(ms)) => Action::Delay(Duration::from_millis(ms.parse().map_err(|_| nonsense())?)),
                _ => return Err(nonsense()),
            };
            let point = FailPoint::ALL.iter().find(|point| point.name() == name);
            let point = *point.ok_or_else(|| format!("{VARIABLE}: there is no fail point {name:?}"))?;
            Ok(Plan { point, action, hit })
        }
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::plan::VARIABLE;
    use super::{Action, FailPoint, Plan};

    const EXIT_USAGE: i32 = 2;

    /// The plans of this process.
    fn plans() -> &'static [Plan] {
        static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();
        PLANS.get_or_init(|| {
            let text = std::env::var(VARIABLE).unwrap_or_default();
            Plan::parse(&text).unwrap_or_else(|error| {
                eprintln!("error: {error}");
                std::process::exit(EXIT_USAGE);
            })
        })
    }

    impl FailPoint {
        /// Tells that the host is there.
        pub fn reach(self) {
            self.fails();
        }

        /// The same, and whether what is done there fails.
        pub fn fails(self) -> bool {
            static HITS: [AtomicU64; FailPoint::ALL.len()] =
                [const { AtomicU64::new(0) }; FailPoint::ALL.len()];
            if plans().is_empty() {
                return false;
            }
            let hit = HITS[self as usize].fetch_add(1, Ordering::Relaxed) + 1;
            let mut fails = false;
            for plan in
                plans().iter().filter(|plan| plan.point == self && plan.hit.is_none_or(|at| at == hit))
            {
                match plan.action {
                    Action::Abort => {
                        eprintln!("fail point {} reached, time {hit}", self.name());
                        std::process::abort();
                    }
                    Action::Panic => panic!("fail point {} reached, time {hit}", self.name()),
                    Action::Error => fails = true,
                    Action::Delay(time) => std::thread::sleep(time),
                }
            }
            fails
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let mut names: Vec<_> = FailPoint::ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FailPoint::ALL.len());
    }

    #[test]
    fn plans_are_read_or_refused_with_the_reason() {
        let plans = Plan::parse("upload::stored=abort@3;batch::told=delay(5)").unwrap();
        assert_eq!(plans[0], Plan { point: FailPoint::UploadStored, action: Action::Abort, hit: Some(3) });
        assert_eq!((plans[1].point, plans[1].hit), (FailPoint::BatchTold, None));
        for nonsense in ["x=abort", "batch::told", "batch::told=abort@x", "batch::told=delay(x)", "=", "a"] {
            assert!(Plan::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}
