//! The commands that remove for good: an actor, an actor type. Both say what goes before it does.

use serde_json::{Value, json};

use super::confirm::{self, Loss, counted};
use super::connection::{Host, Request};
use super::failure::Failure;
use super::{Done, actor_path, count_up_to, finished, type_path};
use crate::cli::{Actor, Approval, Connection};

/// More than that is said to be more.
const COUNTED_MAX: u64 = 10_000;

/// `greenroom delete`
pub(super) fn delete(actor: &Actor, approval: Approval, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    // The host takes a removal of nothing for done; whoever asked for it may have misspelt.
    let known = host.ask(Request::new("GET", actor_path(actor)))?.json()?;
    if confirm::allows(approval, connection, || Ok(loss_of_actor(actor, &known)))? {
        host.ask(Request::new("DELETE", actor_path(actor)))?;
        return finished(connection, "deleted");
    }
    Ok(())
}

fn loss_of_actor(actor: &Actor, known: &Value) -> Loss {
    let number = |name: &str| known[name].as_u64().unwrap_or(0);
    let reminders = known["reminders"].as_array().map_or(0, Vec::len) as u64;
    let what = format!(
        "{}/{} with {}, {} and {}",
        actor.actor_type,
        actor.id,
        counted(number("state_keys"), "key of state", "keys of state"),
        counted(reminders, "reminder", "reminders"),
        counted(number("mailbox_length"), "waiting message", "waiting messages"),
    );
    let counts = json!({
        "type": actor.actor_type, "id": actor.id, "state_keys": number("state_keys"),
        "state_bytes": number("state_bytes"), "reminders": reminders, "messages": number("mailbox_length"),
    });
    Loss { what, counts }
}

/// `greenroom undeploy`
pub(super) fn undeploy(actor_type: &str, purge: bool, approval: Approval, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    // Without a purge the host refuses to remove what actors have stored.
    let approval = Approval { yes: approval.yes || !(purge || approval.dry_run), ..approval };
    if confirm::allows(approval, connection, || loss_of_type(&host, actor_type, purge))? {
        let purge = if purge { "?purge=true" } else { "" };
        host.ask(Request::new("DELETE", format!("{}{purge}", type_path(actor_type))))?;
        return finished(connection, "undeployed");
    }
    Ok(())
}

fn loss_of_type(host: &Host, actor_type: &str, purge: bool) -> Result<Loss, Failure> {
    let known = host.ask(Request::new("GET", type_path(actor_type)))?.json()?;
    let versions = known["versions"].as_array().map_or(0, Vec::len) as u64;
    let of_type = [("type", actor_type)];
    let actors = count_up_to(COUNTED_MAX, host, "/v1/actors", &of_type)?;
    let letters = count_up_to(COUNTED_MAX, host, "/v1/dead-letters", &of_type)?;
    let counted_some = |count: u64, one: &str, many: &str| {
        let more = if count > COUNTED_MAX { "more than " } else { "" };
        format!("{more}{}", counted(count.min(COUNTED_MAX), one, many))
    };
    let versions_told = counted(versions, "version", "versions");
    let actors_told = counted_some(actors, "actor", "actors");
    let letters_told = counted_some(letters, "dead letter", "dead letters");
    let what = if purge {
        format!(
            "{actor_type}, its settings and {versions_told}, {actors_told} with all that they have stored, and \
             {letters_told}"
        )
    } else {
        let refusal = if actors + letters > 0 {
            format!("; refused without --purge while it has {actors_told} and {letters_told}")
        } else {
            String::new()
        };
        format!("{actor_type}, its settings and {versions_told}{refusal}")
    };
    let counts = json!({
        "type": actor_type, "versions": versions, "actors": actors.min(COUNTED_MAX),
        "dead_letters": letters.min(COUNTED_MAX), "there_are_more": actors.max(letters) > COUNTED_MAX,
    });
    Ok(Loss { what, counts })
}
