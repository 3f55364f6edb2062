//! What clients saw of one append-list actor: which operations they began, which were acknowledged,
//! and when.

use std::sync::Mutex;
use std::time::Instant;

/// One append, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose.
    pub client: usize,
    /// The how-manieth of its client.
    pub sequence: usize,
    /// What it appends; no other operation appends the same.
    pub token: String,
    /// When it was begun, in nanoseconds of the history.
    pub begun: u64,
    /// When it was acknowledged; `None` when nobody knows what became of it.
    pub acknowledged: Option<u64>,
    /// The position the acknowledgement named, where it named one.
    pub position: Option<usize>,
}

/// Collects operations of many clients.
#[derive(Debug)]
pub struct History {
    origin: Instant,
    operations: Mutex<Vec<Operation>>,
}

impl Default for History {
    fn default() -> Self {
        History { origin: Instant::now(), operations: Mutex::default() }
    }
}

impl History {
    /// Now, in nanoseconds of the history.
    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Operation>) -> T) -> T {
        act(&mut self.operations.lock().expect("no client panics while it notes something"))
    }

    /// Notes that a client is about to append `token`; the result names the operation.
    pub fn begin(&self, client: usize, sequence: usize, token: &str) -> usize {
        let begun = self.now();
        let token = token.to_owned();
        self.with(|operations| {
            operations.push(Operation { client, sequence, token, begun, acknowledged: None, position: None });
            operations.len() - 1
        })
    }

    /// Notes that an operation was acknowledged.
    pub fn acknowledge(&self, operation: usize, position: Option<usize>) {
        let now = self.now();
        self.with(|operations| {
            operations[operation].acknowledged = Some(now);
            operations[operation].position = position;
        });
    }

    /// How many operations are acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.with(|operations| operations.iter().filter(|it| it.acknowledged.is_some()).count())
    }

    /// Everything noted so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.with(|operations| operations.clone())
    }
}
