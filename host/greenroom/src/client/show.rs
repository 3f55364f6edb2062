//! What people see: aligned tables, and the fields of one thing. Control characters in what guests and
//! clients wrote are spelled out, so that nothing moves the cursor and each row is one line.

use std::fmt::Write as _;
use std::time::Duration;

use greenroom_core::plain::plain;
use serde_json::Value;

use crate::units;

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// As a size.
    Bytes,
    /// As a duration.
    Milliseconds,
    /// As who sent a message.
    Origin,
    /// As the names of the members that a JSON Schema has; `?` after those that may be left out.
    Members,
    /// The beginning of a text that may be long, on one line.
    Beginning,
}

/// Characters of a beginning.
const BEGINNING_CHARS_MAX: usize = 80;

/// One column of a table.
pub(super) struct Column {
    title: &'static str,
    pointer: &'static str,
    style: Style,
}

impl Column {
    /// A column of what is at `pointer` (RFC 6901) in each item.
    pub(super) const fn new(title: &'static str, pointer: &'static str, style: Style) -> Self {
        Column { title, pointer, style }
    }
}

/// A table with a line for each item.
pub(super) fn table(columns: &[Column], items: &[Value], with_titles: bool) -> String {
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    let cells = |item: &Value| {
        let cell =
            |column: &Column| item.pointer(column.pointer).map_or(String::new(), |it| text(it, column.style));
        columns.iter().map(cell).collect()
    };
    let mut lines: Vec<Vec<String>> = if with_titles { vec![titles] } else { Vec::new() };
    lines.extend(items.iter().map(cells));
    aligned(&lines)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let count = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut shown = String::new();
    for line in lines {
        let mut padded = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(padded, "{cell:<width$}  ");
        }
        shown += padded.trim_end();
        shown.push('\n');
    }
    shown
}

/// The fields of one thing, a line each; the name says how a value is meant.
pub(super) fn fields(thing: &Value) -> String {
    let mut lines = Vec::new();
    collect("", thing, &mut lines);
    aligned(&lines)
}

fn collect(name: &str, value: &Value, lines: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                collect(&name, value, lines);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect(&format!("{name}[{index}]"), item, lines);
            }
        }
        _ => {
            let (name, style) = if let Some(name) = name.strip_suffix("_ms") {
                (name, Style::Milliseconds)
            } else if name.split('_').any(|word| word == "bytes") {
                (name, Style::Bytes)
            } else {
                (name, Style::Plain)
            };
            lines.push(vec![plain(&name.replace('_', " ")).into_owned(), text(value, style)]);
        }
    }
}

/// One value, as people read it.
pub(super) fn text(value: &Value, style: Style) -> String {
    let text = match (style, value) {
        (_, Value::Null) => "-".to_owned(),
        (Style::Bytes, value) if value.is_u64() => units::show_roughly(value.as_u64().unwrap_or(0)),
        (Style::Milliseconds, Value::Number(number)) => {
            let seconds = number.as_f64().unwrap_or(0.0) / 1_000.0;
            Duration::try_from_secs_f64(seconds).map_or_else(|_| "for ever".to_owned(), units::show_duration)
        }
        (Style::Origin, value) => {
            let part = |name: &str| value[name].as_str().unwrap_or_default();
            let who = [part("type"), part("id"), part("name")];
            let who: Vec<&str> = who.into_iter().filter(|part| !part.is_empty()).collect();
            format!("{} {}", part("kind"), who.join("/")).trim_end().to_owned()
        }
        (Style::Beginning, Value::String(text)) => beginning(text),
        (Style::Members, schema) => members(schema),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Array(items)) if items.is_empty() => "none".to_owned(),
        (_, other) => other.to_string(),
    };
    plain(&text).into_owned()
}

fn members(schema: &Value) -> String {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let named = |name: &String| {
        let may_be_left_out = !required.iter().any(|required| required == name);
        format!("{name}{}", if may_be_left_out { "?" } else { "" })
    };
    let names = schema["properties"].as_object().into_iter().flat_map(|members| members.keys());
    names.map(named).collect::<Vec<_>>().join(", ")
}

fn beginning(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(BEGINNING_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_aligned() {
        let columns = [Column::new("ID", "/id", Style::Plain), Column::new("SIZE", "/size", Style::Bytes)];
        let items = [json!({"id": "a", "size": 5}), json!({"id": "längere id", "size": 2048})];
        assert_eq!(table(&columns, &items, true), "ID          SIZE\na           5 B\nlängere id  2.0 KiB\n");
        assert_eq!(table(&columns, &[], false), "");
        let keys = [Column::new("KEY", "", Style::Plain)];
        assert_eq!(table(&keys, &[json!("notes/1")], true), "KEY\nnotes/1\n");
    }

    #[test]
    fn fields_are_read_by_their_names() {
        let thing = json!({
            "id": "1", "state_bytes": 2048, "version": null, "reminders": [],
            "last_turn": {"took_ms": 1.25}
        });
        assert_eq!(
            fields(&thing),
            "id              1\nlast turn.took  1ms 250us\nreminders       none\nstate bytes     2.0 KiB\n\
             version         -\n"
        );
    }

    #[test]
    fn a_long_text_begins_on_one_line() {
        let shown = |whole: &str| text(&json!(whole), Style::Beginning);
        assert_eq!(shown("actor-trapped: x"), "actor-trapped: x");
        assert_eq!(shown("actor-trapped: x\n  at y"), "actor-trapped: x…");
        assert_eq!(shown(&"é".repeat(100)), format!("{}…", "é".repeat(80)));
    }

    #[test]
    fn what_others_wrote_can_not_pass_for_more_than_a_cell() {
        let keys = [Column::new("KEY", "", Style::Plain), Column::new("AGAIN", "", Style::Beginning)];
        let shown = table(&keys, &[json!("\u{1b}]0;title\u{7}k\nmore")], false);
        assert_eq!(shown, "\\u{1b}]0;title\\u{7}k\\nmore  \\u{1b}]0;title\\u{7}k…\n");
        let thing = json!({"last_error": "a\rb\u{9b}2J", "\u{1b}[1m": "x"});
        assert_eq!(fields(&thing), "\\u{1b}[1m   x\nlast error  a\\u{d}b\\u{9b}2J\n");
        assert_eq!(text(&json!({"kind": "timer", "name": "\u{8}"}), Style::Origin), "timer \\u{8}");
    }

    #[test]
    fn members_are_told_with_those_that_may_be_left_out() {
        let shown = |schema: Value| text(&schema, Style::Members);
        let properties = json!({ "deadline": { "type": "string" }, "title": { "type": "string" } });
        assert_eq!(shown(json!({ "properties": properties, "required": ["title"] })), "deadline?, title");
        assert_eq!(shown(json!({ "properties": {} })), "");
        assert_eq!(shown(json!(true)), "");
    }

    #[test]
    fn an_origin_is_one_word_and_a_name() {
        assert_eq!(text(&json!({"kind": "client"}), Style::Origin), "client");
        assert_eq!(text(&json!({"kind": "actor", "type": "task", "id": "1"}), Style::Origin), "actor task/1");
        assert_eq!(text(&json!({"kind": "timer", "name": "t"}), Style::Origin), "timer t");
    }
}
