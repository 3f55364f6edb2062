//! Which host a command talks to, with which token, and whom it trusts: from the command line, the environment and
//! the contexts. Whoever names the host also names its token and its CA, so that no host hears another's token.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ureq::http::Uri;

use super::contexts::{Context, Contexts};
use super::failure::Failure;
use crate::cli::Connection;

const DEFAULT: &str = "http://127.0.0.1:7070";
/// Of a host that is named without a scheme and a port.
const DEFAULT_PORT: u16 = 7070;

/// Where to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The host's URL, without a slash at its end.
    pub(super) url: String,
    /// One of its tokens.
    pub(super) token: Option<String>,
    /// Whom to trust instead of those that the system trusts.
    pub(super) ca_file: Option<PathBuf>,
}

impl Target {
    /// What the command line, the environment and the contexts say.
    pub(super) fn of(connection: &Connection) -> Result<Self, Failure> {
        resolve(connection, &|name| std::env::var_os(name), Contexts::load)
    }
}

fn resolve(
    connection: &Connection,
    variable: &dyn Fn(&str) -> Option<OsString>,
    contexts: impl FnOnce() -> Result<Contexts, Failure>,
) -> Result<Target, Failure> {
    let text = |name: &str| -> Result<Option<String>, Failure> {
        let value = variable(name).map(OsString::into_string).transpose();
        value.map_err(|_| Failure::Usage(format!("{name} is not UTF-8")))
    };
    let (host, context) = match (&connection.host, &connection.context) {
        (Some(host), _) => (Some((host.clone(), "--host")), None),
        (None, Some(context)) => (None, Some(context.clone())),
        (None, None) => match text("GREENROOM_HOST")? {
            Some(host) => (Some((host, "GREENROOM_HOST")), None),
            None => (None, text("GREENROOM_CONTEXT")?),
        },
    };
    let (url, context) = if let Some((host, place)) = host {
        (url(&host, place)?, Context::default())
    } else {
        let context = contexts()?.chosen(context.as_deref())?.unwrap_or_default();
        let host = if context.host.is_empty() { DEFAULT } else { &context.host };
        (url(host, "the context's host")?, context)
    };
    let token = match (&connection.token, context.token()?) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(token)) => Some(token),
        (None, None) => text("GREENROOM_TOKEN")?.filter(|token| !token.is_empty()),
    };
    let ca_file = connection.ca_file.clone().or(context.ca_file);
    let of_environment = || variable("GREENROOM_CA_FILE").filter(|file| !file.is_empty()).map(PathBuf::from);
    Ok(Target { url, token, ca_file: ca_file.or_else(of_environment) })
}

/// The URL of a host that is written as URL, or as a name or address with or without a port.
pub(super) fn url(text: &str, place: &str) -> Result<String, Failure> {
    let named = text.trim_end_matches('/');
    let with_scheme = if named.contains("://") { named.to_owned() } else { format!("http://{named}") };
    let unusable = || {
        Failure::Usage(format!(
            "{place} {text:?} is not a host; it is http:// or https://, a name or address, and a port from 1 to 65535, \
             for example {DEFAULT}"
        ))
    };
    let parsed: Uri = with_scheme.parse().map_err(|_| unusable())?;
    let authority = parsed.authority().ok_or_else(unusable)?;
    let with_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = with_port.strip_prefix(authority.host()).unwrap_or_default();
    let port_is_valid = port.is_empty() || authority.port_u16().is_some_and(|port| port > 0);
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || authority.host().is_empty() || !port_is_valid
    {
        return Err(unusable());
    }
    if named.contains("://") || !port.is_empty() {
        return Ok(with_scheme);
    }
    let (authority, path) = (authority.as_str(), parsed.path().trim_end_matches('/'));
    Ok(format!("http://{authority}:{DEFAULT_PORT}{path}"))
}

/// A path that stays the same wherever a command is started.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_and_a_port_that_there_can_be() {
        for (text, expected) in [
            ("http://127.0.0.1:7070", "http://127.0.0.1:7070"),
            ("http://[::1]:7070/", "http://[::1]:7070"),
            ("http://host", "http://host"),
            ("http://host/under/a/path", "http://host/under/a/path"),
            ("http://me:7@host:65535", "http://me:7@host:65535"),
            ("https://host", "https://host"),
            ("localhost:7171", "http://localhost:7171"),
            ("localhost", "http://localhost:7070"),
            ("[::1]", "http://[::1]:7070"),
        ] {
            assert_eq!(url(text, "--host").ok().as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "http:",
            "http://",
            "ftp://host",
            "http://host:65536",
            "127.0.0.1:99999",
            "http://[::1]:99999",
            "http://host:0",
            "host:",
            "http://host:a",
            "http://a b",
        ] {
            assert!(url(text, "--host").is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_counts_before_the_environment_and_that_before_the_context_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, "of-prod\n").unwrap();
        let prod = Context {
            host: "https://prod".into(),
            token_file: Some(token_file),
            ca_file: Some("ca.pem".into()),
        };
        let test = Context { host: "test:1".into(), ..Context::default() };
        let contexts = Contexts::new([("prod", prod), ("test", test)], Some("test"));
        let ask = |host: Option<&str>, context: Option<&str>, variables: &[(&str, &str)]| {
            let connection = Connection {
                host: host.map(str::to_owned),
                context: context.map(str::to_owned),
                token: None,
                ca_file: None,
                json: false,
            };
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
            };
            resolve(&connection, &variable, || Ok(contexts.clone())).map(|target| (target.url, target.token))
        };
        let environment =
            [("GREENROOM_HOST", "other:2"), ("GREENROOM_CONTEXT", "prod"), ("GREENROOM_TOKEN", "env")];
        let found = |url: &str, token: &str| {
            Some((url.to_owned(), Some(token.to_owned()).filter(|it| !it.is_empty())))
        };
        assert_eq!(ask(Some("here:3"), None, &environment).ok(), found("http://here:3", "env"));
        assert_eq!(ask(None, Some("prod"), &environment).ok(), found("https://prod", "of-prod"));
        assert_eq!(ask(None, None, &environment).ok(), found("http://other:2", "env"));
        assert_eq!(ask(None, None, &environment[1..2]).ok(), found("https://prod", "of-prod"));
        assert_eq!(ask(None, None, &[]).ok(), found("http://test:1", ""));
        let refused = ask(None, Some("pord"), &[]).unwrap_err().to_string();
        assert!(refused.contains("pord") && refused.contains("greenroom context list"), "{refused}");
        assert!(
            ask(None, None, &[("GREENROOM_HOST", "")]).is_err(),
            "an address that did not arrive is not the default"
        );
    }
}
