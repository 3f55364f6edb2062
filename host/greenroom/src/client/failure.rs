//! Why a command did not do what it was asked, in words that say what to do next.

use std::fmt;
use std::process::ExitCode;

use greenroom_core::plain::plain;
use greenroom_project::ProjectError;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{self, Unwritten};
use crate::project;

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
    /// Who answers is not known to be the host.
    Untrusted {
        /// Where.
        host: String,
        /// What TLS says.
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
    /// A project can't be built.
    Build(ProjectError),
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
    /// All of it, as the host has sent it.
    document: Value,
}

/// A failure in the words of a problem document.
struct Told {
    code: &'static str,
    retry: &'static str,
    detail: String,
    next: Option<String>,
}

impl Failure {
    /// Says it, as one problem document where that is asked for, and with what the process ends.
    pub(super) fn end(&self, json: bool) -> ExitCode {
        if let Failure::Unwritten(unwritten) = self {
            return unwritten.end();
        }
        if json {
            output::complain(&self.document());
        } else {
            output::complain(self);
        }
        self.exit().into()
    }

    fn exit(&self) -> Exit {
        match self {
            Failure::Usage(_) => Exit::Usage,
            Failure::Build(error) => project::ends_with(error),
            Failure::Refused(refusal) => Exit::of_problem(&refusal.retry, refusal.status),
            other => Exit::of_problem(other.told().retry, 0),
        }
    }

    /// Whether the host has nothing of that.
    pub(super) fn is_nothing_there(&self) -> bool {
        matches!(self, Failure::Refused(_)) && self.exit() == Exit::NothingThere
    }

    /// Whether the actor's mailbox has no room, which says nothing of others.
    pub(super) fn is_mailbox_full(&self) -> bool {
        matches!(self, Failure::Refused(refusal) if refusal.code == "mailbox-full")
    }

    /// The problem document that the host has sent, or one of our own, with what to do next.
    fn document(&self) -> Value {
        let (mut document, next) = if let Failure::Refused(refusal) = self {
            (refusal.document.clone(), Some(refusal.next()))
        } else {
            let Told { code, retry, detail, next } = self.told();
            (json!({"code": code, "source": "client", "retry": retry, "detail": detail}), next)
        };
        if let Some(next) = next {
            document["next"] = next.into();
        }
        document["exit_code"] = self.exit().code().into();
        document
    }

    fn told(&self) -> Told {
        let told = |code, retry, detail: String, next: &str| {
            let next = Some(next.to_owned()).filter(|next| !next.is_empty());
            Told { code, retry, detail, next }
        };
        match self {
            Failure::Usage(reason) => told("usage", "never", reason.clone(), ""),
            Failure::Local(reason) => told("failed", "never", reason.clone(), ""),
            Failure::Build(error) => told("build-failed", "never", error.to_string(), ""),
            Failure::Unreachable { host, why } => told(
                "unreachable",
                "later",
                format!("can't reach {host}: {}", plain(why)),
                "start one with `greenroom serve`, or name another with --host",
            ),
            Failure::Untrusted { host, why } => told(
                "untrusted",
                "never",
                format!("{host} can't be trusted: {}", plain(why)),
                "nothing was asked; name the CA that signed its certificate with --ca-file, and see that it speaks TLS",
            ),
            Failure::BrokenOff { host, why } => told(
                "broken-off",
                "with-key",
                format!("{host} did not answer to the end: {}", plain(why)),
                "what was asked for may be done; look before you repeat it",
            ),
            Failure::NotGreenroom => told(
                "not-greenroom",
                "never",
                "what answers there does not answer as a Greenroom host".to_owned(),
                "check --host; a proxy before a host must not redirect",
            ),
            Failure::Refused(refusal) => told("refused", "never", refusal.detail.clone(), &refusal.next()),
            Failure::Unwritten(unwritten) => told("unwritten", "never", unwritten.to_string(), ""),
        }
    }
}

impl From<Unwritten> for Failure {
    fn from(unwritten: Unwritten) -> Self {
        Failure::Unwritten(unwritten)
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        Failure::Build(error)
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
            document,
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
            Failure::Refused(refusal) => write!(
                f,
                "error: {}\n  code: {} (status {}, by the {})\n  next: {}",
                lines(&refusal.detail),
                plain(&refusal.code),
                refusal.status,
                plain(&refusal.source),
                plain(&refusal.next())
            ),
            Failure::Unwritten(unwritten) => unwritten.fmt(f),
            Failure::Build(error) => error.fmt(f),
            other => {
                let Told { detail, next, .. } = other.told();
                write!(f, "error: {detail}")?;
                next.map_or(Ok(()), |next| write!(f, "\n  next: {next}"))
            }
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

    #[test]
    fn a_program_is_told_in_one_document() {
        let body = r#"{"type":"/errors/overloaded","code":"overloaded","source":"host","retry":"later","detail":"why"}"#;
        let refusal = Refusal::parse(503, body.as_bytes(), Some("1".to_owned())).unwrap();
        let document = Failure::Refused(Box::new(refusal)).document();
        assert_eq!(
            document,
            json!({
                "type": "/errors/overloaded", "code": "overloaded", "source": "host", "retry": "later",
                "detail": "why", "next": "nothing happened; try again in 1 s", "exit_code": 5,
            })
        );
        let broken_off = Failure::BrokenOff { host: "http://host".into(), why: "reset".into() };
        assert_eq!(broken_off.exit(), Exit::Unknown);
        assert_eq!(broken_off.document()["retry"], "with-key");
        assert_eq!(Failure::Usage("no".into()).document()["exit_code"], 2);
    }
}
