//! Turns uploaded bytes into behaviors: checked, compiled or taken from the cache, linked; once for
//! the same bytes, however many ask at a time, and shared by all types that use them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::component::{ComponentInfo, Digest};
use greenroom_core::sandbox::{Behavior, PrepareError, RoomWanted, SandboxEngine};
use greenroom_core::{FailPoint, Limits};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::address_space::{Fitted, fit};
use crate::behavior::{CompiledBehavior, HostParts, linker};
use crate::cache::Cache;
use crate::check::{check_kind, check_size};
use crate::compile::{CompileSettings, compile};
use crate::guest::Guest;
use crate::resident::{Resident, ResidentBytes};
use crate::resources::Resources;
use crate::settings::{self, Reservation};
use crate::ticker::Ticker;
use crate::traps::{is_lack, lacking};
use crate::typed::docs::Docs;
use crate::typed::room::Room;

/// What is known, by digest. Whoever prepares a digest holds its lock.
type Known = HashMap<Digest, Arc<tokio::sync::Mutex<Weak<CompiledBehavior>>>>;

/// The engine: one for a host.
pub struct WasmtimeEngine {
    engine: Engine,
    linker: Arc<Linker<Guest>>,
    limits: Arc<Limits>,
    cache: Arc<Cache>,
    compiler: CompileSettings,
    reservation: Reservation,
    /// Uploads checked and compiled at a time.
    workshop: Semaphore,
    known: Mutex<Known>,
    resources: Arc<Resources>,
    ticker: Arc<Ticker>,
    /// For the arguments of typed calls.
    room: Arc<Room>,
    compiled: AtomicU64,
    loaded: AtomicU64,
}

/// What an engine did and has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Sandboxes alive.
    pub sandboxes: usize,
    /// How many can be: the limit `sandboxes`, or fewer where the kernel has no mappings or address space for more.
    pub sandboxes_max: usize,
    /// Their linear memory and tables together, whether they were used yet or not.
    pub sandbox_bytes: usize,
    /// Components whose code is in memory.
    pub components: usize,
    /// Components compiled since the start.
    pub compiled: u64,
    /// Components whose code was taken from the cache since the start.
    pub loaded: u64,
}

impl WasmtimeEngine {
    /// An engine that keeps compiled code in `cache_folder`.
    ///
    /// # Errors
    /// The machine has no room for the sandboxes that `limits` allow, or the folder can't be used;
    /// the text is for whoever starts the host.
    pub fn new(
        limits: &Limits,
        cache_folder: &Path,
        compiler: CompileSettings,
    ) -> Result<Self, PrepareError> {
        Self::with(limits, cache_folder, compiler, Resident::unwatched())
    }

    /// Like [`WasmtimeEngine::new`]; while the process has used up `memory_bytes` by what `resident_bytes` says,
    /// sandboxes of the types that have most go.
    ///
    /// # Errors
    /// As there.
    pub fn watching(
        limits: &Limits,
        cache_folder: &Path,
        compiler: CompileSettings,
        resident_bytes: ResidentBytes,
    ) -> Result<Self, PrepareError> {
        Self::with(limits, cache_folder, compiler, Resident::watched(limits, resident_bytes))
    }

