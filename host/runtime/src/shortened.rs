//! A guest's words, as long as it likes, in what is kept of them and in the log.

/// How much of an error is kept.
const ERROR_BYTES_MAX: usize = 4 << 10;

/// The beginning of `text`, when it is long.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= ERROR_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=ERROR_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"é".repeat(ERROR_BYTES_MAX));
        assert_eq!(cut.chars().count(), ERROR_BYTES_MAX / 2 + 1);
    }
}
