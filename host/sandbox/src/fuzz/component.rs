//! Bytes that say that they are a component.

use std::sync::LazyLock;

use arbitrary::{Arbitrary as _, Unstructured};
use greenroom_core::Limits;
use wasmparser::{Validator, WasmFeatures};

use crate::check::{check, check_kind};
use crate::offered;
use crate::settings::{Reservation, compiling_engine};
use crate::typed::docs::Docs;

static FEATURES: LazyLock<WasmFeatures> = LazyLock::new(|| {
    let engine = compiling_engine(&Limits::default(), Reservation::FULL)
        .expect("the engine's settings fit each other");
    engine.get_wasm_features()
});

/// An upload: the bytes as they are, or, behind a leading `!`, what they make a generator of components
/// write, with some of it changed. What passes the check is a valid component that imports only what is
/// offered; what does not is refused in a few words.
pub fn component(bytes: &[u8]) {
    match bytes.strip_prefix(b"!") {
        Some(bytes) => drop(generated(bytes).map(|component| examine(&component))),
        None => examine(bytes),
    }
}

fn generated(bytes: &[u8]) -> arbitrary::Result<Vec<u8>> {
    let mut bytes = Unstructured::new(bytes);
    let changes: [(u16, u8); 2] = bytes.arbitrary()?;
    let mut component = wasm_smith::Component::arbitrary(&mut bytes)?.to_bytes();
    for (at, bits) in changes {
        let at = usize::from(at) % component.len();
        component[at] ^= bits;
    }
    Ok(component)
}

fn examine(bytes: &[u8]) {
    match check_kind(bytes).and_then(|()| check(bytes, *FEATURES, &Limits::default())) {
        Ok(outline) => {
            let valid = Validator::new_with_features(*FEATURES).validate_all(bytes);
            assert!(valid.is_ok(), "it passed and is not valid: {:?}", valid.err());
            assert!(outline.imports.iter().all(|name| offered::is_offered(name)), "{:?}", outline.imports);
        }
        Err(refusal) => {
            assert!(!refusal.is_empty() && refusal.len() < 24 << 10, "{} bytes: {refusal}", refusal.len());
        }
    }
    let _ = Docs::of(bytes).of_function(Some("a:b/c@1.0.0"), "f");
}
