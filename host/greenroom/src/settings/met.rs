//! What becomes of whoever meets a bound: docs/limits.md is made of this, of the table of settings and
//! of what can be set for an actor type.

use std::fmt::Write as _;
use std::path::Path;

use greenroom_core::settings::{Ceiling, type_limit};

use super::Settings;
use super::table::SETTINGS;
use crate::units;

/// A setting that bounds something, what a client gets who meets it, and what a guest gets.
struct Met {
    key: &'static str,
    client: &'static str,
    guest: &'static str,
}

const fn met(key: &'static str, client: &'static str, guest: &'static str) -> Met {
    Met { key, client, guest }
}

const NOTHING: &str = "–";

/// Every bound that can be set.
const MET: &[Met] = &[
    met("limits.component_bytes", "413 `payload-too-large`", NOTHING),
    met(
        "limits.payload_bytes",
        "413 `payload-too-large`; for a reply that is larger, 500 `actor-trapped`",
        "`call`: `unavailable`; `send`, reminders and timers: `limit-exceeded`; handing over far more stops it",
    ),
    met("limits.versions_per_type", "404 `not-found` for a version that went", NOTHING),
    met(
        "limits.mailbox_capacity",
        "429 `mailbox-full`, with `Retry-After`",
        "`call`: `overloaded`; `send`: `limit-exceeded`",
    ),
    met("limits.state_key_bytes", "400 `invalid-path`, repairing state by hand", "`set`: `limit-exceeded`"),
    met(
        "limits.state_value_bytes",
        "413 `payload-too-large`, repairing state by hand",
        "`set`: `limit-exceeded`",
    ),
    met("limits.state_bytes", "507 `state-limit`, repairing state by hand", "`set`: `limit-exceeded`"),
    met("limits.state_preload_bytes", NOTHING, "nothing: first reads of a key take longer"),
    met(
        "limits.write_set_bytes",
        "500 `write-set-too-large`",
        "`limit-exceeded`; a `delete` or `cancel` that passes it ends the turn",
    ),
    met("limits.calls_per_turn", NOTHING, "`call`: `unavailable`"),
    met("limits.sends_per_turn", NOTHING, "`send`: `limit-exceeded`"),
    met("limits.call_depth", NOTHING, "`call`: `deadlock`, with the chain"),
    met(
        "limits.reminders_per_actor",
        "500 `write-set-too-large`, setting one by hand",
        "`set`: `limit-exceeded`",
    ),
    met("limits.timers_per_actor", NOTHING, "`set`: `limit-exceeded`"),
    met(
        "limits.log_bytes_per_turn",
        NOTHING,
        "nothing: what is more is dropped, and the log says how many lines",
    ),
    met("limits.turn_timeout", "504 `turn-timeout`", "stopped; a caller's `call`: `timeout`"),
    met("limits.turn_cpu", "500 `cpu-limit`", "stopped; a caller's `call`: `crashed`"),
    met(
        "limits.sandbox_memory_bytes",
        "500 `memory-limit`",
        "`memory.grow` gives -1; past three quarters, a new sandbox between two turns",
    ),
    met("limits.sandbox_table_elements", "500 `memory-limit`", "`table.grow` gives -1"),
    met("limits.sandbox_stack_bytes", "500 `stack-overflow`", "stopped; a caller's `call`: `crashed`"),
    met(
        "limits.sandboxes",
        "waits; 503 `overloaded` when none became idle within `turn_timeout`, or at once when none ever would",
        "the one idle for longest: `deactivate`",
    ),
    met(
        "limits.activations",
        "waits; 503 `overloaded`, with `Retry-After`, when none became idle within `ROOM_WITHIN`",
        "the one idle for longest: `deactivate`",
    ),
    met(
        "limits.memory_bytes",
        "503 `overloaded`, with `Retry-After`",
        "those idle for longest: `deactivate`; when sandboxes at work have reserved all there is, `memory.grow` gives -1; \
         while more is in memory than that, those of the type that has most are stopped",
    ),
    met(
        "limits.code_bytes",
        "waits; 503 `overloaded`, with `Retry-After`, when types at work need all of it for longer than `CODE_ROOM_WITHIN`",
        "those idle for longest: `deactivate`",
    ),
    met("limits.idle_timeout", NOTHING, "`deactivate`"),
    met("limits.delivery_attempts", NOTHING, "no further delivery: the message is a dead letter"),
    met("limits.retry_backoff", NOTHING, NOTHING),
    met("limits.retry_backoff_max", NOTHING, NOTHING),
    met(
        "limits.dead_letters_per_actor",
        NOTHING,
        "nothing: what fails is delivered again and again until there is room",
    ),
    met("limits.idempotency_retention", "a repeat takes effect again", NOTHING),
    met(
        "limits.idempotency_keys_per_actor",
        "a repeat of a request whose key was the oldest takes effect again",
        NOTHING,
    ),
    met(
        "limits.idempotency_bytes_per_actor",
        "a repeat of a request whose answer has gone takes effect again",
        NOTHING,
    ),
    met("limits.drain_timeout", "no reply: the connection closes", "stopped; the turn left no trace"),
    met("http.connections", "waits; those that rest close", NOTHING),
    met("http.headers", "431 `headers-too-large`", NOTHING),
    met("http.header_bytes", "431 `headers-too-large`", NOTHING),
    met("http.header_timeout", "the connection closes", NOTHING),
    met("http.body_timeout", "408 `request-timeout`", NOTHING),
    met("http.body_bytes_per_second", "408 `request-timeout`", NOTHING),
    met(
        "http.body_memory_bytes",
        "503 `overloaded`, with `Retry-After`; for replies, the connection closes",
        NOTHING,
    ),
    met("http.write_timeout", "the connection closes", NOTHING),
    met("http.idle_timeout", "the connection closes", NOTHING),
    met("http.requests", "503 `overloaded`, with `Retry-After`", NOTHING),
    met("http.http2_streams", "HTTP/2 refuses the stream", NOTHING),
    met("compile.concurrency", "a deployment waits", NOTHING),
    met("compile.memory_bytes", "422 `component-rejected`", NOTHING),
    met("compile.cpu", "422 `component-rejected`", NOTHING),
    met("compile.timeout", "503 `overloaded`", NOTHING),
    met("compile.cache_bytes", NOTHING, "nothing: the code is compiled again when it is next needed"),
    met("store.readers", "waits", "waits"),
    met("store.busy_timeout", "503 `store-unavailable`, with `Retry-After`", "stopped"),
    met("store.checked_bytes_max", NOTHING, NOTHING),
    met("store.database_bytes_max", "507 `store-full`", "stopped; a caller's `call`: `unavailable`"),
    met("store.log_bytes_max", "waits for readers, 100 ms at most", "waits for readers, 100 ms at most"),
];

