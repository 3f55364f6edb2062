//! What the authors of a component say of its functions: the doc comments of its WIT, where a tool
//! has left them in the component, in custom sections named `package-docs`.
//!
//! They are for people. What can't be read of them is left out, and no component is refused for it.

use std::collections::HashMap;

use serde_json::{Map, Value};
use wasmparser::{Chunk, Parser, Payload};

/// Bytes of all such sections that are read.
const SECTIONS_BYTES_MAX: usize = 1 << 20;
/// Bytes kept of what is said of one function. It is kept for each method that it is said of, and one section may
/// say it of all.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Versions of the section's format that are known; the second only adds to the first.
const VERSIONS: [u8; 2] = [0, 1];
const SECTION: &str = "package-docs";

/// Doc comments of functions.
#[derive(Default)]
pub(crate) struct Docs {
    /// By interface, without package and version, and function.
    of_interfaces: HashMap<(String, String), String>,
    /// Of functions at the top of a world.
    of_worlds: HashMap<String, String>,
}

impl Docs {
    /// Reads those of a component.
    pub(crate) fn of(component: &[u8]) -> Self {
        let mut docs = Docs::default();
        let mut left = SECTIONS_BYTES_MAX;
        for section in sections(component) {
            let Some(rest) = left.checked_sub(section.len()) else { break };
            left = rest;
            if let Some((version, json)) = section.split_first()
                && VERSIONS.contains(version)
                && let Ok(Value::Object(package)) = serde_json::from_slice(json)
            {
                docs.add(&package);
            }
        }
        docs
    }

    /// What is said of a function of that interface, or of a world.
    pub(crate) fn of_function(&self, interface: Option<&str>, function: &str) -> Option<String> {
        let Some(interface) = interface else { return self.of_worlds.get(function).cloned() };
        let unversioned = interface.split('@').next().unwrap_or(interface);
        let short = unversioned.rsplit('/').next().unwrap_or(unversioned);
        self.of_interfaces.get(&(short.to_owned(), function.to_owned())).cloned()
    }

    fn add(&mut self, package: &Map<String, Value>) {
        self.add_interfaces(package.get("interfaces"));
        for (_, world) in members(package.get("worlds")) {
            for key in ["interfaces", "interface_exports"] {
                self.add_interfaces(world.get(key));
            }
            for key in ["funcs", "func_exports"] {
                let functions = members(world.get(key));
                self.of_worlds.extend(functions.filter_map(|(name, said)| Some((name.clone(), text(said)?))));
            }
        }
    }

    fn add_interfaces(&mut self, interfaces: Option<&Value>) {
        for (interface, said) in members(interfaces) {
            for (function, said) in members(said.get("funcs")) {
                if let Some(text) = text(said) {
                    self.of_interfaces.insert((interface.clone(), function.clone()), text);
                }
            }
        }
    }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// What is said of a function stands alone, or beside its stability.
fn text(said: &Value) -> Option<String> {
    said.as_str().or_else(|| said.get("docs")?.as_str()).map(cut)
}

fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(TEXT_BYTES_MAX)])
}

/// The contents of the component's own such sections, not those of modules within it.
fn sections(component: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut parser = Parser::new(0);
    let mut rest = component;
    while let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) {
        let mut skipped = 0;
        match payload {
            Payload::CustomSection(section) if section.name() == SECTION => found.push(section.data()),
            Payload::ModuleSection { unchecked_range: range, .. }
            | Payload::ComponentSection { unchecked_range: range, .. } => skipped = range.len(),
            Payload::End(_) => break,
            _ => {}
        }
        let Some(next) = rest.get(consumed + skipped..) else { break };
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn with_section(json: &str) -> Vec<u8> {
        let mut escaped = String::from("\\01");
        for byte in json.bytes() {
            let _ = write!(escaped, "\\{byte:02x}");
        }
        let text = format!(
            "(component (core module (@custom \"package-docs\" \"no\")) (@custom \"package-docs\" \"{escaped}\"))"
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn doc_comments_are_found_wherever_a_tool_puts_them() {
        let docs = Docs::of(&with_section(
            r#"{"docs": "x",
                "interfaces": {"cart": {"docs": "y", "funcs": {"add": "Adds.", "drop": {"docs": "Drops.", "stability": 1}}}},
                "worlds": {"shop": {"funcs": {"ping": "Pings."}, "interfaces": {"inline": {"funcs": {"f": "F."}}}}}}"#,
        ));
        let of = |interface, function| docs.of_function(interface, function);
        assert_eq!(of(Some("shop:orders/cart@1.0.0"), "add").as_deref(), Some("Adds."));
        assert_eq!(of(Some("shop:orders/cart"), "drop").as_deref(), Some("Drops."));
        assert_eq!(of(Some("inline"), "f").as_deref(), Some("F."));
        assert_eq!(of(None, "ping").as_deref(), Some("Pings."));
        assert_eq!(of(Some("shop:orders/other"), "add"), None);
        assert_eq!(of(None, "add"), None);
    }

    #[test]
    fn a_long_text_is_cut() {
        let of = |text: &str| {
            let json = format!(r#"{{"worlds": {{"w": {{"funcs": {{"f": "{text}"}}}}}}}}"#);
            Docs::of(&with_section(&json)).of_function(None, "f").unwrap()
        };
        let most = "a".repeat(TEXT_BYTES_MAX);
        assert_eq!(of(&most), most);
        assert_eq!(
            of(&format!("a{}", "ä".repeat(TEXT_BYTES_MAX))),
            format!("a{}…", "ä".repeat(TEXT_BYTES_MAX / 2 - 1))
        );
    }

    #[test]
    fn what_can_not_be_read_is_left_out() {
        for json in ["", "{", "[]", r#"{"interfaces": 1, "worlds": {"w": {"funcs": {"f": 5}}}}"#] {
            assert_eq!(Docs::of(&with_section(json)).of_function(None, "f"), None, "{json}");
        }
        assert_eq!(Docs::of(b"junk").of_function(None, "f"), None);
    }
}
