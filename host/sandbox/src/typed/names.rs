//! WIT's names, which JSON may spell in kebab case or in snake case.

use std::fmt::Write as _;

/// A list of names that are looked up in either spelling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    /// In kebab case, in their order.
    list: Vec<Box<str>>,
    /// Both spellings, sorted, each with its place in the list.
    spellings: Vec<(Box<str>, usize)>,
}

impl Names {
    /// Those names, in that order.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let list: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
        let kebab = list.iter().cloned().enumerate();
        let snake = list.iter().map(|name| snake(name).into_boxed_str()).enumerate();
        let mut spellings: Vec<_> = kebab.chain(snake).map(|(at, name)| (name, at)).collect();
        spellings.sort_unstable();
        spellings.dedup();
        Names { list, spellings }
    }

    /// The place of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let found = self.spellings.binary_search_by(|(spelling, _)| (**spelling).cmp(name)).ok()?;
        Some(self.spellings[found].1)
    }

    /// The name at that place.
    pub(crate) fn get(&self, place: usize) -> &str {
        &self.list[place]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Each, in its order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list.iter().map(|name| &**name)
    }

    /// Some of them for a text, `none` when there are none.
    pub(crate) fn shown(&self) -> String {
        shown(self.iter())
    }
}

/// The snake-case spelling of a name.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_").to_ascii_lowercase()
}

/// Names listed in a text, up to a bound.
pub(crate) fn shown<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const NAMES_SHOWN_MAX: usize = 40;
    let count = names.len();
    if count == 0 {
        return "none".into();
    }
    let mut text = names.take(NAMES_SHOWN_MAX).collect::<Vec<_>>().join(", ");
    if count > NAMES_SHOWN_MAX {
        let _ = write!(text, " and {} more", count - NAMES_SHOWN_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_spelling_finds_a_name() {
        let names = Names::new(["due-at", "a", "get-URL"]);
        for (name, place) in [("due-at", 0), ("due_at", 0), ("a", 1), ("get-URL", 2), ("get_url", 2)] {
            assert_eq!(names.find(name), Some(place), "{name}");
        }
        for name in ["", "due", "due-at ", "DUE-AT", "get-url"] {
            assert_eq!(names.find(name), None, "{name}");
        }
        assert_eq!(names.shown(), "due-at, a, get-URL");
    }

    #[test]
    fn a_long_list_is_cut() {
        let many: Vec<String> = (0..50).map(|n| format!("n{n}")).collect();
        let text = shown(many.iter().map(String::as_str));
        assert!(text.ends_with("n39 and 10 more"), "{text}");
    }
}
