//! The commands that talk to a host over HTTP, one function each.

mod backup;
mod confirm;
mod connection;
mod contexts;
mod dead_letters;
mod deploy;
mod destroy;
mod failure;
mod payload;
mod reminders;
mod settings;
mod show;
mod target;
mod tls;
mod types;
mod upload;
mod versions;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::cli::{Actor, ClientCommand, Connection, ContextCommand, DeadLetterCommand, Message};
use crate::exit::Exit;
use crate::output;
use connection::{Host, Reply, Request};
use failure::Failure;
use show::{Column, Style};

/// Runs one command.
pub(crate) fn run(command: ClientCommand) -> ExitCode {
    let json = command.connection().json;
    ended(dispatch(command), json)
}

/// Runs a command about contexts.
pub(crate) fn run_context(command: ContextCommand) -> ExitCode {
    ended(contexts::run(command), false)
}

fn ended(done: Done, json: bool) -> ExitCode {
    done.map_or_else(|failure| failure.end(json), |()| Exit::Done.into())
}

type Done = Result<(), Failure>;

fn dispatch(command: ClientCommand) -> Done {
    match command {
        ClientCommand::Deploy { deployment, connection } => deploy::run(&deployment, &connection),
        ClientCommand::Types { connection } => types::list_all(&connection),
        ClientCommand::Type { actor_type, component: Some(file), of, connection } => {
            types::download(&actor_type, of, &file, &connection)
        }
        ClientCommand::Type { actor_type, connection, .. } => types::show_one(&actor_type, &connection),
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
        ClientCommand::Undeploy { actor_type, purge, approval, connection } => {
            destroy::undeploy(&actor_type, purge, approval, &connection)
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
        ClientCommand::Reminders { actor, cancel: Some(name), connection } => {
            reminders::cancel(&actor, &name, &connection)
        }
        ClientCommand::Reminders { actor, connection, .. } => reminders::list_all(&actor, &connection),
        ClientCommand::DeadLetters { command, list } => {
            dead_letters::run(command.unwrap_or(DeadLetterCommand::List(list)))
        }
        ClientCommand::Deactivate { actor, connection } => {
            let path = format!("{}/-/deactivate", actor_path(&actor));
            let host = Host::new(&connection)?;
            host.ask(Request::new("GET", actor_path(&actor)))?;
            host.ask(Request::new("POST", path).body(Vec::new()))?;
            finished(&connection, "deactivated")
        }
        ClientCommand::Delete { actor, approval, connection } => {
            destroy::delete(&actor, approval, &connection)
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

/// Says that it is done, to people.
fn finished(connection: &Connection, word: &str) -> Done {
    if connection.json { Ok(()) } else { print_line(word) }
}

/// Says that there is nothing of that, to people: a program sees that by itself.
fn say_none(connection: &Connection, what: &str) {
    if !connection.json {
        output::complain(&what);
    }
}

/// Gives each page of a list to `take`, until it has enough.
fn pages(
    host: &Host,
    path: &str,
    parameters: &[(&str, &str)],
    mut take: impl FnMut(&[Value]) -> Result<bool, Failure>,
) -> Done {
    let mut after: Option<String> = None;
    loop {
        let mut query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        query.extend(after.as_deref().map(|after| format!("after={}", encode(after))));
        let separator = if query.is_empty() { "" } else { "?" };
        let page = host.ask(Request::new("GET", format!("{path}{separator}{}", query.join("&"))))?.json()?;
        let items = page["items"].as_array().ok_or(Failure::NotGreenroom)?;
        if !take(items)? {
            return Ok(());
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// How many items a list has; when it has more than `most`, some number above that.
fn count_up_to(most: u64, host: &Host, path: &str, parameters: &[(&str, &str)]) -> Result<u64, Failure> {
    let mut count = 0;
    pages(host, path, &[parameters, &[("limit", "1000")]].concat(), |items| {
        count += items.len() as u64;
        Ok(count <= most)
    })?;
    Ok(count)
}

/// Goes through all pages of a list and shows them. Returns whether there was anything.
fn list(
    host: &Host,
    connection: &Connection,
    path: &str,
    parameters: &[(&str, &str)],
    columns: &[Column],
) -> Result<bool, Failure> {
    let mut any = false;
    pages(host, path, parameters, |items| {
        if connection.json {
            for item in items {
                print_line(&item.to_string())?;
            }
        } else {
            print(show::table(columns, items, !any && !items.is_empty()).as_bytes())?;
        }
        any |= !items.is_empty();
        Ok(true)
    })?;
    Ok(any)
}

/// The same of one actor. Where it lists nothing, an actor that is not there is told from one that has none.
fn list_of_actor(
    actor: &Actor,
    connection: &Connection,
    part: &str,
    parameters: &[(&str, &str)],
    columns: &[Column],
    none: &str,
) -> Done {
    let host = Host::new(connection)?;
    if !list(&host, connection, &format!("{}/-/{part}", actor_path(actor)), parameters, columns)? {
        host.ask(Request::new("GET", actor_path(actor)))?;
        say_none(connection, none);
    }
    Ok(())
}

/// The same of what may be asked for by its actor type, which has to be deployed then.
fn list_of_type(
    actor_type: Option<&str>,
    connection: &Connection,
    path: &str,
    parameters: &[(&str, &str)],
    columns: &[Column],
    none: &str,
) -> Done {
    let host = Host::new(connection)?;
    let of_type = actor_type.map(|actor_type| ("type", actor_type));
    let parameters: Vec<_> = parameters.iter().copied().chain(of_type).chain([("limit", "1000")]).collect();
    if !list(&host, connection, path, &parameters, columns)? {
        if let Some(actor_type) = actor_type {
            host.ask(Request::new("GET", type_path(actor_type)))?;
        }
        say_none(connection, none);
    }
    Ok(())
}

/// Prints an answer as the host gave it.
fn print_raw(reply: &Reply) -> Done {
    print(&reply.body)?;
    print(b"\n")
}

fn message_request(message: &Message) -> Result<Request, Failure> {
    let mut request =
        Request::new("POST", format!("{}/{}", actor_path(&message.to), encode(&message.method)));
    if let Some(key) = &message.idempotency_key {
        request = request.header("idempotency-key", &quoted(key));
    }
    Ok(match payload::read(message.body.as_deref())? {
        None => request.body(Vec::new()),
        Some(body) => request.content_type(&message.content_type).body(body),
    })
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
    let prefix = prefix.map(|prefix| ("prefix", prefix));
    list_of_type(actor_type, connection, "/v1/actors", prefix.as_slice(), COLUMNS, "no actors")
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
    let columns = [Column::new("KEY", "", Style::Plain)];
    list_of_actor(actor, connection, "state", &parameters, &columns, "no keys")
}

fn state_value(actor: &Actor, key: &str, connection: &Connection) -> Done {
    let path = format!("{}/-/state/{}", actor_path(actor), encode(key));
    print_payload(&Host::new(connection)?.ask(Request::new("GET", path))?.body)
}

fn mailbox(actor: &Actor, connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("MESSAGE ID", "/message_id", Style::Plain),
        Column::new("METHOD", "/method", Style::Plain),
        Column::new("ORIGIN", "/origin", Style::Origin),
        Column::new("ATTEMPT", "/attempt", Style::Plain),
        Column::new("AGE", "/age_ms", Style::Milliseconds),
        Column::new("DUE IN", "/due_in_ms", Style::Milliseconds),
    ];
    list_of_actor(actor, connection, "mailbox", &[], COLUMNS, "no messages wait")
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
