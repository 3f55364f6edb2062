//! The payload of a message: what the command line has, or a file, or stdin.

use std::io::Read as _;

use super::failure::Failure;

/// Reads what the argument means.
pub(super) fn read(argument: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    let unreadable = |place: &str, error: &std::io::Error| {
        Failure::Usage(format!("can't read the payload from {place}: {error}"))
    };
    match argument {
        None => Ok(None),
        Some("-" | "@-") => {
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body).map_err(|error| unreadable("stdin", &error))?;
            Ok(Some(body))
        }
        Some(text) => match text.strip_prefix('@') {
            Some(file) => std::fs::read(file).map(Some).map_err(|error| unreadable(file, &error)),
            None => Ok(Some(text.as_bytes().to_vec())),
        },
    }
}
