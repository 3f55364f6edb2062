//! Text of others (guests, clients, what they stored) as it is shown to people: with nothing in it that
//! a terminal takes for a command or a reader for another line.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with control characters (line breaks, terminal escapes) spelled out.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' => plain.push(' '),
            '\n' => plain.push_str("\\n"),
            control if control.is_control() => {
                // Writing to a String can't fail.
                let _ = write!(plain, "\\u{{{:x}}}", control as u32);
            }
            other => plain.push(other),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_breaks_are_spelled_out() {
        assert_eq!(plain("a\u{1b}[31mb\nc\td"), "a\\u{1b}[31mb\\nc d");
        assert_eq!(plain("\u{9b}31m\r"), "\\u{9b}31m\\u{d}");
        assert!(matches!(plain("grün"), Cow::Borrowed("grün")));
    }
}
