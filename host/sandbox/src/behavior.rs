//! Compiled code of one component, linked to the host's functions: makes a sandbox in a few
//! microseconds.

use std::sync::Arc;

use async_trait::async_trait;
use greenroom_core::component::{ComponentInfo, Description};
use greenroom_core::sandbox::{
    Accepted, Behavior, Environment, MethodCall, PrepareError, Sandbox, Trap, TurnHost,
};
use greenroom_core::{Address, Code, Error, Limits, Message, SettingsInForce};
use wasmtime::component::{Component, ComponentExportIndex, HasSelf, InstancePre, Linker, Val};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::bindings::Actor;
use crate::check::no_actor;
use crate::contract;
use crate::guest::Guest;
use crate::offered;
use crate::resources::{Amounts, Holding, Resources};
use crate::sandbox::Instance;
use crate::structure::{MEMORIES_MAX, TABLES_MAX};
use crate::ticker::{LONG_SLICE_TICKS, Ticker};
use crate::traps::{Stop, is_lack, lacking};
use crate::typed::call::Call;
use crate::typed::docs::Docs;
use crate::typed::interface::Methods;
use crate::typed::room::{Room, Share, VALUES_MAX};
use crate::typed::schema::describe;

/// What a guest may hand over in one call besides a body: names, keys, addresses.
const NAMES_BYTES_MAX: usize = 64 << 10;

/// The host's functions, as every component is linked to them.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Actor::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Where a component's functions are; those of the contract as far as it has them.
pub(crate) struct Exports {
    pub(crate) instance: InstancePre<Guest>,
    pub(crate) activate: Option<ComponentExportIndex>,
    pub(crate) receive: Option<ComponentExportIndex>,
    pub(crate) deactivate: Option<ComponentExportIndex>,
    pub(crate) methods: Arc<Methods>,
}

