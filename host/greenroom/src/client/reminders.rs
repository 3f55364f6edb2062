//! `greenroom reminders`: those of an actor, and cancelling one.

use super::connection::{Host, Request};
use super::show::{Column, Style};
use super::{Done, actor_path, encode, finished, list_of_actor};
use crate::cli::{Actor, Connection};

/// Lists them.
pub(super) fn list_all(actor: &Actor, connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("REMINDER", "/name", Style::Plain),
        Column::new("METHOD", "/method", Style::Plain),
        Column::new("DUE", "/due_at", Style::Plain),
        Column::new("PERIOD", "/period_ms", Style::Milliseconds),
        Column::new("FIRED", "/fired", Style::Plain),
        Column::new("ATTEMPT", "/attempt", Style::Plain),
    ];
    list_of_actor(actor, connection, "reminders", &[], COLUMNS, "no reminders")
}

/// Cancels one.
pub(super) fn cancel(actor: &Actor, name: &str, connection: &Connection) -> Done {
    let path = format!("{}/-/reminders/{}", actor_path(actor), encode(name));
    Host::new(connection)?.ask(Request::new("DELETE", path))?;
    finished(connection, "cancelled")
}
