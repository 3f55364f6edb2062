//! Judges the list of an append-list actor against what its clients saw. It accepts exactly this:
//!
//! - every acknowledged append is in the list once, at the position its acknowledgement named;
//! - every other append is in it at most once, and nothing is in it that nobody appended;
//! - an append that began after another was acknowledged stands behind it;
//! - the acknowledged appends of one client stand in the order in which it made them.

use std::collections::HashMap;
use std::fmt;

use crate::history::Operation;

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the texts below say what each means
pub enum Violation {
    Lost { token: String },
    Doubled { token: String, times: usize },
    Foreign { token: String },
    Moved { token: String, acknowledged_at: usize, found_at: usize },
    AgainstTime { first: String, then: String },
    AgainstClient { client: usize, first: String, then: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Lost { token } => write!(f, "{token} was acknowledged and is not there"),
            Violation::Doubled { token, times } => write!(f, "{token} is there {times} times"),
            Violation::Foreign { token } => write!(f, "nobody appended {token}"),
            Violation::Moved { token, acknowledged_at, found_at } => {
                write!(f, "{token} was acknowledged at position {acknowledged_at} and is at {found_at}")
            }
            Violation::AgainstTime { first, then } => {
                write!(f, "{first} was acknowledged before {then} began and stands behind it")
            }
            Violation::AgainstClient { client, first, then } => {
                write!(f, "client {client} appended {first} before {then} and it stands behind it")
            }
        }
    }
}

impl std::error::Error for Violation {}

/// Judges `list`.
///
/// # Errors
/// The first violation found.
pub fn check(operations: &[Operation], list: &[String]) -> Result<(), Violation> {
    let positions = positions(operations, list)?;
    for operation in operations.iter().filter(|operation| operation.acknowledged.is_some()) {
        let token = operation.token.clone();
        let Some(&found_at) = positions.get(token.as_str()) else { return Err(Violation::Lost { token }) };
        if let Some(acknowledged_at) = operation.position.filter(|position| *position != found_at) {
            return Err(Violation::Moved { token, acknowledged_at, found_at });
        }
    }
    let mut placed: Vec<(usize, &Operation)> = operations
        .iter()
        .filter_map(|operation| Some((*positions.get(operation.token.as_str())?, operation)))
        .collect();
    placed.sort_unstable_by_key(|(position, _)| *position);
    check_time(&placed)?;
    check_clients(&placed)
}

/// Where each token stands, when each stands there once and belongs there.
fn positions<'a>(operations: &[Operation], list: &'a [String]) -> Result<HashMap<&'a str, usize>, Violation> {
    let known: HashMap<&str, &Operation> =
        operations.iter().map(|operation| (operation.token.as_str(), operation)).collect();
    let mut positions = HashMap::with_capacity(list.len());
    for (position, token) in list.iter().enumerate() {
        if !known.contains_key(token.as_str()) {
            return Err(Violation::Foreign { token: token.clone() });
        }
        if positions.insert(token.as_str(), position).is_some() {
            let times = list.iter().filter(|other| *other == token).count();
            return Err(Violation::Doubled { token: token.clone(), times });
        }
    }
    Ok(positions)
}

/// From the last to the first: nothing that stands further back was acknowledged before this began.
fn check_time(placed: &[(usize, &Operation)]) -> Result<(), Violation> {
    let mut earliest_behind: Option<(u64, &Operation)> = None;
    for (_, operation) in placed.iter().rev() {
        if let Some((at, behind)) = earliest_behind
            && at < operation.begun
        {
            return Err(Violation::AgainstTime {
                first: behind.token.clone(),
                then: operation.token.clone(),
            });
        }
        if let Some(at) = operation.acknowledged
            && earliest_behind.is_none_or(|(earliest, _)| at < earliest)
        {
            earliest_behind = Some((at, operation));
        }
    }
    Ok(())
}

fn check_clients(placed: &[(usize, &Operation)]) -> Result<(), Violation> {
    let mut latest: HashMap<usize, &Operation> = HashMap::new();
    for (_, operation) in placed.iter().filter(|(_, operation)| operation.acknowledged.is_some()) {
        if let Some(before) = latest.insert(operation.client, operation)
            && before.sequence > operation.sequence
        {
            return Err(Violation::AgainstClient {
                client: operation.client,
                first: operation.token.clone(),
                then: before.token.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients 0 and 1 take turns: `a`, `b`, `c`, `d`, each acknowledged before the next begins;
    /// then `e` of client 0, of which nobody knows.
    fn operations() -> Vec<Operation> {
        let operation = |index: usize, token: &str| Operation {
            client: index % 2,
            sequence: index / 2,
            token: token.into(),
            begun: index as u64 * 10,
            acknowledged: (token != "e").then_some(index as u64 * 10 + 5),
            position: None,
        };
        ["a", "b", "c", "d", "e"].iter().enumerate().map(|(index, token)| operation(index, token)).collect()
    }

    fn judged(list: &[&str]) -> Result<(), Violation> {
        let list: Vec<String> = list.iter().map(|&token| token.to_owned()).collect();
        check(&operations(), &list)
    }

    #[test]
    fn what_may_be_is_accepted() {
        assert_eq!(judged(&["a", "b", "c", "d"]), Ok(()));
        assert_eq!(judged(&["a", "b", "c", "d", "e"]), Ok(()), "the unknown one may have happened");
    }

    #[test]
    fn a_lost_entry_is_caught() {
        assert_eq!(judged(&["a", "b", "d"]), Err(Violation::Lost { token: "c".into() }));
    }

    #[test]
    fn a_doubled_entry_is_caught() {
        let doubled = |token: &str| Err(Violation::Doubled { token: token.into(), times: 2 });
        assert_eq!(judged(&["a", "b", "b", "c", "d"]), doubled("b"));
        assert_eq!(judged(&["a", "b", "c", "d", "e", "e"]), doubled("e"));
    }

    #[test]
    fn an_entry_of_nobody_is_caught() {
        assert_eq!(judged(&["a", "b", "c", "d", "x"]), Err(Violation::Foreign { token: "x".into() }));
    }

    #[test]
    fn a_reordered_entry_is_caught() {
        let against_time = Violation::AgainstTime { first: "b".into(), then: "c".into() };
        assert_eq!(judged(&["a", "c", "b", "d"]), Err(against_time));
        let late = Violation::AgainstTime { first: "a".into(), then: "e".into() };
        assert_eq!(judged(&["e", "a", "b", "c", "d"]), Err(late));
    }

    #[test]
    fn the_order_of_one_client_counts_where_the_clock_says_nothing() {
        let mut operations = operations();
        for operation in &mut operations {
            operation.begun = 0;
        }
        let list = ["c", "b", "a", "d"].map(str::to_owned);
        let violation = Violation::AgainstClient { client: 0, first: "a".into(), then: "c".into() };
        assert_eq!(check(&operations, &list), Err(violation));
        let list = ["b", "a", "d", "c"].map(str::to_owned);
        assert_eq!(check(&operations, &list), Ok(()), "other clients may come between");
    }

    #[test]
    fn an_entry_that_is_not_where_its_reply_said_is_caught() {
        let mut operations = operations();
        operations[1].position = Some(2);
        let list = ["a", "b", "c", "d"].map(str::to_owned);
        let violation = Violation::Moved { token: "b".into(), acknowledged_at: 2, found_at: 1 };
        assert_eq!(check(&operations, &list), Err(violation));
    }
}
