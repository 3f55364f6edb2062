//! What one sandbox may take: linear memory in all, elements of a table, core instances, and its part of what all
//! share. Remembers what was refused, so that a trap that follows is reported as the limit it comes from.

use std::sync::Arc;

use async_trait::async_trait;
use greenroom_core::{Code, Error, Limits};
use wasmtime::ResourceLimiterAsync;

use crate::resources::Holding;
use crate::structure::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};
use crate::traps::is_lack;

/// Bytes of one element of a table.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// A limit that a guest ran into during the turn under way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refused {
    /// `sandbox_memory_bytes`, and its value.
    Memory(usize),
    /// `sandbox_table_elements`, and its value.
    Table(usize),
    /// There was no room for it beside all other sandboxes.
    Shared(Error),
}

/// Counts what a sandbox has.
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
    /// What the latest growth that was allowed added, to be taken back if it then fails.
    latest_growth: usize,
    refused: Option<Refused>,
    holding: Arc<Holding>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, holding: Arc<Holding>) -> Self {
        Limiter {
            memory_bytes_max: limits.sandbox_memory_bytes,
            table_elements_max: limits.sandbox_table_elements,
            memory_bytes: 0,
            latest_growth: 0,
            refused: None,
            holding,
        }
    }

    /// Linear memory in all.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// What was refused since the turn began.
    pub(crate) fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// The sandbox's part of what all share.
    pub(crate) fn holding(&self) -> &Arc<Holding> {
        &self.holding
    }

    /// Forgets what earlier turns were refused: the guest lived on.
    pub(crate) fn begin_turn(&mut self) {
        self.refused = None;
    }

    /// Takes so many bytes of what all share, or notes that there were none.
    async fn share(&mut self, bytes: usize) -> bool {
        let outcome = self.holding.grow(bytes).await;
        self.latest_growth = if outcome.is_ok() { bytes } else { 0 };
        if let Err(lacking) = outcome {
            self.refused = Some(Refused::Shared(self.holding.refusal(lacking)));
        }
        outcome.is_ok()
    }

    /// What the guest was allowed, the system may still refuse: a trap that follows is not the guest's doing.
    fn note(&mut self, error: &wasmtime::Error) {
        if is_lack(error) {
            let text = "the system has no more memory for this host now; try again later";
            self.refused = Some(Refused::Shared(Error::new(Code::Overloaded, text)));
        }
    }

    fn take_back(&mut self) -> usize {
        let bytes = std::mem::take(&mut self.latest_growth);
        self.holding.did_not_grow(bytes);
        bytes
    }
}

#[async_trait]
impl ResourceLimiterAsync for Limiter {
    async fn memory_growing(
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
        if !self.share(growth).await {
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.note(&error);
        self.memory_bytes -= self.take_back();
        Ok(())
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max {
            self.latest_growth = 0;
            self.refused = Some(Refused::Table(self.table_elements_max));
            return Ok(false);
        }
        Ok(self.share(desired.saturating_sub(current) * TABLE_ELEMENT_BYTES).await)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.note(&error);
        self.take_back();
        Ok(())
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
    use crate::resources::tests::a_holding;

    async fn limiter() -> Limiter {
        let limits = Limits { sandbox_memory_bytes: 1000, sandbox_table_elements: 10, ..Limits::default() };
        Limiter::new(&limits, a_holding().await)
    }

    #[tokio::test]
    async fn all_memories_of_a_sandbox_share_one_limit() {
        let mut limiter = limiter().await;
        assert!(limiter.memory_growing(0, 600, None).await.unwrap());
        assert!(limiter.memory_growing(0, 400, None).await.unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(400, 401, None).await.unwrap());
        assert_eq!(limiter.refused(), Some(&Refused::Memory(1000)));
        assert_eq!(limiter.memory_bytes(), 1000);
        limiter.begin_turn();
        assert_eq!(limiter.refused(), None);
    }

    #[tokio::test]
    async fn a_growth_that_failed_is_not_counted() {
        let mut limiter = limiter().await;
        assert!(limiter.memory_growing(0, 600, None).await.unwrap());
        assert!(limiter.memory_growing(600, 900, None).await.unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("no memory")).unwrap();
        assert_eq!(limiter.memory_bytes(), 600);
        assert_eq!(limiter.holding().bytes(), 600);
        assert_eq!(limiter.refused(), None);
    }

    #[tokio::test]
    async fn a_growth_that_the_system_refuses_is_the_hosts_lack() {
        let mut limiter = limiter().await;
        assert!(limiter.memory_growing(0, 600, None).await.unwrap());
        limiter.memory_grow_failed(std::io::Error::from_raw_os_error(12).into()).unwrap();
        assert!(
            matches!(limiter.refused(), Some(Refused::Shared(error)) if error.code == Code::Overloaded),
            "{:?}",
            limiter.refused()
        );
    }

    #[tokio::test]
    async fn a_growth_that_was_refused_takes_nothing_back() {
        let mut limiter = limiter().await;
        assert!(limiter.memory_growing(0, 600, None).await.unwrap());
        assert!(!limiter.memory_growing(600, 1001, None).await.unwrap());
        limiter.memory_grow_failed(wasmtime::format_err!("refused")).unwrap();
        assert_eq!(limiter.memory_bytes(), 600);
    }

    #[tokio::test]
    async fn tables_have_a_limit_each() {
        let mut limiter = limiter().await;
        assert!(limiter.table_growing(0, 10, None).await.unwrap());
        assert!(!limiter.table_growing(0, 11, None).await.unwrap());
        assert_eq!(limiter.refused(), Some(&Refused::Table(10)));
        assert_eq!(limiter.holding().bytes(), 10 * TABLE_ELEMENT_BYTES);
    }
}
