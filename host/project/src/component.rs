//! A core module becomes a component, in this process: what compilers of C, Zig and Go leave is a core
//! module, and nobody should need one more tool to wrap it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::Resolve;

/// Makes a component of a core module that carries the description of its world, as those do that are
/// linked with what `wit-bindgen c` generates. Imports of WASI preview 1 are translated.
///
/// # Errors
/// When the module has no such description, or does not fit it.
pub(crate) fn from_core(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (stripped, _) = metadata::decode(core).context("the compiler did not leave a core module")?;
    ensure!(
        stripped.is_some(),
        "the core module does not describe its world; link the bindings' object file"
    );
    ComponentEncoder::default()
        .validate(true)
        .module(core)?
        // Nothing of it is in a component whose module does not import it.
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()
        .context("the core module does not fit its world")
}

/// Makes a component of a core module that does not say what its world is: it is `world` of the WIT in
/// the file or folder `wit`.
///
/// # Errors
/// When the WIT can't be read or has no such world, or the module does not fit it.
pub(crate) fn from_plain_core(mut core: Vec<u8>, wit: &Path, world: &str) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).with_context(|| format!("could not read {}", wit.display()))?;
    let world = resolve.select_world(&[package], Some(world))?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    from_core(&core)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "run")))"#;

    fn world(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("world.wit"), text).unwrap();
        folder
    }

    #[test]
    fn a_core_module_is_wrapped_and_its_imports_of_wasi_are_translated() {
        let wit = world("package a:b; world small { export run: func(); }");
        let component = from_plain_core(wat::parse_str(MODULE).unwrap(), wit.path(), "small").unwrap();
        assert_eq!(&component[4..8], [13, 0, 1, 0], "it is a component");
        let text = String::from_utf8_lossy(&component);
        assert!(text.contains("wasi:random/random"), "the adapter asks for what it needs");
        assert!(!text.contains("wasi:sockets"));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let core = wat::parse_str(MODULE).unwrap();
        let refused = |made: anyhow::Result<Vec<u8>>| format!("{:#}", made.err().unwrap());
        assert!(refused(from_core(&core)).contains("does not describe its world"));
        assert!(refused(from_core(b"no module")).contains("did not leave a core module"));
        let wit = world("package a:b; world small { export walk: func(); }");
        assert!(refused(from_plain_core(core.clone(), wit.path(), "small")).contains("walk"));
        assert!(refused(from_plain_core(core, wit.path(), "other")).contains("other"));
    }
}
