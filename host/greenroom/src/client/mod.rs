//! The commands that talk to a host over HTTP, one function each.

mod backup;
mod connection;
mod dead_letters;
mod failure;
mod settings;
mod show;
mod upload;
mod versions;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cli::{Actor, ClientCommand, Connection, DeadLetterCommand, Message};
use crate::output;
use connection::{Host, Reply, Request};
use failure::Failure;
use show::{Column, Style};

/// Runs one command.
pub(crate) fn run(command: ClientCommand) -> ExitCode {
    match dispatch(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}

type Done = Result<(), Failure>;

fn dispatch(command: ClientCommand) -> Done {
    match command {
        ClientCommand::Deploy { actor_type, file, connection } => deploy(&actor_type, &file, &connection),
        ClientCommand::Types { connection } => types(&connection),
        ClientCommand::Type { actor_type, connection } => one_type(&actor_type, &connection),
        ClientCommand::Versions { actor_type, connection } => versions::list(&actor_type, &connection),
        ClientCommand::Rollback { actor_type, to, connection } => {
            versions::roll_back(&actor_type, to, &connection)
        }
        ClientCommand::Activate { actor_type, version, connection } => {
            versions::activate(&actor_type, version, &connection)
        }
        ClientCommand::Settings { actor_type, set, unset, connection } => {
            settings::run(&actor_type, &set, &unset, &connection)
        }
        ClientCommand::Undeploy { actor_type, purge, connection } => {
            undeploy(&actor_type, purge, &connection)
        }
        ClientCommand::Call { message, connection } => call(&message, &connection),
        ClientCommand::Send { message, delay, connection } => send(&message, delay, &connection),
        ClientCommand::Actors { actor_type, prefix, connection } => {
            actors(actor_type.as_deref(), prefix.as_deref(), &connection)
        }
        ClientCommand::Inspect { actor, connection } => inspect(&actor, &connection),
        ClientCommand::State { actor, key: Some(key), connection, .. } => {
            state_value(&actor, &key, &connection)
        }
        ClientCommand::State { actor, prefix, connection, .. } => {
            state_keys(&actor, prefix.as_deref(), &connection)
        }
        ClientCommand::Mailbox { actor, connection } => mailbox(&actor, &connection),
        ClientCommand::DeadLetters { command, list } => {
            dead_letters::run(command.unwrap_or(DeadLetterCommand::List(list)))
        }
        ClientCommand::Deactivate { actor, connection } => {
            let path = format!("{}/-/deactivate", actor_path(&actor));
            done(&connection, Request::new("POST", path).body(Vec::new()), "deactivated")
        }
        ClientCommand::Delete { actor, connection } => {
            done(&connection, Request::new("DELETE", actor_path(&actor)), "deleted")
        }
        ClientCommand::Status { connection } => status(&connection),
        ClientCommand::Backup { file, force, data, connection } => {
            backup::run(&file, force, data.as_deref(), &connection)
        }
    }
}

/// What a segment of a path or a value of a query may hold as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn actor_path(actor: &Actor) -> String {
    format!("/v1/actors/{}/{}", encode(&actor.actor_type), encode(&actor.id))
}

fn type_path(actor_type: &str) -> String {
    format!("/v1/actor-types/{}", encode(actor_type))
}

fn print(bytes: &[u8]) -> Done {
    Ok(output::print(bytes)?)
}

fn print_line(line: &str) -> Done {
    print(format!("{line}\n").as_bytes())
}

/// Prints a payload as it is; on a terminal the prompt gets a line of its own.
fn print_payload(payload: &[u8]) -> Done {
    print(payload)?;
    let needs_newline = !payload.is_empty() && !payload.ends_with(b"\n") && std::io::stdout().is_terminal();
    if needs_newline { print(b"\n") } else { Ok(()) }
}

/// A request whose answer is empty.
fn done(connection: &Connection, request: Request, word: &str) -> Done {
    Host::new(connection)?.ask(request)?;
    if connection.json { Ok(()) } else { print_line(word) }
}

