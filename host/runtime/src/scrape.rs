//! What a node counts, as people's Prometheus reads it.

use std::sync::Arc;

use greenroom_metrics::{Metrics, Now};

use crate::node::Node;

impl Node {
    /// Where requests are counted that are asked of this node.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Everything that is counted, as [`greenroom_metrics::CONTENT_TYPE`] says, by a host of that version.
    pub fn scrape(&self, version: &str) -> String {
        let active = self.dispatch.population.count_by_type();
        let types = self.dispatch.types.metrics().into_iter();
        let types = types.map(|(name, metrics)| {
            let active = active.get(&name).copied().unwrap_or(0);
            (name, metrics, active)
        });
        let residency = &self.dispatch.residency;
        let room = self.dispatch.store.room();
        self.metrics.text(Now {
            types: types.collect(),
            version: version.to_owned(),
            sandboxes: residency.sandboxes(),
            waiting_for_sandboxes: residency.waiting(),
            code_bytes: self.dispatch.types.code_bytes(),
            resident_bytes: (self.resident_bytes)(),
            database_bytes: room.bytes,
            database_free_bytes: room.free_bytes,
        })
    }
}