/// A bound that is a constant beside its one use: where, its name, what it bounds, and what becomes of
/// whoever meets it.
struct Fixed {
    file: &'static str,
    name: &'static str,
    bounds: &'static str,
    met: &'static str,
}

const fn fixed(file: &'static str, name: &'static str, bounds: &'static str, met: &'static str) -> Fixed {
    Fixed { file, name, bounds, met }
}

const FIXED: &[Fixed] = &[
    fixed("core/src/address.rs", "ACTOR_ID_BYTES_MAX", "Bytes of an actor id.", "400 `invalid-path`"),
    fixed(
        "core/src/message.rs",
        "MEDIA_TYPE_BYTES_MAX",
        "Bytes of the media type of a message or a reply.",
        "413 `payload-too-large`; a guest: as of `limits.payload_bytes`",
    ),
    fixed(
        "core/src/schedule.rs",
        "PERIOD_MIN_MS",
        "Milliseconds between two firings of a reminder or a timer, at least.",
        "400 `invalid-request`; a guest: `limit-exceeded`",
    ),
    fixed(
        "http/src/type_settings.rs",
        "SETTINGS_PATCH_BYTES",
        "Bytes of a change of an actor type's settings.",
        "413 `payload-too-large`",
    ),
    fixed(
        "core/src/settings.rs",
        "ENVIRONMENT_VARIABLES_MAX",
        "Environment variables set for one actor type.",
        "400 `invalid-request`",
    ),
    fixed(
        "core/src/settings.rs",
        "ENVIRONMENT_BYTES_MAX",
        "Bytes of their names and values.",
        "400 `invalid-request`",
    ),
    fixed(
        "http/src/unread.rs",
        "READ_ON_MAX",
        "HTTP/2 requests that were refused before their body was read, whose body is read on for a moment.",
        "HTTP/2 resets the stream",
    ),
    fixed(
        "greenroom/src/process.rs",
        "FILES_KEPT_MIN",
        "Open files that connections leave to everything else, at least; a quarter of all where that is more.",
        "as of `http.connections`",
    ),
    fixed(
        "runtime/src/conversions.rs",
        "CONVERTED_AT_ONCE_BYTES",
        "Bytes of a typed call's arguments that are converted where the call is served; larger ones wait for a thread.",
        "waits, within `limits.turn_timeout`",
    ),
    fixed("http/src/query.rs", "LIMIT_MAX", "Items of one page.", "400 `invalid-request`"),
    fixed(
        "runtime/src/turn.rs",
        "KEYS_PAGE_MAX",
        "State keys in one answer to a guest.",
        "a guest gets that many",
    ),
    fixed(
        "runtime/src/turn.rs",
        "SCHEDULE_NAME_BYTES_MAX",
        "Bytes of a reminder's or a timer's name.",
        "400 `invalid-request`; a guest: `limit-exceeded`",
    ),
    fixed(
        "runtime/src/turn.rs",
        "SCHEDULED_BYTES_MAX",
        "Bytes of the payloads of an actor's reminders together, and as many of its timers'.",
        "500 `write-set-too-large`; a guest: `limit-exceeded`",
    ),
    fixed(
        "runtime/src/delivery.rs",
        "BATCH",
        "Stored messages delivered before what else waits for the actor has its turn.",
        NOTHING,
    ),
    fixed(
        "sandbox/src/host_functions.rs",
        "RANDOM_BYTES_MAX",
        "Random bytes at once.",
        "a guest gets that many",
    ),
    fixed("sandbox/src/wasi.rs", "HANDLES_MAX", "WASI handles that a guest holds.", "a guest is stopped"),
    fixed(
        "sandbox/src/typed/room.rs",
        "VALUES_MAX",
        "Values in the arguments or the answer of one typed call.",
        "400 `invalid-request`; for an answer, 500 `actor-trapped`",
    ),
    fixed(
        "sandbox/src/typed/room.rs",
        "VALUES_UNDER_WAY_MAX",
        "Values in the arguments of all typed calls under way; those of one component have three quarters at most.",
        "503 `overloaded`",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "RESERVABLE_EIGHTHS",
        "Eighths of `limits.memory_bytes` that sandboxes together can reserve; a single one can always have what `limits.sandbox_memory_bytes` allows.",
        "waits `WAIT_MAX`; then `memory.grow` gives -1, and a trap that follows is 503 `overloaded`",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "UNRESERVED_BYTES",
        "Bytes of linear memory and tables that a sandbox has without reserving them, besides the size of its component.",
        "the rest is reserved",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "PER_FREE",
        "How much one actor type may have of all reserved memory, linear memories and tables, for each part that is still free: nine tenths when it is alone.",
        "as of `RESERVABLE_EIGHTHS`; for a new sandbox 503 `overloaded`, with `Retry-After`",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "MEMORIES_PER_SANDBOX",
        "Linear memories that there can be at once, for each of `limits.sandboxes`.",
        "as of `PER_FREE`",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "TABLES_PER_SANDBOX",
        "Tables that there can be at once, for each of `limits.sandboxes`.",
        "as of `PER_FREE`",
    ),
    fixed(
        "sandbox/src/resources.rs",
        "WAIT_MAX",
        "How long a sandbox waits for room among others, while idle ones of its type go, and of others' where those have more.",
        "as of `PER_FREE`",
    ),
    fixed(
        "sandbox/src/resident.rs",
        "SHORT_SIXTEENTHS",
        "Sixteenths of `limits.memory_bytes` in memory, or two full sandboxes where that is more, beyond which sandboxes at work of the types that have most are stopped.",
        "503 `overloaded`, with `Retry-After`",
    ),
    fixed(
        "sandbox/src/settings.rs",
        "KEPT_PART",
        "All places of sandboxes keep one part in so many of `limits.memory_bytes` between two sandboxes, at most.",
        "–",
    ),
    fixed(
        "sandbox/src/settings.rs",
        "IMAGE_BYTES",
        "Bytes of the image of a linear memory whatever its data; a larger one is at most twice its data.",
        "each sandbox copies the data",
    ),
    fixed(
        "sandbox/src/compile.rs",
        "CODE_PER_BYTE",
        "Bytes of compiled code for each byte of a component, besides `CODE_BYTES_MIN`.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/compile.rs",
        "CODE_BYTES_MIN",
        "Bytes of compiled code that a component may have however small it is.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/structure.rs",
        "MEMORIES_MAX",
        "Linear memories of a component.",
        "422 `component-rejected`",
    ),
    fixed("sandbox/src/structure.rs", "TABLES_MAX", "Tables of a component.", "422 `component-rejected`"),
    fixed(
        "sandbox/src/structure.rs",
        "CORE_INSTANCES_MAX",
        "Core instances of a component, as often as its parts are instantiated.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/structure.rs",
        "FUNCTIONS_MAX",
        "Functions of a component.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/structure.rs",
        "FUNCTION_BODY_BYTES_MAX",
        "Bytes of one function's code.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/typed/shape.rs",
        "TYPES_MAX",
        "Types of a component's methods, as often as they are written out.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/typed/shape.rs",
        "NAMES_BYTES_MAX",
        "Bytes of the names in them.",
        "422 `component-rejected`",
    ),
    fixed(
        "sandbox/src/typed/docs.rs",
        "TEXT_BYTES_MAX",
        "Bytes of what a component says of one of its methods.",
        "the rest is left out",
    ),
    fixed(
        "runtime/src/shortened.rs",
        "ERROR_BYTES_MAX",
        "Bytes of an error that an actor's view, a dead letter and the log of a failed delivery keep.",
        "the rest is left out",
    ),
    fixed(
        "core/src/schedule.rs",
        "DELAY_MAX_MS",
        "Delay of a message, a reminder or a timer, and period: a leap year, in milliseconds.",
        "400 `invalid-request`; a guest: `limit-exceeded`",
    ),
    fixed(
        "runtime/src/backlog.rs",
        "LONG_DELAY_MS",
        "Messages sent with a longer delay, in milliseconds, take half of a mailbox (`limits.mailbox_capacity`) at most.",
        "429 `mailbox-full`; a guest: `limit-exceeded`",
    ),
    fixed(
        "runtime/src/backlog.rs",
        "BACKLOGS_MAX",
        "Actors whose waiting messages are counted against `limits.mailbox_capacity`.",
        "where fewest wait, they are looked up in the store at the next send",
    ),
    fixed(
        "runtime/src/timers.rs",
        "FIRING_EVERY",
        "What each firing of a timer costs its activation of its time, a second ahead at most.",
        "timers fire later, and firings that are late coalesce",
    ),
    fixed(
        "runtime/src/wakings.rs",
        "WOKEN_MAX",
        "Actors that are woken for what they have stored and have not begun their turn: so many by the scheduler, and \
         as many by senders; one type has three quarters of what is left at most.",
        "waits; nobody waits for such a turn",
    ),
    fixed(
        "runtime/src/idempotency.rs",
        "UNDER_WAY_MAX",
        "Requests with an idempotency key under way; those to actors of one type are three quarters at most.",
        "503 `overloaded`",
    ),
    fixed(
        "runtime/src/residency.rs",
        "ROOM_WITHIN",
        "How long a message waits for room for the actor it is for, in `limits.activations` or `limits.memory_bytes`.",
        "503 `overloaded`, with `Retry-After`; a guest's `call`: `overloaded`",
    ),
    fixed(
        "runtime/src/code_room.rs",
        "CODE_ROOM_WITHIN",
        "How long a turn waits for room for the code of its type, in `limits.code_bytes`.",
        "503 `overloaded`, with `Retry-After`; a guest's `call`: `overloaded`",
    ),
    fixed(
        "runtime/src/code_room.rs",
        "PARTS",
        "The code of one component counts for one part in so many of `limits.code_bytes` at most.",
        NOTHING,
    ),
    fixed(
        "runtime/src/shares.rs",
        "WAITING_PER_PLACE",
        "Messages to actors of one type that wait for room, for each of `limits.activations`, and turns that wait \
         for a sandbox, for each of `limits.sandboxes`.",
        "503 `overloaded`, with `Retry-After`; a guest's `call`: `overloaded`",
    ),
    fixed(
        "store/src/sqlite/purge.rs",
        "PART_ROWS",
        "Rows of one table that a purge removes in one transaction; what is left goes in the next, after other commits.",
        NOTHING,
    ),
    fixed(
        "store/src/sqlite/purge.rs",
        "PART_BYTES",
        "Bytes of values and bodies after which no more rows go in it.",
        NOTHING,
    ),
    fixed(
        "runtime/src/purges.rs",
        "DEPLOYMENT_WAITS",
        "How long a deployment waits for what a type of its name had stored to be removed.",
        "503 `overloaded`, with `Retry-After`",
    ),
    fixed(
        "runtime/src/ahead.rs",
        "KEYS_MAX",
        "Keys whose sizes a turn asks the store for at once, when it goes through them in their order.",
        NOTHING,
    ),
    fixed(
        "greenroom/src/logging.rs",
        "LINES_WAITING_MAX",
        "Lines of the log that wait for stderr to take them.",
        "the next are dropped, and the log says how many",
    ),
];

