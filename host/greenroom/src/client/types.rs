//! The commands about actor types: which there are, what one has, and its component back as a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::connection::{Host, Request};
use super::failure::Failure;
use super::show::{self, Column, Style};
use super::{Done, finished, list, print, print_line, print_raw, say_none, type_path};
use crate::cli::Connection;

/// `greenroom types`
pub(super) fn list_all(connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("TYPE", "/type", Style::Plain),
        Column::new("VERSION", "/active_version", Style::Plain),
        Column::new("ACTIVE ACTORS", "/active_actors", Style::Plain),
    ];
    if !list(&Host::new(connection)?, connection, "/v1/actor-types", &[], COLUMNS)? {
        say_none(connection, "no actor types; `greenroom deploy` deploys one");
    }
    Ok(())
}

/// `greenroom type`
pub(super) fn show_one(actor_type: &str, connection: &Connection) -> Done {
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

/// `greenroom type --component`
pub(super) fn download(actor_type: &str, version: Option<u32>, file: &Path, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    let version = match version {
        Some(version) => u64::from(version),
        None => host.ask(Request::new("GET", type_path(actor_type)))?.json()?["active_version"]
            .as_u64()
            .ok_or(Failure::NotGreenroom)?,
    };
    let path = format!("{}/versions/{version}/component", type_path(actor_type));
    let component = host.ask(Request::new("GET", path))?.body;
    if file == Path::new("-") {
        return print(&component);
    }
    let written = File::create_new(file).and_then(|mut made| made.write_all(&component));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} is there already; choose another name", file.display()))
        }
        _ => Failure::Local(format!("can't write {}: {error}", file.display())),
    })?;
    finished(connection, &format!("{}: {actor_type} version {version}", file.display()))
}
