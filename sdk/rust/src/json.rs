//! JSON in and out. Everything is read through one function, so that every complaint names the
//! place in the document and each type's reader is compiled once.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a document can't be read.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// Where, for example `items[2].price`; empty for the whole document.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) problem: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str(&self.path)?;
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)
    }
}

impl Malformed {
    fn new(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Self {
        let path = path.to_string();
        Malformed { path: if path == "." { String::new() } else { path }, problem: problem(error) }
    }
}

/// The problem in words. A line and a column help with broken syntax; elsewhere the path says more.
fn problem(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if error.is_data() && text.ends_with(&position) {
        text.truncate(text.len() - position.len());
    }
    text
}

/// Writes `value`.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(value)
}

/// Reads a whole document.
pub(crate) fn decode<T: DeserializeOwned>(document: &[u8]) -> Result<T, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Malformed::new(error.path(), error.inner()))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(Malformed { path: String::new(), problem: problem(&error) }),
    }
}

/// Reads a whole document; an empty one is `null`.
pub(crate) fn decode_or_null<T: DeserializeOwned>(document: &[u8]) -> Result<T, Malformed> {
    decode(if document.is_empty() { b"null" } else { document })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn complaint<T: DeserializeOwned + fmt::Debug>(document: &str) -> String {
        decode::<T>(document.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_complaint_names_the_place_and_the_problem() {
        assert_eq!(
            complaint::<BTreeMap<String, Vec<u8>>>(r#"{"a": [1, "x"]}"#),
            "a[1]: invalid type: string \"x\", expected u8"
        );
        assert_eq!(complaint::<u8>("300"), "invalid value: integer `300`, expected u8");
    }

    #[test]
    fn broken_syntax_is_placed_by_line_and_column() {
        assert_eq!(complaint::<u8>("1 2"), "trailing characters at line 1 column 3");
        assert_eq!(complaint::<Vec<u8>>("[1,"), "EOF while parsing a value at line 1 column 3");
    }
}
