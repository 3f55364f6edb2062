//! How much memory there is for the host, and how much it has: the figures that its budget is made of and held
//! against. An unknown figure is never taken for zero.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::param::page_size;

/// The part of the memory there is that the host takes by default is one in so many. The rest is for compilations,
/// the database's pages and others on the machine.
const DEFAULT_PART: u64 = 2;

/// The memory that the host may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemoryThereIs {
    bytes: u64,
    /// Who says so.
    source: &'static str,
}

impl MemoryThereIs {
    /// The least of what the machine has and what the process's cgroups allow.
    pub(crate) fn look() -> Option<Self> {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Option<Self> {
        let machine =
            std::fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total_bytes(&text));
        let machine = machine.map(|bytes| MemoryThereIs { bytes, source: "the machine" });
        let membership = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let allowed = membership.lines().filter_map(|line| allowed_by(&root.join("sys/fs/cgroup"), line));
        machine.into_iter().chain(allowed).min_by_key(|known| known.bytes)
    }

    /// The budget of a host whose configuration names none.
    pub(crate) fn default_budget(&self) -> u64 {
        self.bytes / DEFAULT_PART
    }

    /// Whether a budget is beyond it.
    pub(crate) fn is_less_than(&self, budget: u64) -> bool {
        self.bytes < budget
    }
}

impl fmt::Display for MemoryThereIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ({})", self.bytes, self.source)
    }
}

fn total_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

/// What a line of `/proc/self/cgroup`, `NUMBER:CONTROLLERS:PATH`, comes to. A group is bounded by those it is in, too.
/// Within a container its path may be that of outside; its files are then at the top.
fn allowed_by(mount: &Path, line: &str) -> Option<MemoryThereIs> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (top, file, source) = match controllers {
        "" => (mount.to_owned(), "memory.max", "its cgroup, v2"),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            (mount.join("memory"), "memory.limit_in_bytes", "its cgroup, v1")
        }
        _ => return None,
    };
    let inner: PathBuf = top.join(path.trim_start_matches('/'));
    let groups = inner.ancestors().take_while(|group| group.starts_with(&top));
    // No number is `max`: no bound.
    let allowed =
        groups.filter_map(|group| std::fs::read_to_string(group.join(file)).ok()?.trim().parse().ok());
    allowed.min().map(|bytes| MemoryThereIs { bytes, source })
}

/// The process's own memory, from a file that is open from the start: it is read also when descriptors have run out.
pub(crate) struct ResidentMemory {
    statm: File,
    known_bytes: AtomicU64,
}

impl ResidentMemory {
    /// # Errors
    /// The system does not tell: a host that does not know its memory could not bound it.
    pub(crate) fn open() -> io::Result<Self> {
        let statm = File::open("/proc/self/statm")?;
        let known_bytes = AtomicU64::new(anonymous_bytes(&statm)?);
        Ok(ResidentMemory { statm, known_bytes })
    }

    /// Resident memory of the process that is its own, in bytes; the last that was known if the system does not tell.
    /// Pages of files, the database's among them, are not counted: the system takes those back when it needs them.
    pub(crate) fn bytes(&self) -> u64 {
        match anonymous_bytes(&self.statm) {
            Ok(bytes) => {
                self.known_bytes.store(bytes, Ordering::Relaxed);
                bytes
            }
            Err(_) => self.known_bytes.load(Ordering::Relaxed),
        }
    }
}

fn anonymous_bytes(statm: &File) -> io::Result<u64> {
    let mut text = [0; 256];
    let length = statm.read_at(&mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let pages =
        anonymous_pages(&text).ok_or_else(|| io::Error::other(format!("not understood: {text:?}")))?;
    Ok(pages.saturating_mul(page_size() as u64))
}

/// The pages in memory without those of files: the second number without the third.
fn anonymous_pages(statm: &str) -> Option<u64> {
    let mut numbers = statm.split_ascii_whitespace().skip(1).map(|number| number.parse::<u64>().ok());
    let (resident, of_files) = (numbers.next()??, numbers.next()??);
    Some(resident.saturating_sub(of_files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A machine of 8 GiB with those files.
    fn machine(files: &[(&str, &str)]) -> (Option<u64>, &'static str) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in
            [("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n")].iter().chain(files)
        {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let known = MemoryThereIs::below(root.path());
        (known.as_ref().map(|known| known.bytes), known.map_or("", |known| known.source))
    }

    #[test]
    fn without_a_bound_there_is_what_the_machine_has() {
        assert_eq!(machine(&[]), (Some(8 * GIB), "the machine"));
        let unbounded = [("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")];
        assert_eq!(machine(&unbounded), (Some(8 * GIB), "the machine"));
        let huge = [
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(machine(&huge), (Some(8 * GIB), "the machine"));
        assert_eq!(MemoryThereIs::below(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_cgroup_bounds_it_and_so_do_those_it_is_in() {
        let mut files = vec![
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/b/memory.max", "2147483648\n"),
        ];
        assert_eq!(machine(&files), (Some(GIB), "its cgroup, v2"));
        files[2].1 = "536870912\n";
        assert_eq!(machine(&files), (Some(GIB / 2), "its cgroup, v2"));
    }

    #[test]
    fn a_container_sees_its_bound_at_the_top_whatever_its_path_is_called_outside() {
        let v1 = [
            ("proc/self/cgroup", "9:cpu:/\n4:memory,hugetlb:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
        ];
        assert_eq!(machine(&v1), (Some(GIB / 2), "its cgroup, v1"));
        let v2 = [("proc/self/cgroup", "0::/docker/abc\n"), ("sys/fs/cgroup/memory.max", "536870912\n")];
        assert_eq!(machine(&v2), (Some(GIB / 2), "its cgroup, v2"));
    }

    #[test]
    fn the_default_leaves_as_much_and_more_than_there_is_is_noticed() {
        let known = MemoryThereIs { bytes: GIB, source: "the machine" };
        assert_eq!(known.default_budget(), GIB / 2);
        assert!(known.is_less_than(GIB + 1) && !known.is_less_than(GIB));
    }

    #[test]
    fn memory_of_its_own_is_what_is_in_memory_without_files() {
        assert_eq!(anonymous_pages("4000 300 100 1 0 2 0\n"), Some(200));
        assert_eq!(anonymous_pages("4000 300\n"), None);
        assert_eq!(anonymous_pages(""), None);
    }

    #[test]
    fn what_is_not_known_is_what_it_was_last() {
        let memory = ResidentMemory::open().unwrap();
        let known = memory.bytes();
        assert!(known > 0);
        let unreadable = ResidentMemory { statm: File::open("/proc").unwrap(), known_bytes: known.into() };
        assert_eq!(unreadable.bytes(), known);
    }
}
