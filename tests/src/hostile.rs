//! The guests in `guests/hostile`, made into components: each file is the middle of a core module, whose
//! frame is beside it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/hostile")
}

/// The names of all.
pub fn names() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        names.extend(file.strip_suffix(".wat").filter(|name| *name != "frame").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The component of the guest of that name.
pub fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder().join(format!("{name}.wat"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    component_of(&text).with_context(|| path.display().to_string())
}

/// The component of a guest of that text.
pub fn component_of(guest: &str) -> anyhow::Result<Vec<u8>> {
    // The imports of a module come before everything else it has.
    let (imports, mut items): (Vec<&str>, Vec<&str>) =
        guest.lines().partition(|line| line.starts_with("(import"));
    let left_out = ["$activate", "$receive", "$deactivate"].map(|name| format!("(func {name}"));
    let left_out = left_out.iter().filter(|start| !guest.contains(start.as_str()));
    let left_out: Vec<String> = left_out.map(|start| format!("{start})")).collect();
    items.extend(left_out.iter().map(String::as_str));
    let frame = std::fs::read_to_string(folder().join("frame.wat"))?;
    let core = frame.replace("{imports}", &imports.join("\n")).replace("{guest}", &items.join("\n"));
    let mut module = wat::parse_str(core)?;
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"))?;
    let (package, _) = resolve.push_path(folder().join("wit/worlds.wit"))?;
    let world = if guest.contains("\"wasi:") { "sleeper" } else { "guest" };
    let world = resolve.select_world(&[package], Some(world))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

/// A guest that passes every check, with so many functions each of which is as dear to compile as it may be: twenty take
/// seconds.
pub fn compile_bomb(functions: usize) -> anyhow::Result<Vec<u8>> {
    let body = "(block (br_if 0 (local.get 0)))".repeat(20_000);
    let functions: Vec<String> =
        (0..functions).map(|n| format!("(func $f{n} (param i32) {body})\n")).collect();
    component_of(&functions.concat())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_guest_says_what_it_does_and_can_be_made() {
        let names = super::names().unwrap();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            let text = std::fs::read_to_string(super::folder().join(format!("{name}.wat"))).unwrap();
            assert!(text.starts_with(";; "), "{name}");
            super::component(&name).unwrap();
        }
    }
}