/// Goes through all pages of a list and shows them.
fn list(connection: &Connection, path: &str, parameters: &[(&str, &str)], columns: &[Column]) -> Done {
    let host = Host::new(connection)?;
    let mut after: Option<String> = None;
    let mut first = true;
    loop {
        let mut query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        query.extend(after.as_deref().map(|after| format!("after={}", encode(after))));
        let separator = if query.is_empty() { "" } else { "?" };
        let page = host.ask(Request::new("GET", format!("{path}{separator}{}", query.join("&"))))?.json()?;
        let items = page["items"].as_array().ok_or(Failure::NotGreenroom)?;
        if connection.json {
            for item in items {
                print_line(&item.to_string())?;
            }
        } else {
            print(show::table(columns, items, first).as_bytes())?;
        }
        first = false;
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// Prints an answer as the host gave it.
fn print_raw(reply: &Reply) -> Done {
    print(&reply.body)?;
    print(b"\n")
}

fn deploy(actor_type: &str, file: &Path, connection: &Connection) -> Done {
    let component = std::fs::read(file)
        .map_err(|error| Failure::Usage(format!("can't read {}: {error}", file.display())))?;
    // A host that refuses says so before it has all of the component, and then reads no more of it.
    let request = Request::new("PUT", type_path(actor_type))
        .content_type("application/wasm")
        .header("expect", "100-continue");
    let reply = upload::with_progress(&Host::new(connection)?, request, component, connection.json)?;
    if connection.json {
        return print_raw(&reply);
    }
    let created = reply.status == 201;
    let deployed = reply.json()?;
    let what = if created { "deployed" } else { "unchanged" };
    let text = |name: &str| show::text(&deployed[name], Style::Plain);
    let size = show::text(&deployed["size"], Style::Bytes);
    print_line(&format!(
        "{what}: {actor_type} version {}, {size}, sha-256 {}",
        text("version"),
        text("digest")
    ))
}

fn types(connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("TYPE", "/type", Style::Plain),
        Column::new("VERSION", "/active_version", Style::Plain),
        Column::new("ACTIVE ACTORS", "/active_actors", Style::Plain),
    ];
    list(connection, "/v1/actor-types", &[], COLUMNS)
}

fn one_type(actor_type: &str, connection: &Connection) -> Done {
    const VERSIONS: &[Column] = &[
        Column::new("VERSION", "/version", Style::Plain),
        Column::new("DEPLOYED", "/deployed_at", Style::Plain),
        Column::new("SIZE", "/size", Style::Bytes),
        Column::new("SHA-256", "/digest", Style::Plain),
    ];
    const METHODS: &[Column] = &[
        Column::new("METHOD", "/name", Style::Plain),
        Column::new("PARAMETERS", "/parameters", Style::Members),
        Column::new("ABOUT", "/docs", Style::Beginning),
    ];
    let reply = Host::new(connection)?.ask(Request::new("GET", type_path(actor_type)))?;
    if connection.json {
        return print_raw(&reply);
    }
    let known = reply.json()?;
    print_line(&format!(
        "{actor_type}: version {} is active, {} actors in memory",
        show::text(&known["active_version"], Style::Plain),
        show::text(&known["active_actors"], Style::Plain)
    ))?;
    let versions = known["versions"].as_array().ok_or(Failure::NotGreenroom)?;
    print(show::table(VERSIONS, versions, true).as_bytes())?;
    match known["methods"].as_array() {
        Some(methods) if !methods.is_empty() => {
            print(format!("\n{}", show::table(METHODS, methods, true)).as_bytes())
        }
        _ => Ok(()),
    }
}

fn undeploy(actor_type: &str, purge: bool, connection: &Connection) -> Done {
    let purge = if purge { "?purge=true" } else { "" };
    done(connection, Request::new("DELETE", format!("{}{purge}", type_path(actor_type))), "undeployed")
}

fn message_request(message: &Message) -> Result<Request, Failure> {
    let mut request =
        Request::new("POST", format!("{}/{}", actor_path(&message.to), encode(&message.method)));
    if let Some(key) = &message.idempotency_key {
        request = request.header("idempotency-key", &quoted(key));
    }
    let body = match message.body.as_deref() {
        None => return Ok(request.body(Vec::new())),
        Some("-") => {
            let mut body = Vec::new();
            std::io::stdin()
                .read_to_end(&mut body)
                .map_err(|error| Failure::Usage(format!("can't read the payload from stdin: {error}")))?;
            body
        }
        Some(text) => text.as_bytes().to_vec(),
    };
    Ok(request.content_type(&message.content_type).body(body))
}

/// As a string of a structured header field (RFC 9651), which takes any key.
fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}

