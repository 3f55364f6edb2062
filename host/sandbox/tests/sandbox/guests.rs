//! Guests in WebAssembly text, and engines to run them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::message::{Failure, Message, MessageId, Origin, Payload};
use greenroom_core::sandbox::{Behavior, PrepareError, Sandbox, SandboxEngine as _, Trap};
use greenroom_core::{Address, Limits, Method, SettingsInForce};
use greenroom_sandbox::{CompileSettings, WasmtimeEngine};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::turn::ScriptedTurn;

/// What goes into a guest's core module; what is left empty does nothing.
#[derive(Default)]
pub(crate) struct Guest<'a> {
    /// Imports, globals, functions and data.
    pub(crate) items: &'a str,
    /// The body of `activate`; leaves nothing on the stack.
    pub(crate) activate: &'a str,
    /// The body of `receive`, which answers with its message's payload when it ends; may call
    /// `$answer` with other bytes, and may read `$method` and `$body`.
    pub(crate) receive: &'a str,
    /// The body of `deactivate`.
    pub(crate) deactivate: &'a str,
    /// Pages of memory at the start; 2 when zero.
    pub(crate) pages: u32,
}

impl Guest<'_> {
    fn core(&self) -> String {
        let Guest { items, activate, receive, deactivate, pages } = self;
        let pages = (*pages).max(2);
        // The imports of a module come before everything else it has.
        let (imports, items): (Vec<&str>, Vec<&str>) =
            items.lines().partition(|line| line.trim_start().starts_with("(import"));
        let (imports, items) = (imports.join("\n"), items.join("\n"));
        format!(
            r#"(module
  {imports}
  (memory (export "memory") {pages})
  (global $heap (mut i32) (i32.const 65536))
  {items}
  (func $alloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.and (i32.add (i32.add (global.get $heap) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (loop $more
      (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (br $more))))
    (local.get $at))
  ;; The answer: 16 is the result, then the payload.
  (func $answer (param $at i32) (param $length i32)
    (i32.store (i32.const 28) (local.get $at))
    (i32.store (i32.const 32) (local.get $length)))
  (func $refuse (param $code i32) (param $at i32) (param $length i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (local.get $code))
    (i32.store (i32.const 24) (local.get $at))
    (i32.store (i32.const 28) (local.get $length)))
  (func (export "greenroom:actor/behavior@0.1.0#activate")
    (param $type i32) (param $type_length i32) (param $me i32) (param $me_length i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    {activate}
    (i32.const 16))
  (func (export "greenroom:actor/behavior@0.1.0#receive")
    (param $id i32) (param $id_length i32) (param $method i32) (param $method_length i32)
    (param $media i32) (param $media_length i32) (param $body i32) (param $body_length i32)
    (param $origin i32) (param i32 i32 i32 i32) (param $attempt i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $media))
    (i32.store (i32.const 24) (local.get $media_length))
    (call $answer (local.get $body) (local.get $body_length))
    {receive}
    (i32.const 16))
  (func (export "cabi_post_greenroom:actor/behavior@0.1.0#receive") (param i32)
    (global.set $heap (i32.const 65536)))
  (func (export "greenroom:actor/behavior@0.1.0#deactivate") {deactivate})
)"#
        )
    }

    /// The component.
    pub(crate) fn component(&self) -> Bytes {
        component_of(&self.core(), "actor")
    }

    /// The component, for a world that imports some of WASI.
    pub(crate) fn wasi_component(&self) -> Bytes {
        self.component_of_world("wasi-actor")
    }

    /// The component, for one of the worlds in `tests/wasi-wit`.
    pub(crate) fn component_of_world(&self, world: &str) -> Bytes {
        component_of(&self.core(), world)
    }
}

/// Makes a component of a core module, of one of the worlds in `tests/wasi-wit`.
pub(crate) fn component_of(core: &str, world: &str) -> Bytes {
    let mut module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    let mut resolve = Resolve::default();
    resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
    let package =
        resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wasi-wit/worlds.wit")).unwrap().0;
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap().into()
}

/// Limits that a test reaches quickly.
pub(crate) fn small_limits() -> Limits {
    Limits {
        sandboxes: 16,
        sandbox_memory_bytes: 4 << 20,
        turn_cpu: Duration::from_millis(300),
        payload_bytes: 256 << 10,
        state_value_bytes: 64 << 10,
        ..Limits::default()
    }
}

pub(crate) fn compiler() -> CompileSettings {
    CompileSettings {
        program: env!("CARGO_BIN_EXE_compile-component").into(),
        ..CompileSettings::with_own_program([] as [&str; 0])
    }
}

/// An engine and the folder of its cache.
pub(crate) struct Host {
    pub(crate) engine: WasmtimeEngine,
    pub(crate) folder: tempfile::TempDir,
    /// What its sandboxes get.
    pub(crate) settings: Arc<SettingsInForce>,
}

impl Host {
    pub(crate) fn new(limits: &Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Arc::new(SettingsInForce { limits: limits.clone(), ..SettingsInForce::default() });
        Host { engine: WasmtimeEngine::new(limits, folder.path(), compiler()).unwrap(), folder, settings }
    }

    pub(crate) async fn prepare(&self, component: Bytes) -> Arc<dyn Behavior> {
        self.engine.prepare(component).await.unwrap()
    }

    pub(crate) async fn rejects(&self, component: Bytes) -> String {
        match self.engine.prepare(component).await {
            Err(PrepareError::Rejected(text)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("accepted"),
        }
    }

    /// A sandbox of `component`, and a turn for it.
    pub(crate) async fn start(&self, component: Bytes) -> (Box<dyn Sandbox>, Arc<ScriptedTurn>) {
        let turn = Arc::new(ScriptedTurn::default());
        let behavior = self.prepare(component).await;
        let sandbox = behavior.instantiate(&me(), &self.settings, Arc::clone(&turn) as _).await.unwrap();
        (sandbox, turn)
    }

    /// How making a sandbox of `component` fails.
    pub(crate) async fn fails_to_start(&self, component: Bytes) -> Trap {
        let behavior = self.prepare(component).await;
        let turn = Arc::new(ScriptedTurn::default());
        match behavior.instantiate(&me(), &self.settings, turn).await {
            Err(trap) => trap,
            Ok(_) => panic!("started"),
        }
    }
}

pub(crate) fn me() -> Address {
    Address::parse("task", "task-1").unwrap()
}

pub(crate) fn message(method: &str, body: impl Into<Bytes>) -> Message {
    Message {
        id: MessageId::from_bytes([7; 16]),
        method: Method::new(method).unwrap(),
        payload: Payload::new("text/plain", body),
        origin: Origin::Client,
        attempt: 1,
    }
}

/// One message; the reply's body as text.
pub(crate) async fn ask(
    sandbox: &mut dyn Sandbox,
    turn: &Arc<ScriptedTurn>,
    body: &str,
) -> Result<String, Trap> {
    let reply = sandbox.receive(Arc::clone(turn) as _, message("do", body.to_owned())).await?;
    let body = reply.unwrap_or_else(|Failure { code, message }| panic!("{code:?} {message}")).body;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}
