//! `greenroom dead-letters`: what was given up, listed, shown, put back or removed.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::confirm::{self, Loss, counted};
use super::connection::{Host, Request};
use super::failure::Failure;
use super::show::{self, Column, Style};
use super::{Done, encode, list_of_type, pages, print, print_line, print_payload, print_raw, type_path};
use crate::cli::{Connection, DeadLetterCommand, DeadLetterList, DeadLetterSelection};
use crate::output;

/// Runs the command.
pub(super) fn run(command: DeadLetterCommand) -> Done {
    match command {
        DeadLetterCommand::List(asked) => show_list(&asked),
        DeadLetterCommand::Show { message_id, payload, connection } => {
            show_one(&message_id, payload, &connection)
        }
        DeadLetterCommand::Retry { selection, connection } if selection.all => {
            let host = Host::new(&connection)?;
            let letters = all(&host, selection.actor_type.as_deref())?;
            in_bulk(&host, &letters, &connection, &RETRY)
        }
        DeadLetterCommand::Retry { selection, connection } => each(&selection, &connection, &RETRY),
        DeadLetterCommand::Remove { selection, approval, connection } => {
            let host = Host::new(&connection)?;
            let letters = if selection.all {
                all(&host, selection.actor_type.as_deref())?
            } else {
                selection.message_ids.clone()
            };
            // Who names each of them has looked.
            let asks = selection.all || approval.dry_run;
            if asks && !confirm::allows(approval, &connection, || Ok(loss(letters.len())))? {
                return Ok(());
            }
            if selection.all {
                in_bulk(&host, &letters, &connection, &REMOVE)
            } else {
                each(&selection, &connection, &REMOVE)
            }
        }
    }
}

/// What is done with a letter.
struct Deed {
    request: fn(&str) -> Request,
    done: &'static str,
}

const RETRY: Deed = Deed {
    request: |message_id| Request::new("POST", format!("{}/retry", path(message_id))).body(Vec::new()),
    done: "back in its mailbox",
};

const REMOVE: Deed = Deed { request: |message_id| Request::new("DELETE", path(message_id)), done: "removed" };

fn path(message_id: &str) -> String {
    format!("/v1/dead-letters/{}", encode(message_id))
}

fn loss(count: usize) -> Loss {
    let what = counted(count as u64, "dead letter", "dead letters");
    Loss { what, counts: json!({"dead_letters": count}) }
}

fn show_list(asked: &DeadLetterList) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("MESSAGE ID", "/message_id", Style::Plain),
        Column::new("TYPE", "/type", Style::Plain),
        Column::new("ACTOR ID", "/id", Style::Plain),
        Column::new("METHOD", "/method", Style::Plain),
        Column::new("ORIGIN", "/origin", Style::Origin),
        Column::new("ATTEMPTS", "/attempts", Style::Plain),
        Column::new("DIED", "/died_at", Style::Plain),
        Column::new("ERROR", "/error", Style::Beginning),
    ];
    let actor_type = asked.actor_type.as_deref();
    list_of_type(actor_type, &asked.connection, "/v1/dead-letters", &[], COLUMNS, "no dead letters")
}

fn show_one(message_id: &str, payload: bool, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    if payload {
        return print_payload(&host.ask(Request::new("GET", format!("{}/payload", path(message_id))))?.body);
    }
    let reply = host.ask(Request::new("GET", path(message_id)))?;
    if connection.json {
        return print_raw(&reply);
    }
    print(show::fields(&reply.json()?).as_bytes())
}

/// The ids of all that there are now, so that those which die meanwhile are left alone.
fn all(host: &Host, actor_type: Option<&str>) -> Result<Vec<String>, Failure> {
    if let Some(actor_type) = actor_type {
        host.ask(Request::new("GET", type_path(actor_type)))?;
    }
    let of_type = actor_type.map(|actor_type| ("type", actor_type));
    let parameters: Vec<_> = of_type.into_iter().chain([("limit", "1000")]).collect();
    let mut found = Vec::new();
    pages(host, "/v1/dead-letters", &parameters, |items| {
        for item in items {
            found.push(item["message_id"].as_str().ok_or(Failure::NotGreenroom)?.to_owned());
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Asks for one after the other, up to the first that is refused; whether or not it can be told.
fn each(selection: &DeadLetterSelection, connection: &Connection, deed: &Deed) -> Done {
    let host = Host::new(connection)?;
    let mut told = Ok(());
    for message_id in &selection.message_ids {
        host.ask((deed.request)(message_id))?;
        if !connection.json && told.is_ok() {
            told = print_line(&format!("{message_id}: {}", deed.done));
        }
    }
    told
}

/// Asks for one after the other. One that somebody else has seen to counts as gone, and one whose mailbox is full
/// stays and is told at the end; any other refusal ends it.
fn in_bulk(host: &Host, letters: &[String], connection: &Connection, deed: &Deed) -> Done {
    let progress = Bulk::new(letters.len(), connection.json);
    let (mut done, mut gone, mut stays) = (0_usize, 0_usize, None);
    for message_id in letters {
        match host.ask((deed.request)(message_id)) {
            Ok(_) => done += 1,
            Err(failure) if failure.is_nothing_there() => gone += 1,
            Err(failure) if failure.is_mailbox_full() => stays = stays.or(Some(failure)),
            Err(failure) => {
                progress.ends();
                tell_stopped(connection, done, letters.len());
                return Err(failure);
            }
        }
        progress.one_more();
    }
    progress.ends();
    let left = letters.len() - done - gone;
    print_line(&if connection.json {
        json!({"done": done, "gone": gone, "left": left}).to_string()
    } else {
        let others = [(gone, "gone already"), (left, "left, their mailboxes are full")];
        let others = others.iter().filter(|(count, _)| *count > 0);
        let others: Vec<String> = others.map(|(count, word)| format!(", {count} {word}")).collect();
        format!("{}: {}{}", counted(done as u64, "dead letter", "dead letters"), deed.done, others.concat())
    })?;
    stays.map_or(Ok(()), Err)
}

fn tell_stopped(connection: &Connection, done: usize, of: usize) {
    if !connection.json {
        output::complain(&format_args!("stopped after {done} of {of}"));
    }
}

/// How far it is: a bar on a terminal, elsewhere a line from time to time.
struct Bulk {
    bar: ProgressBar,
    writes_lines: bool,
    told: std::cell::Cell<Instant>,
}

impl Bulk {
    const BETWEEN_LINES: Duration = Duration::from_secs(5);

    fn new(count: usize, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(count as u64) };
        bar.set_length(count as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        let bulk =
            Bulk { bar, writes_lines: !quiet && !io::stderr().is_terminal(), told: Instant::now().into() };
        bulk.tell();
        bulk
    }

    fn one_more(&self) {
        self.bar.inc(1);
        if self.told.get().elapsed() >= Bulk::BETWEEN_LINES {
            self.tell();
        }
    }

    fn tell(&self) {
        self.told.set(Instant::now());
        if self.writes_lines {
            output::complain(&format_args!(
                "{} of {} dead letters",
                self.bar.position(),
                self.bar.length().unwrap_or(0)
            ));
        }
    }

    fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
