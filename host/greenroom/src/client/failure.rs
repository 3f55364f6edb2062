//! Why a command did not do what it was asked, in words that say what to do next.

use std::fmt;
use std::process::ExitCode;

use greenroom_core::plain::plain;
use serde_json::Value;

use crate::output::{self, Unwritten};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command can't be sent as it is.
    Usage(String),
    /// Nobody answers.
    Unreachable {
        /// Where.
        host: String,
        /// What the system says.
        why: String,
    },
    /// The connection ended before the answer was there.
    BrokenOff {
        /// To whom.
        host: String,
        /// What the system says.
        why: String,
    },
    /// The host answered with a problem.
    Refused(Box<Refusal>),
    /// Something answered, but not as a Greenroom host does.
    NotGreenroom,
    /// It came to nothing on this side; the text says what to do next.
    Local(String),
    /// What there is to print can't be written.
    Unwritten(Unwritten),
}

/// A problem document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    source: String,
    retry: String,
    detail: String,
    retry_after: Option<String>,
}

impl Failure {
    /// Says it, and with what the process ends.
    pub(super) fn end(&self) -> ExitCode {
        let code = match self {
            Failure::Unwritten(unwritten) => return unwritten.end(),
            Failure::Refused(_) | Failure::NotGreenroom | Failure::Local(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable { .. } | Failure::BrokenOff { .. } => 3,
        };
        output::complain(self);
        ExitCode::from(code)
    }
}

impl From<Unwritten> for Failure {
    fn from(unwritten: Unwritten) -> Self {
        Failure::Unwritten(unwritten)
    }
}

impl Refusal {
    /// Reads a problem document.
    pub(super) fn parse(status: u16, body: &[u8], retry_after: Option<String>) -> Option<Self> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        Some(Refusal {
            status,
            code: text("code")?,
            source: text("source")?,
            retry: text("retry")?,
            detail: text("detail")?,
            retry_after,
        })
    }

    /// What to do next.
    fn next(&self) -> String {
        match (self.code.as_str(), self.retry.as_str(), &self.retry_after) {
            ("unauthenticated", ..) => {
                "give one of the host's tokens with --token or GREENROOM_TOKEN".to_owned()
            }
            ("actor-type-in-use", ..) => "delete those actors, or undeploy with --purge".to_owned(),
            ("unknown-actor-type", ..) => {
                "`greenroom types` lists what is deployed, `greenroom deploy` deploys".to_owned()
            }
            (_, "later", Some(seconds)) => format!("nothing happened; try again in {seconds} s"),
            (_, "later", None) => "nothing happened; try again".to_owned(),
            (_, "with-key", _) => {
                "it may have taken effect; look at the actor before you repeat it".to_owned()
            }
            (
                "actor-trapped" | "internal" | "memory-limit" | "stack-overflow" | "cpu-limit" | "write-set-too-large",
                "never",
                _,
            ) => "the actor has to change; what it said is in the output of `greenroom serve`".to_owned(),
            ("activation-failed", ..) => "the next message tries again; what the actor said is in the output of \
                                          `greenroom serve`, and `greenroom rollback` goes back to the version before"
                .to_owned(),
            ("component-rejected", ..) => "change the component, then deploy it again".to_owned(),
            ("unknown-actor", ..) => "call it: its first message activates it".to_owned(),
            _ => "the same request fails again; change it first".to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(reason) | Failure::Local(reason) => write!(f, "error: {reason}"),
            Failure::Unreachable { host, why } => write!(
                f,
                "error: can't reach {host}: {}\n  next: start one with `greenroom serve`, or name another with --host",
                plain(why)
            ),
            Failure::BrokenOff { host, why } => write!(
                f,
                "error: {host} did not answer to the end: {}\n  next: what was asked for may be done; look before you \
                 repeat it",
                plain(why)
            ),
            Failure::Refused(refusal) => write!(
                f,
                "error: {}\n  code: {} (status {}, by the {})\n  next: {}",
                lines(&refusal.detail),
                plain(&refusal.code),
                refusal.status,
                plain(&refusal.source),
                plain(&refusal.next())
            ),
            Failure::NotGreenroom => {
                write!(
                    f,
                    "error: what answers there does not answer as a Greenroom host\n  next: check --host; a proxy before \
                     a host must not redirect"
                )
            }
            Failure::Unwritten(unwritten) => unwritten.fmt(f),
        }
    }
}

/// A text that may come from a guest: its lines are set in from where our own begin.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(code: &str, retry: &str, retry_after: Option<&str>) -> String {
        let body = format!(r#"{{"code":"{code}","source":"host","retry":"{retry}","detail":"why"}}"#);
        Failure::Refused(Box::new(
            Refusal::parse(503, body.as_bytes(), retry_after.map(str::to_owned)).unwrap(),
        ))
        .to_string()
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        assert_eq!(
            told("overloaded", "later", Some("1")),
            "error: why\n  code: overloaded (status 503, by the host)\n  next: nothing happened; try again in 1 s"
        );
        assert!(told("turn-timeout", "with-key", None).contains("look at the actor"));
        assert!(told("conflict", "never", None).contains("change it first"));
        assert!(told("activation-failed", "never", None).contains("rollback"));
        assert!(told("actor-trapped", "never", None).contains("greenroom serve"));
        assert!(told("unauthenticated", "never", None).contains("--token"));
    }

    #[test]
    fn a_guests_words_can_not_pass_for_ours() {
        let body = json!({
            "code": "conflict", "source": "actor", "retry": "never", "detail": "\u{1b}[2Ka\n  next: b\rc"
        });
        let refusal = Refusal::parse(409, body.to_string().as_bytes(), None).unwrap();
        assert!(Failure::Refused(Box::new(refusal)).to_string().starts_with(
            "error: \\u{1b}[2Ka\n      next: b\\u{d}c\n  code: conflict (status 409, by the actor)\n"
        ));
    }

    #[test]
    fn what_is_no_problem_document_is_not_taken_for_one() {
        for body in ["", "<html>", "{}", "[]", r#"{"code":"x"}"#] {
            assert_eq!(Refusal::parse(502, body.as_bytes(), None), None, "{body}");
        }
    }
}
