//! With what a command ends: a number that tells a script what to do next. Every command takes it from here.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    NothingThere,
    Conflict,
    Later,
    Unknown,
    StoreBroken,
    SecondSignal,
}

impl Exit {
    const ALL: [Exit; 9] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::NothingThere,
        Exit::Conflict,
        Exit::Later,
        Exit::Unknown,
        Exit::StoreBroken,
        Exit::SecondSignal,
    ];

    /// What a problem means, by its `retry` and its status; 0 where nobody has answered.
    pub(crate) fn of_problem(retry: &str, status: u16) -> Self {
        match (retry, status) {
            ("later", _) => Exit::Later,
            ("with-key", _) => Exit::Unknown,
            (_, 404) => Exit::NothingThere,
            (_, 409 | 412) => Exit::Conflict,
            _ => Exit::Failed,
        }
    }

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NothingThere => 3,
            Exit::Conflict => 4,
            Exit::Later => 5,
            Exit::Unknown => 6,
            Exit::StoreBroken => 70,
            Exit::SecondSignal => 130,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "refused or failed; the same again fails again, the message says what to change",
            Exit::Usage => "the command line, the configuration or a project is not valid",
            Exit::NothingThere => "there is no such actor type, actor, key, version or dead letter",
            Exit::Conflict => "something else is there than was expected; look at it, then decide anew",
            Exit::Later => "nothing happened; try again later",
            Exit::Unknown => "it may have taken effect; look, or repeat it with the same idempotency key",
            Exit::StoreBroken => "serve: the store failed, and the host stopped so as not to lose anything",
            Exit::SecondSignal => "serve: a second signal came while it was stopping",
        }
    }

    /// All of them, for `--help`.
    pub(crate) fn table() -> String {
        let row = |exit: Exit| format!("  {:<4} {}", exit.code(), exit.meaning());
        format!("Exit codes:\n{}", Exit::ALL.map(row).join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_core::Code;

    #[test]
    fn every_error_of_a_host_says_what_to_do_next() {
        for code in Code::ALL {
            let exit = Exit::of_problem(code.retry().as_str(), code.status());
            let expected = match code.as_str() {
                "unknown-actor-type" | "unknown-actor" | "not-found" => Exit::NothingThere,
                "conflict"
                | "failed-precondition"
                | "idempotency-mismatch"
                | "actor-type-in-use"
                | "version-conflict" => Exit::Conflict,
                "request-timeout" | "resource-exhausted" | "mailbox-full" | "overloaded"
                | "store-unavailable" | "draining" | "store-full" => Exit::Later,
                "outcome-unknown" | "turn-timeout" => Exit::Unknown,
                "internal" if *code == Code::Internal => Exit::Unknown,
                _ => Exit::Failed,
            };
            assert_eq!(exit, expected, "{}", code.as_str());
        }
    }

    #[test]
    fn the_documentation_has_every_exit_code() {
        let documented = include_str!("../../../docs/cli.md");
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(documented.contains(&row), "docs/cli.md lacks\n{row}");
        }
    }
}
