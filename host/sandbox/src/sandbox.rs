//! One component instance at work. Calls go through one door, [`Instance::enter`], which no guest
//! passes again once it has trapped or its call was dropped unfinished: what such a call leaves
//! behind in memory is not known.

use std::sync::Arc;

use async_trait::async_trait;
use greenroom_core::message::{Failure, Message, Payload};
use greenroom_core::sandbox::{Sandbox, Trap, TurnHost};
use greenroom_core::{Address, Limits};
use wasmtime::Store;
use wasmtime::component::{Instance as WasmInstance, TypedFunc};

use crate::behavior::Exports;
use crate::bindings::greenroom::actor::types;
use crate::guest::Guest;
use crate::meter::Panicked;
use crate::seats::Seat;
use crate::traps::{host_panicked, trap_of};
use crate::wire::{AddressIn, MessageIn, PayloadWire};

/// The guest's three functions.
struct Functions {
    activate: TypedFunc<(AddressIn,), (Result<(), types::Failure>,)>,
    receive: TypedFunc<(MessageIn,), (Result<PayloadWire, types::Failure>,)>,
    deactivate: TypedFunc<(), ()>,
}

/// A component instance, its store, and its place among the host's sandboxes.
pub(crate) struct Instance {
    store: Store<Guest>,
    functions: Functions,
    limits: Arc<Limits>,
    /// Whether a call ended in a trap or did not end.
    unfit: bool,
    _seat: Seat,
}

/// Runs `call` within `turn`, measured; any error is a trap.
async fn run<T>(
    store: &mut Store<Guest>,
    limits: &Limits,
    turn: Arc<dyn TurnHost>,
    call: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
) -> Result<T, Trap> {
    store.data_mut().begin_turn(turn);
    store.set_epoch_deadline(1);
    let meter = Arc::clone(&store.data().meter);
    let outcome = meter.measure(call(store)).await;
    store.data_mut().end_turn();
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(trap_of(&error, store.data().limiter.refused(), limits)),
        Err(Panicked(said)) => Err(host_panicked(said.as_ref())),
    }
}

impl Instance {
    /// Makes an instance in `store`; its initialisers run within `turn`.
    pub(crate) async fn make(
        mut store: Store<Guest>,
        exports: &Exports,
        limits: Arc<Limits>,
        seat: Seat,
        turn: Arc<dyn TurnHost>,
    ) -> Result<Self, Trap> {
        let functions = run(&mut store, &limits, turn, async |store| {
            let instance = exports.instance.instantiate_async(&mut *store).await?;
            Functions::of(&instance, store, exports)
        })
        .await?;
        Ok(Instance { store, functions, limits, unfit: false, _seat: seat })
    }

    async fn enter<T>(
        &mut self,
        turn: Arc<dyn TurnHost>,
        call: impl AsyncFnOnce(&mut Store<Guest>, &Functions) -> wasmtime::Result<T>,
    ) -> Result<T, Trap> {
        // Set before the call and taken back after it: a dropped call never takes it back.
        if std::mem::replace(&mut self.unfit, true) {
            return Err(Trap::Crashed("this sandbox stopped in the middle of a call and can't go on".into()));
        }
        let functions = &self.functions;
        let value =
            run(&mut self.store, &self.limits, turn, async |store| call(store, functions).await).await?;
        self.unfit = false;
        Ok(value)
    }
}

impl Functions {
    fn of(instance: &WasmInstance, store: &mut Store<Guest>, exports: &Exports) -> wasmtime::Result<Self> {
        Ok(Functions {
            activate: instance.get_typed_func(&mut *store, exports.activate)?,
            receive: instance.get_typed_func(&mut *store, exports.receive)?,
            deactivate: instance.get_typed_func(&mut *store, exports.deactivate)?,
        })
    }
}

#[async_trait]
impl Sandbox for Instance {
    async fn activate(&mut self, turn: Arc<dyn TurnHost>, me: &Address) -> Result<Result<(), Failure>, Trap> {
        let me = AddressIn::from(me);
        let (answer,) =
            self.enter(turn, async |store, guest| guest.activate.call_async(store, (me,)).await).await?;
        Ok(answer.map_err(Into::into))
    }

    async fn receive(
        &mut self,
        turn: Arc<dyn TurnHost>,
        message: Message,
    ) -> Result<Result<Payload, Failure>, Trap> {
        let message = MessageIn::from(message);
        let (answer,) =
            self.enter(turn, async |store, guest| guest.receive.call_async(store, (message,)).await).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    async fn deactivate(&mut self, turn: Arc<dyn TurnHost>) -> Result<(), Trap> {
        self.enter(turn, async |store, guest| guest.deactivate.call_async(store, ()).await).await
    }

    fn memory_bytes(&self) -> usize {
        self.store.data().limiter.memory_bytes()
    }
}
