//! What the system says of a process.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_memory_shows() {
        let before = memory(std::process::id()).unwrap();
        let taken = std::hint::black_box(vec![1_u8; 32 << 20]);
        let after = memory(std::process::id()).unwrap();
        assert!(after.anonymous >= before.anonymous + (24 << 20), "{before:?} {after:?} {}", taken.len());
        assert!(after.resident >= after.anonymous);
    }
}
