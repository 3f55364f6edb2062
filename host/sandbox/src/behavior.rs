//! Compiled code of one component, linked to the host's functions: makes a sandbox in a few
//! microseconds.

use std::sync::Arc;

use async_trait::async_trait;
use greenroom_core::component::ComponentInfo;
use greenroom_core::sandbox::{Behavior, Environment, PrepareError, Sandbox, Trap, TurnHost};
use greenroom_core::{Address, Limits};
use wasmtime::component::{Component, ComponentExportIndex, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::bindings::{Actor, ActorPre};
use crate::guest::Guest;
use crate::offered;
use crate::sandbox::Instance;
use crate::seats::Seats;
use crate::structure::{MEMORIES_MAX, TABLES_MAX};
use crate::traps::Stop;

/// What a guest may hand over in one call besides a body: names, keys, addresses.
const NAMES_BYTES_MAX: usize = 64 << 10;

/// The host's functions, as every component is linked to them.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Actor::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Where a component's functions are.
pub(crate) struct Exports {
    pub(crate) instance: InstancePre<Guest>,
    pub(crate) activate: ComponentExportIndex,
    pub(crate) receive: ComponentExportIndex,
    pub(crate) deactivate: ComponentExportIndex,
}

impl Exports {
    /// Checks the types of everything the component imports and of what it must export.
    fn link(linker: &Linker<Guest>, component: &Component) -> Result<Self, PrepareError> {
        let rejected = |error: wasmtime::Error| PrepareError::Rejected(format!("{error:#}"));
        check_resources(component)?;
        let instance = linker.instantiate_pre(component).map_err(rejected)?;
        ActorPre::new(instance.clone()).map_err(rejected)?;
        let function = |name: &str| {
            let behavior = component.get_export_index(None, offered::BEHAVIOR);
            behavior.and_then(|behavior| component.get_export_index(Some(&behavior), name)).ok_or_else(|| {
                PrepareError::Rejected(format!("{} has no function `{name}`", offered::BEHAVIOR))
            })
        };
        Ok(Exports {
            activate: function("activate")?,
            receive: function("receive")?,
            deactivate: function("deactivate")?,
            instance,
        })
    }
}

/// What each sandbox of the component takes, nested components as often as they are instantiated.
/// Components that import modules, for which this is not known, are not offered those.
fn check_resources(component: &Component) -> Result<(), PrepareError> {
    let Some(needed) = component.resources_required() else { return Ok(()) };
    let counts = [("memories", needed.num_memories, MEMORIES_MAX), ("tables", needed.num_tables, TABLES_MAX)];
    for (what, count, bound) in counts {
        if count as usize > bound {
            let text = format!("the component makes {count} {what}, beyond the bound of {bound}");
            return Err(PrepareError::Rejected(text));
        }
    }
    Ok(())
}

/// The code of one component.
pub(crate) struct CompiledBehavior {
    info: ComponentInfo,
    exports: Exports,
    uses_wasi: bool,
    /// Linear memories of each sandbox.
    memories: usize,
    limits: Arc<Limits>,
    seats: Arc<Seats>,
}

impl CompiledBehavior {
    pub(crate) fn new(
        info: ComponentInfo,
        component: &Component,
        linker: &Linker<Guest>,
        limits: Arc<Limits>,
        seats: Arc<Seats>,
    ) -> Result<Self, PrepareError> {
        let uses_wasi = info.imports.iter().any(|name| name.starts_with("wasi:"));
        let exports = Exports::link(linker, component)?;
        let memories = component.resources_required().map_or(1, |needed| needed.num_memories as usize);
        Ok(CompiledBehavior { info, exports, uses_wasi, memories, limits, seats })
    }

    fn store(&self, environment: &Environment) -> Store<Guest> {
        let environment = if self.uses_wasi { environment.clone() } else { Environment::new() };
        let mut store = Store::new(self.exports.instance.engine(), Guest::new(&self.limits, environment));
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(
            self.limits.payload_bytes.max(self.limits.state_value_bytes).saturating_add(NAMES_BYTES_MAX),
        );
        store.epoch_deadline_callback(|store| {
            if store.data().meter.is_exhausted() {
                return Err(Stop::CpuLimit.into());
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

#[async_trait]
impl Behavior for CompiledBehavior {
    fn info(&self) -> &ComponentInfo {
        &self.info
    }

    async fn instantiate(
        &self,
        _me: &Address,
        environment: &Environment,
        turn: Arc<dyn TurnHost>,
    ) -> Result<Box<dyn Sandbox>, Trap> {
        let seat = Seats::take(&self.seats, self.memories).ok_or(Trap::NoRoom)?;
        let store = self.store(environment);
        let instance = Instance::make(store, &self.exports, Arc::clone(&self.limits), seat, turn).await?;
        Ok(Box::new(instance))
    }
}
