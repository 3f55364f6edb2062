//! Compiled code on disk. Loading machine code is running it, so a file is taken only when its
//! authentication code says that it was written here, for those component bytes, by this engine
//! configuration. The key and the files are for the host's user alone. A file that fails is
//! reported and removed; the component is compiled again.
//!
//! Files appear whole or not at all; what writes that never finished left behind goes when the cache is opened.
//! When they pass the cache's bound, those that were not used for longest are removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use greenroom_core::component::Digest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRngCore as _;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use sha2::Sha256;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
/// The permissions of everybody but the owner.
const OTHERS: u32 = 0o077;
const TAG_BYTES: usize = 32;
const ARTIFACT_SUFFIX: &str = ".code";
/// What files are called while they are written.
const UNFINISHED_PREFIX: &str = ".new-";
/// Names the layout and the checks a component passes before it is compiled: a change of either
/// makes all files strange.
const FORMAT: &[u8] = b"greenroom compiled component 3";

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    compatibility: [u8; 32],
    bytes_max: u64,
}

impl Cache {
    /// Opens the cache in `folder`, which is made if need be and closed to other users, for an
    /// engine whose code depends on `compatibility`.
    pub(crate) fn open(folder: &Path, compatibility: [u8; 32], bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let metadata = fs::symlink_metadata(folder)?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
            let text = format!("{} is not a folder of this user", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        remove_unfinished(folder)?;
        let key = read_or_make_key(folder)?;
        Ok(Cache { folder: folder.to_owned(), key, compatibility, bytes_max })
    }

    /// The code compiled of that component, if there is any and nobody changed it.
    pub(crate) fn get(&self, component: Digest) -> Option<Vec<u8>> {
        let path = self.path(component);
        let mut bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%component, %error, "compiled code can't be read; compiling again");
                return None;
            }
        };
        let code_bytes = bytes.len().saturating_sub(TAG_BYTES);
        let authentic = bytes
            .split_at_checked(code_bytes)
            .is_some_and(|(code, tag)| self.authentication(component, code).verify_slice(tag).is_ok());
        if !authentic {
            tracing::warn!(%component, "compiled code was changed on disk; compiling again");
            self.remove(component);
            return None;
        }
        bytes.truncate(code_bytes);
        Some(bytes)
    }

    /// Keeps the code compiled of a component.
    pub(crate) fn put(&self, component: Digest, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED_PREFIX)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&self.authentication(component, code).finalize().into_bytes())?;
        file.persist(self.path(component)).map_err(|error| error.error)?;
        self.trim()
    }

    /// Forgets the code compiled of a component.
    pub(crate) fn remove(&self, component: Digest) {
        if let Err(error) = fs::remove_file(self.path(component)) {
            tracing::warn!(%component, %error, "compiled code can't be removed");
        }
    }

    pub(crate) fn path(&self, component: Digest) -> PathBuf {
        // Half of the hash tells configurations apart; the authentication code covers all of it.
        let engine = hex::encode(&self.compatibility[..8]);
        self.folder.join(format!("{component}-{engine}{ARTIFACT_SUFFIX}"))
    }

    fn authentication(&self, component: Digest, code: &[u8]) -> Hmac<Sha256> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        hmac.update(FORMAT);
        hmac.update(component.as_bytes());
        hmac.update(&self.compatibility);
        hmac.update(code);
        hmac
    }

    /// Removes what was not used for longest until the rest is within the bound.
    fn trim(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(ARTIFACT_SUFFIX) {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in &files[..files.len().saturating_sub(1)] {
            if total <= self.bytes_max {
                break;
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total -= bytes,
            }
        }
        Ok(())
    }
}

/// Whoever opens the cache is the only one to write into it.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
    file.read_to_end(&mut bytes)?;
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    // Its time of use; without it the file only goes earlier.
    let _ = futimens(&file, &Timestamps { last_access: now, last_modification: now });
    Ok(bytes)
}

/// A key that is missing, cut short or readable by others is replaced; all files are then strange.
fn read_or_make_key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = folder.join(KEY_FILE);
    if let Ok(metadata) = fs::symlink_metadata(&path)
        && metadata.is_file()
        && metadata.mode() & OTHERS == 0
        && let Ok(bytes) = fs::read(&path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path, bytes_max: u64) -> Cache {
        Cache::open(folder, [7; 32], bytes_max).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keeps_code_across_restarts_for_its_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("code");
        let component = Digest::of(b"a component");
        let cache = open(&folder, 1000);
        assert_eq!(cache.get(component), None);
        cache.put(component, b"code").unwrap();
        let again = open(&folder, 1000);
        assert_eq!(again.get(component).as_deref(), Some(&b"code"[..]));
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(KEY_FILE)), 0o600);
        assert_eq!(mode(&cache.path(component)), 0o600);
    }

    #[test]
    fn what_a_killed_host_was_writing_goes_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let component = Digest::of(b"a component");
        open(folder.path(), 1000).put(component, b"code").unwrap();
        let unfinished = folder.path().join(".new-abc123");
        fs::write(&unfinished, b"co").unwrap();
        let cache = open(folder.path(), 1000);
        assert!(!unfinished.exists());
        assert!(cache.get(component).is_some());
    }

    #[test]
    fn refuses_every_flipped_byte_and_every_cut() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 1000);
        let component = Digest::of(b"a component");
        cache.put(component, b"code").unwrap();
        let good = fs::read(cache.path(component)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(cache.path(component), bad).unwrap();
            assert_eq!(cache.get(component), None, "byte {at}");
            fs::write(cache.path(component), &good[..at]).unwrap();
            assert_eq!(cache.get(component), None, "cut at {at}");
        }
        assert!(!cache.path(component).exists(), "removed");
    }

    #[test]
    fn refuses_code_of_another_component_engine_or_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 1000);
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        cache.put(one, b"code").unwrap();
        let file = fs::read(cache.path(one)).unwrap();
        fs::write(cache.path(other), &file).unwrap();
        assert_eq!(cache.get(other), None);

        let mut newer = Cache::open(folder.path(), [8; 32], 1000).unwrap();
        assert_eq!(newer.get(one), None, "other engine");
        fs::write(newer.path(one), &file).unwrap();
        assert_eq!(newer.get(one), None, "its file under another engine's name");
        newer = open(folder.path(), 1000);
        assert!(newer.get(one).is_some());

        fs::set_permissions(folder.path().join(KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(open(folder.path(), 1000).get(one), None, "a key that others could read is no key");
    }

    #[test]
    fn drops_what_was_not_used_for_longest() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path(), 3 * (100 + TAG_BYTES as u64));
        let digests: Vec<Digest> = (0..4_u8).map(|n| Digest::of(&[n])).collect();
        for (age, digest) in [300, 200, 100].iter().zip(&digests) {
            cache.put(*digest, &[0; 100]).unwrap();
            let past = File::open(cache.path(*digest)).unwrap().metadata().unwrap().modified().unwrap();
            let file = File::options().write(true).open(cache.path(*digest)).unwrap();
            file.set_modified(past - std::time::Duration::from_secs(*age)).unwrap();
        }
        assert!(cache.get(digests[0]).is_some(), "used just now");
        cache.put(digests[3], &[0; 100]).unwrap();
        let kept: Vec<bool> = digests.iter().map(|digest| cache.get(*digest).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
    }
}
