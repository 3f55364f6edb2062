//! A sandbox whose guest is a Rust function: what a turn does is written in the test.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use greenroom_core::sandbox::{Behavior, PrepareError, Sandbox, SandboxEngine, Trap, TurnHost};
use greenroom_core::{Address, ComponentInfo, Digest, Failure, Message, Payload, SettingsInForce};
use parking_lot::Mutex;

/// What a scripted guest sees of one turn.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) me: Address,
    pub(crate) host: Arc<dyn TurnHost>,
    pub(crate) message: Message,
    /// What the sandbox was made with.
    pub(crate) settings: Arc<SettingsInForce>,
    /// The guest's own memory: gone with its sandbox.
    pub(crate) memory: Arc<Mutex<u64>>,
}

pub(crate) type Answer = Result<Result<Payload, Failure>, Trap>;
pub(crate) type Script = Arc<dyn Fn(Scene) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Makes a script of an async function.
pub(crate) fn script<F>(run: impl Fn(Scene) -> F + Send + Sync + 'static) -> Script
where
    F: Future<Output = Answer> + Send + 'static,
{
    Arc::new(move |scene| Box::pin(run(scene)))
}

/// Counts what happens to sandboxes.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) made: AtomicUsize,
    pub(crate) alive: AtomicUsize,
    pub(crate) deactivated: AtomicUsize,
}

/// Component bytes are a name; the script of that name is what they do. A component whose name is
/// not known is rejected.
#[derive(Clone, Default)]
pub(crate) struct ScriptedEngine {
    pub(crate) scripts: Arc<Mutex<HashMap<String, Script>>>,
    pub(crate) counts: Arc<Counts>,
    /// How long it takes to prepare a component.
    pub(crate) prepares_for: Arc<Mutex<Duration>>,
    /// What the host lacks to prepare one.
    pub(crate) lacks: Arc<Mutex<Option<String>>>,
}

impl ScriptedEngine {
    pub(crate) fn add(&self, name: &str, script: Script) -> Bytes {
        self.scripts.lock().insert(name.to_owned(), script);
        Bytes::from(name.to_owned())
    }
}

#[async_trait]
impl SandboxEngine for ScriptedEngine {
    async fn prepare(&self, component: Bytes) -> Result<Arc<dyn Behavior>, PrepareError> {
        let takes = *self.prepares_for.lock();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        if let Some(what) = self.lacks.lock().clone() {
            return Err(PrepareError::Lacking(what));
        }
        let name = String::from_utf8_lossy(&component).into_owned();
        let script = self.scripts.lock().get(&name).cloned();
        let script = script.ok_or_else(|| PrepareError::Rejected(format!("no script {name}")))?;
        let info = ComponentInfo {
            digest: Digest::of(&component),
            size_bytes: component.len() as u64,
            imports: Vec::new(),
        };
        Ok(Arc::new(ScriptedBehavior { info, script, counts: Arc::clone(&self.counts) }))
    }
}

struct ScriptedBehavior {
    info: ComponentInfo,
    script: Script,
    counts: Arc<Counts>,
}

#[async_trait]
impl Behavior for ScriptedBehavior {
    fn info(&self) -> &ComponentInfo {
        &self.info
    }

    async fn instantiate(
        &self,
        me: &Address,
        settings: &Arc<SettingsInForce>,
        _: Arc<dyn TurnHost>,
    ) -> Result<Box<dyn Sandbox>, Trap> {
        self.counts.made.fetch_add(1, Ordering::Relaxed);
        self.counts.alive.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(ScriptedSandbox {
            me: me.clone(),
            script: Arc::clone(&self.script),
            settings: Arc::clone(settings),
            memory: Arc::default(),
            counts: Arc::clone(&self.counts),
            stopped: false,
        }))
    }
}

struct ScriptedSandbox {
    me: Address,
    script: Script,
    settings: Arc<SettingsInForce>,
    memory: Arc<Mutex<u64>>,
    counts: Arc<Counts>,
    stopped: bool,
}

impl Drop for ScriptedSandbox {
    fn drop(&mut self) {
        self.counts.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Sandbox for ScriptedSandbox {
    async fn activate(&mut self, host: Arc<dyn TurnHost>, me: &Address) -> Result<Result<(), Failure>, Trap> {
        if me.id.as_str().starts_with("refuses") {
            return Ok(Err(Failure {
                code: greenroom_core::ErrorCode::FailedPrecondition,
                message: "not today".into(),
            }));
        }
        if me.id.as_str().starts_with("notes-activation") {
            let _ = host.state_set("activated".into(), Bytes::from_static(b"yes")).await;
        }
        Ok(Ok(()))
    }

    async fn receive(&mut self, host: Arc<dyn TurnHost>, message: Message) -> Answer {
        assert!(!self.stopped, "a sandbox that stopped was entered again");
        self.stopped = true;
        let settings = Arc::clone(&self.settings);
        let (me, memory) = (self.me.clone(), Arc::clone(&self.memory));
        let scene = Scene { me, host, message, settings, memory };
        let answer = (self.script)(scene).await;
        self.stopped = answer.is_err();
        answer
    }

    async fn deactivate(&mut self, host: Arc<dyn TurnHost>) -> Result<(), Trap> {
        assert!(!self.stopped, "a sandbox that stopped was entered again");
        self.counts.deactivated.fetch_add(1, Ordering::Relaxed);
        if self.me.id.as_str().starts_with("notes-deactivation") {
            let _ = host.state_set("deactivated".into(), Bytes::from_static(b"yes")).await;
        }
        Ok(())
    }

    /// A page, and a mebibyte for everything the guest has counted.
    fn memory_bytes(&self) -> usize {
        (1 << 16) + ((*self.memory.lock() as usize) << 20)
    }
}
