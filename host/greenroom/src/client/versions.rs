//! The commands about versions of an actor type: which are kept, and which one is active.

use serde_json::Value;

use super::connection::{Host, Request};
use super::failure::Failure;
use super::show::{self, Column, Style};
use super::{Done, print, print_line, print_raw, type_path};
use crate::cli::Connection;

/// `greenroom versions`
pub(super) fn list(actor_type: &str, connection: &Connection) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("VERSION", "/version", Style::Plain),
        Column::new("IS", "/is", Style::Plain),
        Column::new("DEPLOYED", "/deployed_at", Style::Plain),
        Column::new("SIZE", "/size", Style::Bytes),
        Column::new("SHA-256", "/digest", Style::Plain),
    ];
    let mut known = look(&Host::new(connection)?, actor_type)?;
    let (active, previous) = (known["active_version"].clone(), known["previous_version"].clone());
    let versions = known["versions"].as_array_mut().ok_or(Failure::NotGreenroom)?;
    if connection.json {
        return versions.iter().try_for_each(|version| print_line(&version.to_string()));
    }
    for version in versions.iter_mut() {
        let number = &version["version"];
        let word = match number {
            number if *number == active => "active",
            number if *number == previous => "before",
            _ => "",
        };
        version["is"] = word.into();
    }
    print(show::table(COLUMNS, versions, true).as_bytes())
}

/// `greenroom rollback`
pub(super) fn roll_back(actor_type: &str, to: Option<u32>, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    let version = match to {
        Some(version) => version,
        None => before(actor_type, &look(&host, actor_type)?)?,
    };
    make_active(&host, actor_type, version, connection)
}

/// `greenroom activate`
pub(super) fn activate(actor_type: &str, version: u32, connection: &Connection) -> Done {
    make_active(&Host::new(connection)?, actor_type, version, connection)
}

fn look(host: &Host, actor_type: &str) -> Result<Value, Failure> {
    host.ask(Request::new("GET", type_path(actor_type)))?.json()
}

/// The version that was active before.
fn before(actor_type: &str, known: &Value) -> Result<u32, Failure> {
    let version = known["previous_version"].as_u64().and_then(|version| u32::try_from(version).ok());
    version.ok_or_else(|| {
        Failure::Local(format!(
            "{actor_type} never had another version active; `greenroom versions {actor_type}` lists what it has"
        ))
    })
}

fn make_active(host: &Host, actor_type: &str, version: u32, connection: &Connection) -> Done {
    let path = format!("{}/versions/{version}/activate", type_path(actor_type));
    let reply = host.ask(Request::new("POST", path).body(Vec::new()))?;
    if connection.json {
        return print_raw(&reply);
    }
    let previous = show::text(&reply.json()?["previous_version"], Style::Plain);
    print_line(&format!("{actor_type}: version {version} is active; version {previous} was before"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_version_before_is_the_one_that_the_host_names() {
        assert_eq!(before("task", &json!({"previous_version": 3})).ok(), Some(3));
        let refused = before("task", &json!({"previous_version": null})).unwrap_err();
        assert!(refused.to_string().contains("greenroom versions task"), "{refused}");
    }
}
