//! What one sandbox may take: linear memory in all, elements of a table, core instances. Remembers
//! what was refused, so that a trap that follows is reported as the limit it comes from.

use greenroom_core::Limits;
use wasmtime::ResourceLimiter;

use crate::structure::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};

/// A limit that a guest ran into during the turn under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `sandbox_memory_bytes`, and its value.
    Memory(usize),
    /// `sandbox_table_elements`, and its value.
    Table(usize),
}

/// Counts what a sandbox has.
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
    /// What the latest growth that was allowed added, to be taken back if it then fails.
    latest_growth: usize,
    refused: Option<Refused>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter {
            memory_bytes_max: limits.sandbox_memory_bytes,
            table_elements_max: limits.sandbox_table_elements,
            memory_bytes: 0,
            latest_growth: 0,
            refused: None,
        }
    }

    /// Linear memory in all.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// What was refused since the turn began.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Forgets what earlier turns were refused: the guest lived on.
    pub(crate) fn begin_turn(&mut self) {
        self.refused = None;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(growth);
        if total > self.memory_bytes_max {
            self.latest_growth = 0;
            self.refused = Some(Refused::Memory(self.memory_bytes_max));
            return Ok(false);
        }
        self.memory_bytes = total;
        self.latest_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes -= std::mem::take(&mut self.latest_growth);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max {
            self.refused = Some(Refused::Table(self.table_elements_max));
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(&Limits { sandbox_memory_bytes: 1000, sandbox_table_elements: 10, ..Limits::default() })
    }

    #[test]
    fn all_memories_of_a_sandbox_share_one_limit() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(400, 401, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused::Memory(1000)));
        assert_eq!(limiter.memory_bytes(), 1000);
        limiter.begin_turn();
        assert_eq!(limiter.refused(), None);
    }

    #[test]
    fn a_growth_that_failed_is_not_counted() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.memory_growing(600, 900, None).unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("no memory")).unwrap();
        assert_eq!(limiter.memory_bytes(), 600);
    }

    #[test]
    fn a_growth_that_was_refused_takes_nothing_back() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(!limiter.memory_growing(600, 1001, None).unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("refused")).unwrap();
        assert_eq!(limiter.memory_bytes(), 600);
    }

    #[test]
    fn tables_have_a_limit_each() {
        let mut limiter = limiter();
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 11, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused::Table(10)));
    }
}
