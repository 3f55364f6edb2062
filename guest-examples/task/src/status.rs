//! How far a task is, and how it got there: a bounded list of changes, each with its number.

use std::fmt;

use greenroom_sdk::prelude::*;

/// Changes that are kept.
const CHANGES_MAX: usize = 20;

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has begun.
    #[default]
    Todo,
    /// Somebody is at it.
    InProgress,
    /// Finished.
    Done,
    /// Not to be done any more.
    Cancelled,
    /// The deadline has passed, and it is not finished.
    Overdue,
}

impl Status {
    /// Whether there is nothing left to do.
    pub fn is_finished(self) -> bool {
        matches!(self, Status::Done | Status::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Todo => "todo",
            Status::InProgress => "in_progress",
            Status::Done => "done",
            Status::Cancelled => "cancelled",
            Status::Overdue => "overdue",
        })
    }
}

/// One change of status.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// 1 for the first change of the task, one more for each further one.
    pub sequence: u64,
    /// What it was changed to.
    pub status: Status,
    /// When.
    pub at_ms: Timestamp,
    /// Who asked for it.
    pub by: String,
}

/// The latest changes, oldest first.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<Change>);

impl History {
    /// Adds a change, and forgets the oldest one when there are too many.
    pub fn add(&mut self, status: Status, at: Timestamp, by: &Origin) {
        let sequence = self.0.last().map_or(1, |latest| latest.sequence + 1);
        if self.0.len() == CHANGES_MAX {
            self.0.remove(0);
        }
        self.0.push(Change { sequence, status, at_ms: at, by: by.to_string() });
    }

    /// The changes that are kept.
    pub fn changes(&self) -> &[Change] {
        &self.0
    }

    /// The status before the deadline passed.
    pub fn before_overdue(&self) -> Status {
        let earlier = self.0.iter().rev().find(|change| change.status != Status::Overdue);
        earlier.map_or(Status::Todo, |change| change.status)
    }
}