fn call(message: &Message, connection: &Connection) -> Done {
    print_payload(&Host::new(connection)?.ask(message_request(message)?)?.body)
}

fn send(message: &Message, delay: Option<Duration>, connection: &Connection) -> Done {
    let mut request = message_request(message)?.header("prefer", "respond-async");
    if let Some(delay) = delay {
        let (seconds, milliseconds) = (delay.as_secs(), delay.subsec_millis());
        request.path = format!("{}?delay=PT{seconds}.{milliseconds:03}S", request.path);
    }
    let reply = Host::new(connection)?.ask(request)?;
    if connection.json {
        return print_raw(&reply);
    }
    print_line(&show::text(&reply.json()?["message_id"], Style::Plain))
}

fn actors(actor_type: Option<&str>, prefix: Option<&str>, connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("TYPE", "/type", Style::Plain),
        Column::new("ID", "/id", Style::Plain),
        Column::new("LIFECYCLE", "/lifecycle", Style::Plain),
    ];
    let mut parameters = vec![("limit", "1000")];
    parameters.extend(actor_type.map(|actor_type| ("type", actor_type)));
    parameters.extend(prefix.map(|prefix| ("prefix", prefix)));
    list(connection, "/v1/actors", &parameters, COLUMNS)
}

fn inspect(actor: &Actor, connection: &Connection) -> Done {
    let reply = Host::new(connection)?.ask(Request::new("GET", actor_path(actor)))?;
    if connection.json {
        return print_raw(&reply);
    }
    print(show::fields(&reply.json()?).as_bytes())
}

fn state_keys(actor: &Actor, prefix: Option<&str>, connection: &Connection) -> Done {
    let mut parameters = vec![("limit", "1000")];
    parameters.extend(prefix.map(|prefix| ("prefix", prefix)));
    let path = format!("{}/-/state", actor_path(actor));
    list(connection, &path, &parameters, &[Column::new("KEY", "", Style::Plain)])
}

fn state_value(actor: &Actor, key: &str, connection: &Connection) -> Done {
    let path = format!("{}/-/state/{}", actor_path(actor), encode(key));
    print_payload(&Host::new(connection)?.ask(Request::new("GET", path))?.body)
}

fn mailbox(actor: &Actor, connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("MESSAGE", "/message_id", Style::Plain),
        Column::new("METHOD", "/method", Style::Plain),
        Column::new("ORIGIN", "/origin", Style::Origin),
        Column::new("ATTEMPT", "/attempt", Style::Plain),
        Column::new("AGE", "/age_ms", Style::Milliseconds),
        Column::new("DUE IN", "/due_in_ms", Style::Milliseconds),
    ];
    list(connection, &format!("{}/-/mailbox", actor_path(actor)), &[], COLUMNS)
}

fn status(connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    let ready = host.ask(Request::new("GET", "/readyz"));
    let reply = host.ask(Request::new("GET", "/v1/node"))?;
    if connection.json {
        print_raw(&reply)?;
    } else {
        let mut node = reply.json()?;
        let limits = node.as_object_mut().and_then(|node| node.remove("limits"));
        let takes_work = if ready.is_ok() { "yes" } else { "no" };
        print(format!("ready            {takes_work}\n{}", show::fields(&node)).as_bytes())?;
        if let Some(limits) = limits {
            print(format!("\nlimits\n{}", show::fields(&limits)).as_bytes())?;
        }
    }
    ready.map(|_| ())
}
