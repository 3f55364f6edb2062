//! Any guest, from its upload through three calls: a module with the imports and exports of the contract and
//! otherwise whatever the bytes make of it. It is refused, or runs and ends within its limits; the engine
//! goes on, and nothing is left of its sandboxes.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Unstructured;
use bytes::Bytes;
use greenroom_core::message::{CallError, LimitExceeded, Message, MessageId, Origin, Payload};
use greenroom_core::sandbox::{
    Behavior, LogLevel, PrepareError, RawAddress, RawSchedule, ReminderView, SandboxEngine as _, Trap,
    TurnHost,
};
use greenroom_core::{Address, Error, Limits, Method, SettingsInForce, Timestamp};
use greenroom_sandbox::{CompileSettings, WasmtimeEngine};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// The argument that makes this program a compiling child.
pub(crate) const COMPILE: &str = "compile-component";

struct Contract {
    resolve: Resolve,
    world: WorldId,
    /// A module that has all of its imports and exports.
    module: Vec<u8>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_path(wit).expect("the contract is valid");
    let world = resolve.select_world(&[package], Some("actor")).expect("the contract has that world");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    Contract { resolve, world, module }
});

struct Host {
    runtime: Runtime,
    engine: WasmtimeEngine,
    settings: Arc<SettingsInForce>,
    _folder: TempDir,
}

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let limits = Limits {
        sandboxes: 4,
        sandbox_memory_bytes: 4 << 20,
        sandbox_table_elements: 1_000,
        turn_cpu: Duration::from_millis(50),
        payload_bytes: 64 << 10,
        ..Limits::default()
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let compiler = CompileSettings { cache_bytes: 1 << 20, ..CompileSettings::with_own_program([COMPILE]) };
    let engine = WasmtimeEngine::new(&limits, folder.path(), compiler).expect("there is room for an engine");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let settings = Arc::new(SettingsInForce { limits, ..SettingsInForce::default() });
    Host { runtime: runtime.expect("a runtime can be made"), engine, settings, _folder: folder }
});

/// The target.
pub(crate) fn guest(bytes: &[u8]) {
    let Some(component) = component(bytes) else { return };
    let host = &*HOST;
    host.runtime.block_on(async {
        match host.engine.prepare(component.into()).await {
            Ok(behavior) => three_calls(&*behavior, &host.settings).await,
            Err(PrepareError::Rejected(why)) => assert!(!why.is_empty()),
            Err(PrepareError::Lacking(why) | PrepareError::Failed(why)) => panic!("the host failed: {why}"),
        }
    });
    assert_eq!(host.engine.figures().sandboxes, 0);
}

fn component(bytes: &[u8]) -> Option<Vec<u8>> {
    let contract = &*CONTRACT;
    let config = wasm_smith::Config {
        available_imports: Some(contract.module.clone()),
        exports: Some(contract.module.clone()),
        disallow_traps: bytes.first().is_some_and(|byte| byte & 1 == 1),
        allow_start_export: bytes.first().is_some_and(|byte| byte & 6 == 6),
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        max_memory32_bytes: 8 << 20,
        max_table_elements: 2_000,
        ..wasm_smith::Config::default()
    };
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(bytes)).ok()?.to_bytes();
    let Contract { resolve, world, .. } = contract;
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().module(&module).ok()?.encode().ok()
}

async fn three_calls(behavior: &dyn Behavior, settings: &Arc<SettingsInForce>) {
    let me = Address::parse("task", "task-1").expect("both are names");
    let turn: Arc<dyn TurnHost> = Arc::new(Turn::default());
    for attempt in 1..=3 {
        let mut sandbox = match behavior.instantiate(&me, settings, Arc::clone(&turn)).await {
            Ok(sandbox) => sandbox,
            Err(trap) => return assert_guests_fault(&trap),
        };
        assert!(sandbox.memory_bytes() <= settings.limits.sandbox_memory_bytes);
        match sandbox.activate(Arc::clone(&turn), &me).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => continue,
            Err(trap) => {
                assert_guests_fault(&trap);
                continue;
            }
        }
        let message = Message {
            id: MessageId::from_bytes([7; 16]),
            method: Method::new("do").expect("it is a name"),
            payload: Payload::new("text/plain", "hello"),
            origin: Origin::Client,
            attempt,
        };
        match sandbox.receive(Arc::clone(&turn), message).await {
            Ok(Ok(reply)) => assert!(reply.body.len() <= settings.limits.payload_bytes),
            Ok(Err(_)) => {}
            Err(trap) => {
                assert_guests_fault(&trap);
                let again = sandbox.deactivate(Arc::clone(&turn)).await;
                assert!(matches!(again, Err(Trap::Crashed(_))), "it was entered again: {again:?}");
            }
        }
        assert!(sandbox.memory_bytes() <= settings.limits.sandbox_memory_bytes);
    }
}

fn assert_guests_fault(trap: &Trap) {
    assert!(!matches!(trap, Trap::Host(_) | Trap::NoRoom), "the host is to blame: {trap:?}");
}

/// A turn that keeps a state, and answers everything else in the simplest way.
#[derive(Default)]
struct Turn {
    state: Mutex<std::collections::BTreeMap<String, Bytes>>,
}

type Answer<T> = Result<T, Error>;

#[async_trait::async_trait]
impl TurnHost for Turn {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    async fn state_get(&self, key: String) -> Answer<Option<Bytes>> {
        Ok(self.state.lock().get(&key).cloned())
    }

    async fn state_set(&self, key: String, value: Bytes) -> Answer<Result<(), LimitExceeded>> {
        let mut state = self.state.lock();
        if state.len() == 100 {
            return Ok(Err(LimitExceeded("state_bytes".into())));
        }
        state.insert(key, value);
        Ok(Ok(()))
    }

    async fn state_delete(&self, key: String) -> Answer<bool> {
        Ok(self.state.lock().remove(&key).is_some())
    }

    async fn state_keys(&self, _: String, _: Option<String>, limit: u32) -> Answer<Vec<String>> {
        Ok(self.state.lock().keys().take(limit as usize).cloned().collect())
    }

    async fn call(&self, _: RawAddress, _: String, payload: Payload) -> Answer<Result<Payload, CallError>> {
        Ok(Ok(payload))
    }

    async fn send(&self, _: RawAddress, _: String, _: Payload, _: u64) -> Answer<Result<(), LimitExceeded>> {
        Ok(Ok(()))
    }

    fn reminder_set(
        &self,
        _: String,
        _: RawSchedule,
        _: String,
        _: Payload,
    ) -> Answer<Result<(), LimitExceeded>> {
        Ok(Ok(()))
    }

    fn reminder_cancel(&self, _: String) -> Answer<bool> {
        Ok(false)
    }

    fn reminder_list(&self) -> Answer<Vec<ReminderView>> {
        Ok(Vec::new())
    }

    fn timer_set(
        &self,
        _: String,
        _: RawSchedule,
        _: String,
        _: Payload,
    ) -> Answer<Result<(), LimitExceeded>> {
        Ok(Ok(()))
    }

    fn timer_cancel(&self, _: String) -> Answer<bool> {
        Ok(false)
    }

    fn log(&self, _: LogLevel, _: &str) {}
}