    fn with(
        limits: &Limits,
        cache_folder: &Path,
        compiler: CompileSettings,
        resident: Resident,
    ) -> Result<Self, PrepareError> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| PrepareError::Failed(format!("{what}: {error:#}"));
        let Fitted { engine, places, reservation } =
            fit(limits).map_err(|error| failed("no room can be set aside for sandboxes", &error))?;
        let resources = Arc::new(Resources::new(places, limits, resident));
        let linker =
            linker(&engine).map_err(|error| failed("the host's functions can't be linked", &error))?;
        let cache = Cache::open(cache_folder, settings::compatibility(&engine), compiler.cache_bytes)
            .map_err(|error| failed("the folder for compiled code can't be used", &error))?;
        let ticker = Ticker::start(&engine).map_err(|error| failed("a thread can't be started", &error))?;
        Ok(WasmtimeEngine {
            engine,
            linker: Arc::new(linker),
            limits: Arc::new(limits.clone()),
            cache: Arc::new(cache),
            workshop: Semaphore::new(compiler.concurrency.max(1)),
            compiler,
            reservation,
            known: Mutex::default(),
            resources,
            ticker: Arc::new(ticker),
            room: Arc::default(),
            compiled: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
        })
    }

    /// What it did and has.
    pub fn figures(&self) -> Figures {
        let known: Vec<_> = self.known.lock().values().cloned().collect();
        let in_use = |slot: &&Arc<tokio::sync::Mutex<Weak<CompiledBehavior>>>| {
            slot.try_lock().is_ok_and(|behavior| behavior.strong_count() > 0)
        };
        Figures {
            sandboxes: self.resources.sandboxes(),
            sandboxes_max: self.resources.sandboxes_max(),
            sandbox_bytes: self.resources.bytes(),
            components: known.iter().filter(in_use).count(),
            compiled: self.compiled.load(Ordering::Relaxed),
            loaded: self.loaded.load(Ordering::Relaxed),
        }
    }

    /// The slot of a digest; those of behaviors that are gone are forgotten on the way.
    fn slot(&self, digest: Digest) -> Arc<tokio::sync::Mutex<Weak<CompiledBehavior>>> {
        let mut known = self.known.lock();
        known.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|behavior| behavior.strong_count() > 0)
        });
        Arc::clone(known.entry(digest).or_default())
    }

    async fn make(&self, digest: Digest, bytes: Bytes) -> Result<CompiledBehavior, PrepareError> {
        let component = if let Some(cached) = self.load(digest).await? {
            self.loaded.fetch_add(1, Ordering::Relaxed);
            cached
        } else {
            let made = self.check_and_compile(digest, bytes.clone()).await?;
            self.compiled.fetch_add(1, Ordering::Relaxed);
            made
        };
        let host = HostParts {
            resources: Arc::clone(&self.resources),
            ticker: Arc::clone(&self.ticker),
            room: Arc::clone(&self.room),
        };
        let linker = Arc::clone(&self.linker);
        off_thread(move || {
            let info = info(digest, bytes.len(), &component);
            CompiledBehavior::new(info, &component, &Docs::of(&bytes), &linker, host)
        })
        .await?
    }

    /// Code that the cache has. Its component was checked before it was compiled.
    async fn load(&self, digest: Digest) -> Result<Option<Component>, PrepareError> {
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        off_thread(move || {
            let Some(code) = cache.get(digest) else { return Ok(None) };
            match load_code(&engine, &code) {
                Ok(component) => Ok(Some(component)),
                Err(error) if is_lack(&error) => Err(lacking(&error)),
                Err(error) => {
                    tracing::warn!(component = %digest, error = %format!("{error:#}"), "compiled code does not load; compiling again");
                    cache.remove(digest);
                    Ok(None)
                }
            }
        })
        .await?
    }

    async fn check_and_compile(&self, digest: Digest, bytes: Bytes) -> Result<Component, PrepareError> {
        check_kind(&bytes).map_err(PrepareError::Rejected)?;
        let _place =
            self.workshop.acquire().await.map_err(|error| PrepareError::Failed(error.to_string()))?;
        let began = Instant::now();
        tracing::info!(component = %digest, bytes = bytes.len(), "compiling a component");
        let code = compile(&self.compiler, &self.limits, self.reservation, bytes).await?;
        tracing::info!(component = %digest, elapsed = ?began.elapsed(), "compiled");
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        off_thread(move || {
            let component = load_code(&engine, &code).map_err(|error| {
                if is_lack(&error) {
                    lacking(&error)
                } else {
                    PrepareError::Failed(format!("what was compiled does not load: {error:#}"))
                }
            })?;
            FailPoint::UploadCompiled.reach();
            if let Err(error) = cache.put(digest, &code) {
                tracing::warn!(component = %digest, %error, "compiled code can't be kept; the next start compiles again");
            }
            FailPoint::UploadCached.reach();
            Ok(component)
        })
        .await?
    }
}

#[async_trait]
impl SandboxEngine for WasmtimeEngine {
    async fn prepare(&self, component: Bytes) -> Result<Arc<dyn Behavior>, PrepareError> {
        check_size(&component, &self.limits).map_err(PrepareError::Rejected)?;
        let hashed = component.clone();
        let digest = off_thread(move || Digest::of(&hashed)).await?;
        let slot = self.slot(digest);
        let mut behavior = slot.lock().await;
        if let Some(behavior) = behavior.upgrade() {
            return Ok(behavior);
        }
        let made = Arc::new(self.make(digest, component).await?);
        *behavior = Arc::downgrade(&made);
        Ok(made)
    }

    fn room_wanted(&self) -> Vec<RoomWanted> {
        self.resources.wanted()
    }
}

fn info(digest: Digest, size: usize, component: &Component) -> ComponentInfo {
    let ty = component.component_type();
    let mut imports: Vec<String> = ty.imports(component.engine()).map(|(name, _)| name.to_owned()).collect();
    imports.sort_unstable();
    ComponentInfo { digest, size_bytes: size as u64, imports }
}

/// Loads machine code, which came from our own compiler just now or from the cache with proof of
/// the same.
fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `Engine::precompile_component` returned in a child of this program:
    // read from its pipe just now, or authenticated by the cache with a key only this user has.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Runs what takes a while and never waits away from the threads that serve actors.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PrepareError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PrepareError::Failed(error.to_string()))
}