/// Where a bound can be set.
fn set_for(key: &str, settings: &Settings) -> String {
    match key.strip_prefix("limits.").and_then(type_limit) {
        None => "host".to_owned(),
        Some(limit) => match limit.ceiling {
            Ceiling::Host => "host, actor type".to_owned(),
            Ceiling::Own(_) => {
                let max = limit.max(&settings.limits);
                let max = if limit.json_name() == limit.name {
                    max.to_string()
                } else {
                    units::show_duration(std::time::Duration::from_millis(max))
                };
                format!("host, actor type (up to {max})")
            }
        },
    }
}

fn settable() -> String {
    let defaults = Settings::default();
    let mut text = "| limit | what it bounds | default | set for | a client gets | a guest gets |\n\
                    | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for setting in SETTINGS {
        let Some(Met { client, guest, .. }) = MET.iter().find(|met| met.key == setting.key) else { continue };
        let default = match setting.key {
            "compile.concurrency" => "processors".to_owned(),
            "limits.memory_bytes" => "half of the memory".to_owned(),
            _ => (setting.show)(&defaults),
        };
        let (key, meaning) = (setting.key, setting.meaning);
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| `{key}` | {meaning} | {default} | {} | {client} | {guest} |",
            set_for(key, &defaults)
        );
    }
    text
}

