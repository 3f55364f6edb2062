//! One component instance at work. Calls go through one door, [`Instance::enter`], which no guest
//! passes again once it has trapped or its call was dropped unfinished: what such a call leaves
//! behind in memory is not known.

use std::sync::Arc;

use async_trait::async_trait;
use greenroom_core::message::{Failure, Message, Payload};
use greenroom_core::sandbox::{MethodCall, Sandbox, Trap, TurnHost};
use greenroom_core::{Address, Code, Error, Limits, SettingsInForce};
use wasmtime::Store;
use wasmtime::component::{Func, Instance as WasmInstance, TypedFunc};

use crate::behavior::Exports;
use crate::bindings::greenroom::actor::types;
use crate::guest::Guest;
use crate::meter::Panicked;
use crate::resources::Holding;
use crate::ticker::SHORT_SLICE_TICKS;
use crate::traps::{Stop, host_panicked, trap_of};
use crate::typed::answered::answered;
use crate::typed::call::Call;
use crate::typed::interface::Methods;
use crate::wire::{AddressIn, MessageIn, PayloadWire};

type Activate = TypedFunc<(AddressIn,), (Result<(), types::Failure>,)>;
type Receive = TypedFunc<(MessageIn,), (Result<PayloadWire, types::Failure>,)>;

/// The guest's functions: the contract's, as far as it has them, and those of its own.
struct Functions {
    activate: Option<Activate>,
    receive: Option<Receive>,
    deactivate: Option<TypedFunc<(), ()>>,
    instance: WasmInstance,
    methods: Arc<Methods>,
    /// Those that were called before, by their places among the methods.
    called: Vec<Option<Func>>,
}

/// A component instance, its store, and its place among the host's sandboxes.
pub(crate) struct Instance {
    store: Store<Guest>,
    functions: Functions,
    settings: Arc<SettingsInForce>,
    /// Whether a call ended in a trap or did not end.
    unfit: bool,
    /// Given back when the store is gone.
    _holding: Arc<Holding>,
}

/// Runs `call` within `turn`, measured; any error is a trap.
async fn run<T>(
    store: &mut Store<Guest>,
    limits: &Limits,
    turn: Arc<dyn TurnHost>,
    call: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
) -> Result<T, Trap> {
    store.data_mut().begin_turn(turn);
    store.set_epoch_deadline(SHORT_SLICE_TICKS);
    let meter = Arc::clone(&store.data().meter);
    let holding = Arc::clone(store.data().limiter.holding());
    let outcome = meter.measure(holding.watch(call(store))).await;
    store.data_mut().end_turn();
    match outcome {
        // What a guest made the host do at the last counts too.
        Ok(Ok(_)) if meter.is_exhausted() => {
            let error = Stop::CpuLimit.into();
            Err(trap_of(&error, store.data().limiter.refused(), limits))
        }
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(trap_of(&error, store.data().limiter.refused(), limits)),
        Err(Panicked(said)) => Err(host_panicked(said.as_ref())),
    }
}

impl Instance {
    /// Makes an instance in `store`; its initialisers run within `turn`.
    pub(crate) async fn make(
        store: Store<Guest>,
        exports: &Exports,
        settings: Arc<SettingsInForce>,
        holding: Arc<Holding>,
        turn: Arc<dyn TurnHost>,
    ) -> Result<Self, Trap> {
        // In the order in which they are to go, last first.
        let holding = holding;
        let mut store = store;
        let functions = run(&mut store, &settings.limits, turn, async |store| {
            let instance = exports.instance.instantiate_async(&mut *store).await?;
            Functions::of(&instance, store, exports)
        })
        .await?;
        Ok(Instance { store, functions, settings, unfit: false, _holding: holding })
    }

    async fn enter<T>(
        &mut self,
        turn: Arc<dyn TurnHost>,
        call: impl AsyncFnOnce(&mut Store<Guest>, &mut Functions) -> wasmtime::Result<T>,
    ) -> Result<T, Trap> {
        // Set before the call and taken back after it: a dropped call never takes it back.
        if std::mem::replace(&mut self.unfit, true) {
            return Err(Trap::Crashed("this sandbox stopped in the middle of a call and can't go on".into()));
        }
        let functions = &mut self.functions;
        let value =
            run(&mut self.store, &self.settings.limits, turn, async |store| call(store, functions).await)
                .await?;
        self.unfit = false;
        Ok(value)
    }
}

impl Functions {
    fn of(instance: &WasmInstance, store: &mut Store<Guest>, exports: &Exports) -> wasmtime::Result<Self> {
        let (activate, receive, deactivate) = (exports.activate, exports.receive, exports.deactivate);
        Ok(Functions {
            activate: activate.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            receive: receive.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            deactivate: deactivate.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            instance: *instance,
            methods: Arc::clone(&exports.methods),
            called: Vec::new(),
        })
    }

    /// The function of a method, looked up when it is first called.
    fn method(&mut self, store: &mut Store<Guest>, place: usize) -> wasmtime::Result<Func> {
        self.called.resize(self.methods.len(), None);
        if let Some(function) = self.called[place] {
            return Ok(function);
        }
        let export = self.methods.get(place).export;
        let function = self.instance.get_func(store, export);
        let function = function.ok_or_else(|| wasmtime::format_err!("a method is no function"))?;
        self.called[place] = Some(function);
        Ok(function)
    }
}

#[async_trait]
impl Sandbox for Instance {
    async fn activate(&mut self, turn: Arc<dyn TurnHost>, me: &Address) -> Result<Result<(), Failure>, Trap> {
        let Some(activate) = self.functions.activate else { return Ok(Ok(())) };
        let me = AddressIn::from(me);
        let (answer,) = self.enter(turn, async |store, _| activate.call_async(store, (me,)).await).await?;
        Ok(answer.map_err(Into::into))
    }

    async fn receive(
        &mut self,
        turn: Arc<dyn TurnHost>,
        message: Message,
    ) -> Result<Result<Payload, Failure>, Trap> {
        let Some(receive) = self.functions.receive else {
            return Err(Trap::Host(Error::new(
                Code::Internal,
                "a message came to a guest without `receive`",
            )));
        };
        let message = MessageIn::from(message);
        let (answer,) =
            self.enter(turn, async |store, _| receive.call_async(store, (message,)).await).await?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    async fn call(
        &mut self,
        turn: Arc<dyn TurnHost>,
        call: MethodCall,
    ) -> Result<Result<Payload, Error>, Trap> {
        let call = call.0.downcast::<Call>().ok();
        let found = call.and_then(|call| Some((call.place_in(&self.functions.methods)?, call)));
        let Some((place, call)) = found else {
            return Err(Trap::Host(Error::new(Code::Internal, "a call came to a guest of other code")));
        };
        let mut results = call.results();
        let results = self
            .enter(turn, async |store, guest| {
                let function = guest.method(store, place)?;
                function.call_async(store, &call.arguments, &mut results).await?;
                Ok(results)
            })
            .await?;
        Ok(answered(call, results, self.settings.limits.payload_bytes).await)
    }

    async fn deactivate(&mut self, turn: Arc<dyn TurnHost>) -> Result<(), Trap> {
        let Some(deactivate) = self.functions.deactivate else { return Ok(()) };
        self.enter(turn, async |store, _| deactivate.call_async(store, ()).await).await
    }

    fn memory_bytes(&self) -> usize {
        self.store.data().limiter.memory_bytes()
    }
}
