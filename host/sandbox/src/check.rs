//! What an upload must be before anything is compiled: within its size, a component and a valid
//! one, an actor, and importing only what is offered. Every text here is for whoever uploaded it.
//!
//! The host looks at the size and the first bytes alone. The rest can be made dear to check, and is for the child
//! that compiles.

use greenroom_core::Limits;
use wasmparser::WasmFeatures;

use crate::structure::{Outline, examine};
use crate::{import_advice, offered};

/// Missing imports named in one refusal.
const IMPORTS_NAMED_MAX: usize = 40;
/// Longest name shown.
const NAME_CHARS_MAX: usize = 120;

/// Checks a component for an engine that takes those `features`. The error says what is wrong
/// with it and, where it is known, what to do about it.
pub(crate) fn check(component: &[u8], features: WasmFeatures, limits: &Limits) -> Result<Outline, String> {
    let outline = examine(component, features, limits).map_err(|refusal| {
        let mut text = refusal.to_string();
        if text.contains("component model async") {
            text.push_str("; build it for the synchronous ABI, async functions are not offered");
        }
        text
    })?;
    check_imports(&outline)?;
    check_exports(&outline)?;
    Ok(outline)
}

pub(crate) fn check_size(component: &[u8], limits: &Limits) -> Result<(), String> {
    let (size, limit) = (component.len() as u64, limits.component_bytes);
    if size > limit {
        return Err(format!("the component has {size} bytes, more than component_bytes ({limit}) allows"));
    }
    Ok(())
}

/// Tells by its first bytes what an upload is, if it isn't a component.
pub(crate) fn check_kind(bytes: &[u8]) -> Result<(), String> {
    const WASM: &[u8] = b"\0asm";
    const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
    const CORE_MODULE: &[u8] = &[1, 0, 0, 0];

    if bytes.is_empty() {
        return Err("the upload is empty; a WebAssembly component is needed".into());
    }
    if let Some(version) = bytes.strip_prefix(WASM) {
        return match version.get(..4) {
            Some(COMPONENT) => Ok(()),
            Some(CORE_MODULE) => {
                Err("this is a core WebAssembly module, not a component; build for a target that \
                 makes components (such as wasm32-wasip2), or wrap it with `wasm-tools component new`"
                    .into())
            }
            Some(other) => Err(format!("this is WebAssembly of a version not known here ({other:02x?})")),
            None => Err("the component is cut short within its first 8 bytes".into()),
        };
    }
    let found = match bytes {
        [b'P', b'K', 3 | 5, ..] => "a ZIP archive".to_owned(),
        [0x1f, 0x8b, ..] => "a gzip archive".to_owned(),
        [0x7f, b'E', b'L', b'F', ..] => {
            "a native program or precompiled code, which is never taken from outside".to_owned()
        }
        _ if WASM.starts_with(bytes) => {
            return Err("the component is cut short within its first 8 bytes".into());
        }
        _ => match std::str::from_utf8(&bytes[..bytes.len().min(64)]) {
            Ok(text) if text.trim_start().starts_with('(') => {
                "WebAssembly text; turn it into bytes with `wasm-tools parse`".to_owned()
            }
            Ok(text) if !text.contains('\0') => "text".to_owned(),
            _ => format!("something that begins with the bytes {:02x?}", &bytes[..bytes.len().min(8)]),
        },
    };
    Err(format!("a WebAssembly component is needed; this is {found}"))
}

fn check_imports(outline: &Outline) -> Result<(), String> {
    let mut missing: Vec<&str> =
        outline.imports.iter().map(String::as_str).filter(|name| !offered::is_offered(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    let advice = import_advice::of(&missing);
    let more = match missing.len().saturating_sub(IMPORTS_NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    missing.truncate(IMPORTS_NAMED_MAX);
    let named = missing.iter().map(|name| cut(name)).collect::<Vec<_>>().join(", ");
    Err(format!(
        "the component imports what is not offered here: {named}{more}. Offered are {}{advice}",
        offered::SUMMARY
    ))
}

fn check_exports(outline: &Outline) -> Result<(), String> {
    const OF_THE_CONTRACT: [&str; 2] = ["greenroom:actor/behavior", "greenroom:actor/lifecycle"];
    let exports = |name: &str| outline.exports.iter().any(|export| export == name);
    let other_version = outline.exports.iter().find(|name| {
        let is_known = [offered::BEHAVIOR, offered::LIFECYCLE].contains(&name.as_str());
        !is_known && OF_THE_CONTRACT.iter().any(|ours| name.starts_with(ours))
    });
    if let Some(other) = other_version {
        return Err(format!(
            "the component exports {}, a version not known here; known are {} and {}",
            cut(other),
            offered::BEHAVIOR,
            offered::LIFECYCLE
        ));
    }
    if exports(offered::BEHAVIOR) && exports(offered::LIFECYCLE) {
        return Err(format!(
            "the component exports {} and {}, which both say how an actor is activated; leave the latter out",
            offered::BEHAVIOR,
            offered::LIFECYCLE
        ));
    }
    if exports(offered::BEHAVIOR) || outline.exports.iter().any(|name| offered::is_own_interface(name)) {
        return Ok(());
    }
    Err(no_actor(outline.exports.iter().map(String::as_str)))
}

/// Refuses a component that has neither a behavior nor a method.
pub(crate) fn no_actor<'a>(mut exports: impl Iterator<Item = &'a str>) -> String {
    let found = match exports.next() {
        None => "it exports nothing".to_owned(),
        Some(first) => format!("it exports {} and so on", cut(first)),
    };
    format!(
        "the component is no actor: it must export {} (world `actor` of greenroom:actor) or functions of \
         its own; {found}",
        offered::BEHAVIOR
    )
}

fn cut(name: &str) -> String {
    let mut shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}