impl Exports {
    /// Checks the types of everything the component imports and of what it must export.
    fn link(linker: &Linker<Guest>, component: &Component, docs: &Docs) -> Result<Self, PrepareError> {
        let rejected = |error: wasmtime::Error| {
            if is_lack(&error) { lacking(&error) } else { PrepareError::Rejected(format!("{error:#}")) }
        };
        check_resources(component)?;
        let instance = linker.instantiate_pre(component).map_err(rejected)?;
        contract::check(component, linker.engine())?;
        let methods = Methods::of(component, linker.engine(), docs).map_err(PrepareError::Rejected)?;
        let behavior = component.get_export_index(None, offered::BEHAVIOR);
        let lifecycle = component.get_export_index(None, offered::LIFECYCLE);
        if behavior.is_none() && methods.is_empty() {
            let ty = component.component_type();
            let exports = ty.exports(linker.engine()).map(|(name, _)| name);
            return Err(PrepareError::Rejected(no_actor(exports)));
        }
        let function = |interface: &Option<ComponentExportIndex>, name: &str| {
            interface.as_ref().and_then(|interface| component.get_export_index(Some(interface), name))
        };
        let around = behavior.or(lifecycle);
        Ok(Exports {
            activate: function(&around, "activate"),
            receive: function(&behavior, "receive"),
            deactivate: function(&around, "deactivate"),
            methods: Arc::new(methods),
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
    code_bytes: u64,
    exports: Exports,
    uses_wasi: bool,
    /// What each sandbox takes from its start.
    amounts: Amounts,
    resources: Arc<Resources>,
    ticker: Arc<Ticker>,
    /// For the arguments of its calls.
    share: Arc<Share>,
}

/// What all behaviors of a host share.
pub(crate) struct HostParts {
    pub(crate) resources: Arc<Resources>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) room: Arc<Room>,
}

impl CompiledBehavior {
    pub(crate) fn new(
        info: ComponentInfo,
        component: &Component,
        docs: &Docs,
        linker: &Linker<Guest>,
        host: HostParts,
    ) -> Result<Self, PrepareError> {
        let uses_wasi = info.imports.iter().any(|name| name.starts_with("wasi:"));
        let exports = Exports::link(linker, component, docs)?;
        // Of a component that imports modules it is not known; it is not offered those.
        let amounts = component.resources_required().map_or_else(Amounts::default, |needed| Amounts {
            memories: needed.num_memories as usize,
            tables: needed.num_tables as usize,
            reserved_bytes: 0,
        });
        let image = component.image_range();
        let code_bytes = image.end.addr() - image.start.addr();
        let share = Share::of(&host.room);
        Ok(CompiledBehavior {
            // The images of its memories hold its data once more.
            code_bytes: code_bytes as u64 + info.size_bytes,
            info,
            exports,
            uses_wasi,
            amounts,
            resources: host.resources,
            ticker: host.ticker,
            share,
        })
    }

    /// What a guest may hand over at once, in the engine's units.
    fn handed_over_max(&self, limits: &Limits) -> usize {
        let plain = limits.payload_bytes.max(limits.state_value_bytes);
        let typed = if self.exports.methods.is_empty() { 0 } else { VALUES_MAX * size_of::<Val>() };
        plain.max(typed).saturating_add(NAMES_BYTES_MAX)
    }

    fn store(&self, settings: &SettingsInForce, holding: Arc<Holding>) -> Store<Guest> {
        let SettingsInForce { limits, environment, .. } = settings;
        let environment = if self.uses_wasi { environment.clone() } else { Environment::new() };
        let guest = Guest::new(limits, environment, holding, Arc::clone(&self.ticker));
        let mut store = Store::new(self.exports.instance.engine(), guest);
        store.limiter_async(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(self.handed_over_max(limits));
        store.epoch_deadline_callback(|store| {
            let guest = store.data();
            if guest.meter.is_exhausted() {
                return Err(Stop::CpuLimit.into());
            }
            if let Some(error) = guest.limiter.holding().has_to_go() {
                return Err(Stop::Turn(error).into());
            }
            if !guest.meter.is_long() {
                return Ok(UpdateDeadline::Continue(1));
            }
            guest.turn()?.becomes_long();
            Ok(UpdateDeadline::Yield(LONG_SLICE_TICKS))
        });
        store
    }
}

#[async_trait]
impl Behavior for CompiledBehavior {
    fn info(&self) -> &ComponentInfo {
        &self.info
    }

    fn code_bytes(&self) -> u64 {
        self.code_bytes
    }

    fn describe(&self) -> Description {
        Description {
            methods: self.exports.methods.iter().map(describe).collect(),
            takes_any_method: self.exports.receive.is_some(),
        }
    }

    fn converts(&self, message: &Message) -> bool {
        self.exports.methods.find(message.method.as_str()).is_some()
    }

    fn accept(&self, message: Message) -> Result<Accepted, Error> {
        let methods = &self.exports.methods;
        match methods.find(message.method.as_str()) {
            Some(place) => {
                let call = Call::new(methods, place, &message, &self.share)?;
                Ok(Accepted::Method(MethodCall(Box::new(call))))
            }
            None if self.exports.receive.is_some() => Ok(Accepted::Message(message)),
            None => Err(Error::new(
                Code::GuestUnimplemented,
                format!("there is no method `{}`; there are {}", message.method, methods.shown()),
            )),
        }
    }

    async fn instantiate(
        &self,
        me: &Address,
        settings: &Arc<SettingsInForce>,
        turn: Arc<dyn TurnHost>,
    ) -> Result<Box<dyn Sandbox>, Trap> {
        let data_bytes = usize::try_from(self.info.size_bytes).unwrap_or(usize::MAX);
        let holding = self.resources.take(&me.actor_type, self.amounts, data_bytes).await?;
        let store = self.store(settings, Arc::clone(&holding));
        let instance = Instance::make(store, &self.exports, Arc::clone(settings), holding, turn).await?;
        Ok(Box::new(instance))
    }
}
