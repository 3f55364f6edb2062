//! What the system says of a process.

use std::time::Duration;

use anyhow::Context as _;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All pages that are in memory, shared ones included.
    pub resident: u64,
    /// Those that belong to no file: what the process itself has cost.
    pub anonymous: u64,
}

/// The memory of the process `pid` now.
pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).context(path)?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
        kib.map(|kib| kib << 10).with_context(|| format!("/proc/{pid}/status has no {name}"))
    };
    Ok(Memory { resident: field("VmRSS:")?, anonymous: field("RssAnon:")? })
}

/// How many descriptors the process `pid` has open.
pub fn descriptors(pid: u32) -> anyhow::Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(std::fs::read_dir(&path).context(path)?.count())
}

/// The processes that the process `pid` has started and that have not ended.
pub fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    Ok(found)
}

/// Whether there is a process `pid`, or what is left of one that nobody has waited for.
pub fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// The processor time that the process `pid` has used so far, over all its threads.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The second field is the program's name, in parentheses, and may have anything in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok());
    let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system).context(path)?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computing_shows() {
        let before = cpu_time(std::process::id()).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        while cpu_time(std::process::id()).unwrap() < before + Duration::from_millis(100) {
            assert!(std::time::Instant::now() < deadline, "a minute of computing does not show");
        }
    }

    #[test]
    fn taking_memory_shows() {
        let before = memory(std::process::id()).unwrap();
        let taken = std::hint::black_box(vec![1_u8; 32 << 20]);
        let after = memory(std::process::id()).unwrap();
        assert!(after.anonymous >= before.anonymous + (24 << 20), "{before:?} {after:?} {}", taken.len());
        assert!(after.resident >= after.anonymous);
    }
}