fn unsettable(host: &Path) -> String {
    let mut text =
        "| bound | value | what it bounds | who meets it gets |\n| --- | --- | --- | --- |\n".to_owned();
    for Fixed { file, name, bounds, met } in FIXED {
        let source =
            std::fs::read_to_string(host.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let value = source
            .lines()
            .filter_map(|line| line.split_once(&format!("const {name}: ")))
            .find_map(|(_, rest)| rest.split_once(" = ")?.1.strip_suffix(';'))
            .unwrap_or_else(|| panic!("{file} has no constant {name}"));
        let _ = writeln!(text, "| `{name}` in `host/{file}` | `{value}` | {bounds} | {met} |");
    }
    text
}

#[test]
fn every_bound_says_what_becomes_of_whoever_meets_it() {
    let named: Vec<&str> = MET.iter().map(|met| met.key).collect();
    let bounds: Vec<&str> =
        SETTINGS.iter().map(|setting| setting.key).filter(|key| key.contains('.')).collect();
    for key in &bounds {
        assert_eq!(named.iter().filter(|named| *named == key).count(), 1, "{key} in settings/met.rs");
    }
    assert_eq!(named.len(), bounds.len(), "settings/met.rs names what is no setting");
}

/// `GREENROOM_BLESS=1 cargo test -p greenroom` brings the documentation up to date.
#[test]
fn the_documentation_lists_every_bound() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = host.join("../docs/limits.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    for (name, table) in [("settable", settable()), ("fixed", unsettable(&host))] {
        let (begin, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
        let from = expected.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
        let to = from + expected[from..].find(end).unwrap();
        expected.replace_range(from..to, &table);
    }
    if std::env::var_os("GREENROOM_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(text == expected, "docs/limits.md is not up to date: GREENROOM_BLESS=1 makes it so");
    }
}
