//! A fuzz target for `greenroom.toml`.

use crate::manifest::{Manifest, Name};

/// Any text: what is understood has a name that is one in every language, and what is not is refused with a
/// reason.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Manifest::parse(text) {
        Ok(manifest) => {
            let name = manifest.name.to_string();
            assert_eq!(name.parse::<Name>().as_ref(), Ok(&manifest.name));
            assert!(!name.contains(['/', '.', '\\']) && name.len() <= 64, "{name}");
            assert!(text.contains(manifest.settings.language().name()), "the language is the one said");
        }
        Err(why) => assert!(!why.trim().is_empty()),
    }
}
