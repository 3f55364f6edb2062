//! Files of compiled code that somebody changed.

use std::fs;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use greenroom_core::component::Digest;
use tempfile::TempDir;

use crate::cache::Cache;

const COMPATIBILITY: [u8; 32] = [7; 32];

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("there is room for a folder"));
static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::open(FOLDER.path(), COMPATIBILITY, u64::MAX).expect("the folder is ours"));

/// Code, then what becomes of its file: code comes back as it was put or not at all.
pub fn cache(bytes: &[u8]) {
    let _ = with(&mut Unstructured::new(bytes));
}

fn with(bytes: &mut Unstructured<'_>) -> Result<()> {
    let cache = &*CACHE;
    let component = Digest::of(b"a component");
    let code: Vec<u8> = bytes.arbitrary()?;
    cache.put(component, &code).expect("the folder is ours");
    let path = cache.path(component);
    let good = fs::read(&path).expect("the file was written");
    let mut changed = good.clone();
    for _ in 0..bytes.int_in_range(0..=4)? {
        let at = bytes.choose_index(changed.len() + 1)?;
        match bytes.int_in_range(0..=3)? {
            0 => changed.truncate(at),
            1 => changed.insert(at, bytes.arbitrary()?),
            2 => changed.extend(bytes.arbitrary::<Vec<u8>>()?),
            _ if at < changed.len() => changed[at] ^= bytes.arbitrary::<u8>()?,
            _ => {}
        }
    }
    fs::write(&path, &changed).expect("the file is ours");
    let found = cache.get(component);
    assert_eq!(found, (changed == good).then_some(code));
    assert_eq!(path.exists(), changed == good, "a file that fails is removed");
    let other = Digest::of(b"another component");
    fs::write(cache.path(other), &good).expect("the folder is ours");
    assert_eq!(cache.get(other), None);
    Ok(())
}
