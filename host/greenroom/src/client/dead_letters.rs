//! `greenroom dead-letters`: what was given up, listed, shown, put back or removed.

use crate::cli::{Connection, DeadLetterCommand, DeadLetterList};

use super::connection::{Host, Request};
use super::show::{self, Column, Style};
use super::{Done, encode, list, print, print_line, print_payload, print_raw};

/// Runs the command.
pub(super) fn run(command: DeadLetterCommand) -> Done {
    match command {
        DeadLetterCommand::List(asked) => show_list(&asked),
        DeadLetterCommand::Show { id, payload, connection } => show_one(&id, payload, &connection),
        DeadLetterCommand::Retry { ids, connection } => {
            let request = |id: &str| Request::new("POST", format!("{}/retry", path(id))).body(Vec::new());
            each(&ids, &connection, request, "back in its mailbox")
        }
        DeadLetterCommand::Remove { ids, connection } => {
            each(&ids, &connection, |id| Request::new("DELETE", path(id)), "removed")
        }
    }
}

fn path(id: &str) -> String {
    format!("/v1/dead-letters/{}", encode(id))
}

fn show_list(asked: &DeadLetterList) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("MESSAGE", "/message_id", Style::Plain),
        Column::new("TYPE", "/type", Style::Plain),
        Column::new("ID", "/id", Style::Plain),
        Column::new("METHOD", "/method", Style::Plain),
        Column::new("ORIGIN", "/origin", Style::Origin),
        Column::new("ATTEMPTS", "/attempts", Style::Plain),
        Column::new("DIED", "/died_at", Style::Plain),
        Column::new("ERROR", "/error", Style::Beginning),
    ];
    let mut parameters = vec![("limit", "1000")];
    parameters.extend(asked.actor_type.as_deref().map(|actor_type| ("type", actor_type)));
    list(&asked.connection, "/v1/dead-letters", &parameters, COLUMNS)
}

fn show_one(id: &str, payload: bool, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    if payload {
        return print_payload(&host.ask(Request::new("GET", format!("{}/payload", path(id))))?.body);
    }
    let reply = host.ask(Request::new("GET", path(id)))?;
    if connection.json {
        return print_raw(&reply);
    }
    print(show::fields(&reply.json()?).as_bytes())
}

/// Asks for one after the other, up to the first that is refused; whether or not it can be told.
fn each(ids: &[String], connection: &Connection, request: impl Fn(&str) -> Request, word: &str) -> Done {
    let host = Host::new(connection)?;
    let mut told = Ok(());
    for id in ids {
        host.ask(request(id))?;
        if !connection.json && told.is_ok() {
            told = print_line(&format!("{id}: {word}"));
        }
    }
    told
}
