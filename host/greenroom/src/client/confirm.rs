//! Asking before anything is removed for good. Without a terminal nothing is removed unless that was said.

use std::io::{self, IsTerminal as _};

use serde_json::Value;

use super::failure::Failure;
use super::print_line;
use crate::cli::{Approval, Connection};

/// What would go, for people and for programs.
pub(super) struct Loss {
    /// As in "this removes …".
    pub(super) what: String,
    /// The same in numbers.
    pub(super) counts: Value,
}

/// Whether to go on. `loss` is looked at only where somebody wants to know.
pub(super) fn allows(
    approval: Approval,
    connection: &Connection,
    loss: impl FnOnce() -> Result<Loss, Failure>,
) -> Result<bool, Failure> {
    if approval.yes {
        return Ok(true);
    }
    if approval.dry_run {
        let Loss { what, counts } = loss()?;
        let line = if connection.json {
            serde_json::json!({"would_remove": counts}).to_string()
        } else {
            format!("would remove {what}; nothing was removed")
        };
        return print_line(&line).map(|()| false);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(
            "this removes data for good, and there is no terminal to ask on\n  next: look with --dry-run, then say \
             --yes"
                .into(),
        ));
    }
    let what = loss()?.what;
    if matches!(asked(&what, &mut io::stderr(), &mut io::stdin().lock()), Ok(true)) {
        Ok(true)
    } else {
        Err(Failure::Local("nothing was removed".into()))
    }
}

fn asked(what: &str, terminal: &mut dyn io::Write, answers: &mut dyn io::BufRead) -> io::Result<bool> {
    write!(terminal, "This removes {what}, for good. Go on? [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A count with its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_goes_on() {
        for (answer, goes_on) in [("y\n", true), ("yes\n", true), ("\n", false), ("no\n", false), ("", false)]
        {
            let mut terminal = Vec::new();
            assert_eq!(
                asked("200 actors", &mut terminal, &mut answer.as_bytes()).unwrap(),
                goes_on,
                "{answer:?}"
            );
            assert_eq!(terminal, b"This removes 200 actors, for good. Go on? [y/N] ");
        }
    }
}
