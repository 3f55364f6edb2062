//! Actor types: which version of each is active, the code of it, and the settings in force.
//!
//! The code of a version is prepared when it is first needed and kept while there is room for it; a deployment and an
//! activation prepare it before it becomes active, so a component that can't be compiled never does. An actor
//! meets another version, or other settings, at its next turn.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use futures::FutureExt as _;
use greenroom_core::sandbox::{Behavior, Environment, PrepareError, RoomWanted, SandboxEngine};
use greenroom_core::settings::SettingView;
use greenroom_core::store::{ActorTypeRecord, Store, StoreError, StoreResult, VersionRecord};
use greenroom_core::{ActorType, Clock, Code, Error, FailPoint, Limits, SettingsInForce};
use greenroom_metrics::TypeMetrics;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::code_room::{CodeRoom, LoadedCode};
use crate::view::Deployment;

/// One version of an actor type that runs, under settings that never change: other settings make
/// another one of these.
pub(crate) struct Version {
    pub(crate) record: VersionRecord,
    pub(crate) settings: Arc<SettingsInForce>,
    /// What is counted of the type's turns; other versions count on.
    pub(crate) metrics: Arc<TypeMetrics>,
    code: Arc<Prepared>,
}

/// Bytes of code expected for each byte of a component that was not loaded before.
const CODE_PER_BYTE: u64 = 4;

type Preparing = JoinHandle<Result<LoadedCode, Error>>;

/// The code of a version, while it is prepared.
#[derive(Default)]
struct Prepared {
    code: ArcSwapOption<LoadedCode>,
    /// How much memory it took when it was there last; 0 before.
    bytes: AtomicU64,
    /// Prepares it. A task of its own: whoever waits for it may have less time than it takes.
    under_way: Mutex<Option<Preparing>>,
}

impl Prepared {
    fn with(code: LoadedCode) -> Arc<Self> {
        let prepared = Prepared::default();
        prepared.put(Arc::new(code));
        Arc::new(prepared)
    }

    fn put(&self, code: Arc<LoadedCode>) {
        self.bytes.store(code.behavior.code_bytes(), Ordering::Relaxed);
        self.code.store(Some(code));
    }

    /// How much memory the code of a component is expected to take.
    fn expected_bytes(&self, component: &[u8]) -> u64 {
        match self.bytes.load(Ordering::Relaxed) {
            0 => CODE_PER_BYTE * component.len() as u64,
            known => known,
        }
    }
}

type Active = HashMap<ActorType, Arc<Version>, ahash::RandomState>;

impl Version {
    /// Its code, if it is in memory.
    pub(crate) fn prepared(&self) -> Option<Arc<dyn Behavior>> {
        self.code.code.load().as_ref().map(|code| Arc::clone(&code.behavior))
    }
}

/// See the [module](self).
pub(crate) struct Types {
    store: Arc<dyn Store>,
    engine: Arc<dyn SandboxEngine>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    environments: BTreeMap<ActorType, Environment>,
    code_room: Arc<CodeRoom>,
    /// Every message looks here and hardly any changes it: reading it writes to no memory that processors share.
    active: ArcSwap<Active>,
    /// Held while what is deployed changes.
    changing: Mutex<()>,
}

impl Types {
    /// Reads what is deployed.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        engine: Arc<dyn SandboxEngine>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        environments: BTreeMap<ActorType, Environment>,
    ) -> Result<Self, Error> {
        let types = Types {
            store,
            engine,
            clock,
            code_room: CodeRoom::new(limits.code_bytes),
            limits,
            environments,
            active: ArcSwap::default(),
            changing: Mutex::default(),
        };
        for record in types.store.actor_types().await? {
            types.install(&record, Arc::default());
        }
        Ok(types)
    }

    /// For which types room is wanted that idle sandboxes could make.
    pub(crate) fn room_wanted(&self) -> Vec<RoomWanted> {
        [self.engine.room_wanted(), self.code_room.wanted()].concat()
    }

    /// How many bytes of code are in memory.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.code_room.bytes()
    }

    /// Lets code go that no sandbox runs, the least recently used first, until so much more fits or none is left.
    fn make_room_for_code(&self, charge: u64) {
        let active = self.active.load();
        let unused = |version: &Arc<Version>| {
            let since = version.code.code.load().as_ref()?.unused_since()?;
            Some((since, Arc::clone(version)))
        };
        let mut unused: Vec<_> = active.values().filter_map(unused).collect();
        unused.sort_unstable_by_key(|(since, _)| *since);
        for (_, version) in unused {
            if self.code_room.has(charge) {
                break;
            }
            tracing::debug!(digest = %version.record.component.digest, "the code of a component leaves memory");
            version.code.code.store(None);
        }
    }

    /// The version that new turns of that type run.
    pub(crate) fn active(&self, actor_type: &ActorType) -> Result<Arc<Version>, Error> {
        self.active.load().get(actor_type).map(Arc::clone).ok_or_else(|| unknown(actor_type))
    }

    /// The version that new turns of that type run, if it is not `known`.
    pub(crate) fn active_unless(
        &self,
        actor_type: &ActorType,
        known: &Arc<Version>,
    ) -> Result<Option<Arc<Version>>, Error> {
        let active = self.active.load();
        let version = active.get(actor_type).ok_or_else(|| unknown(actor_type))?;
        Ok((!Arc::ptr_eq(version, known)).then(|| Arc::clone(version)))
    }

    /// What `look` sees in the settings of a type.
    pub(crate) fn with_settings<T>(
        &self,
        actor_type: &ActorType,
        look: impl FnOnce(&SettingsInForce) -> T,
    ) -> Result<T, Error> {
        let active = self.active.load();
        active.get(actor_type).map(|version| look(&version.settings)).ok_or_else(|| unknown(actor_type))
    }

    /// Whether anything is deployed under that name.
    pub(crate) fn check(&self, actor_type: &ActorType) -> Result<(), Error> {
        self.with_settings(actor_type, |_| ())
    }

    /// The names under which something is deployed.
    pub(crate) fn names(&self) -> Vec<ActorType> {
        let mut names: Vec<_> = self.active.load().keys().cloned().collect();
        names.sort();
        names
    }

    /// What is counted of each type.
    pub(crate) fn metrics(&self) -> Vec<(ActorType, Arc<TypeMetrics>)> {
        let active = self.active.load();
        let mut metrics: Vec<_> =
            active.iter().map(|(name, version)| (name.clone(), Arc::clone(&version.metrics))).collect();
        metrics.sort_by(|one, other| one.0.cmp(&other.0));
        metrics
    }

    /// The code of a version, prepared now if it is not in memory. Cancel safe: what was begun goes on, and the
    /// next who asks waits for the rest of it.
    ///
    /// # Errors
    /// `overloaded` while there is no room for it; what [`Self::component`] tells; `activation-failed` when it can't be
    /// prepared.
    pub(crate) async fn code(
        &self,
        actor_type: &ActorType,
        version: &Version,
    ) -> Result<Arc<LoadedCode>, Error> {
        if let Some(code) = version.code.code.load_full() {
            return Ok(code);
        }
        let mut under_way = version.code.under_way.lock().await;
        if let Some(code) = version.code.code.load_full() {
            return Ok(code);
        }
        if under_way.is_none() {
            *under_way = Some(self.begin_to_prepare(actor_type, version).await?);
        }
        let task = under_way.as_mut().expect("it is there, or was put there above");
        let prepared = task.await;
        *under_way = None;
        let panicked =
            |_| Error::new(Code::Internal, "preparing a component panicked; the host's log says why");
        let code = Arc::new(prepared.map_err(panicked)??);
        version.code.put(Arc::clone(&code));
        Ok(code)
    }

    async fn begin_to_prepare(&self, actor_type: &ActorType, version: &Version) -> Result<Preparing, Error> {
        let digest = version.record.component.digest;
        let component = self.component(actor_type, &version.record).await?;
        let about = (digest, version.code.expected_bytes(&component));
        let room = self.code_room.take(actor_type, about, |charge| self.make_room_for_code(charge)).await?;
        let engine = Arc::clone(&self.engine);
        Ok(tokio::spawn(async move {
            let prepared = engine.prepare(component).await.map_err(|error| {
                told(error, |why| {
                    tracing::error!(%digest, error = why, "a deployed component can't be prepared");
                    Error::new(
                        Code::ActivationFailed,
                        "the deployed component can't be prepared; deploy it again",
                    )
                })
            });
            Ok(LoadedCode::new(prepared?, room))
        }))
    }

    /// The bytes of a version that was found deployed.
    pub(crate) async fn component(
        &self,
        actor_type: &ActorType,
        version: &VersionRecord,
    ) -> Result<Bytes, Error> {
        let digest = &version.component.digest;
        if let Some(component) = self.store.component(digest).await? {
            return Ok(component);
        }
        // It may have been taken away since it was found.
        let record = self.record(actor_type).await?;
        if record.version(version.number).is_none_or(|now| now.component.digest != *digest) {
            return Err(changed_meanwhile(actor_type, version.number));
        }
        tracing::error!(%digest, "a deployed component is missing in the store");
        Err(Error::new(Code::Internal, "the deployed component is missing; deploy it again"))
    }

    /// Checks and compiles a component. When that is given up, nothing is left of it.
    pub(crate) async fn prepare(&self, component: Bytes) -> Result<Arc<dyn Behavior>, Error> {
        let prepared = self.engine.prepare(component).await;
        prepared.map_err(|error| told(error, |why| Error::new(Code::ComponentRejected, why)))
    }

    /// Prepares a version that is kept, to be activated. When that is given up, nothing is left of it.
    pub(crate) async fn prepare_again(
        &self,
        actor_type: &ActorType,
        number: u32,
    ) -> Result<Arc<dyn Behavior>, Error> {
        let record = self.record(actor_type).await?;
        let Some(version) = record.version(number) else { return Err(no_version(&record, number)) };
        let component = self.component(actor_type, version).await?;
        let prepared = self.engine.prepare(component).await;
        prepared.map_err(|error| {
            told(error, |why| {
                tracing::error!(%actor_type, version = number, error = why, "a version can't be prepared");
                Error::new(
                    Code::ActivationFailed,
                    format!("version {number} can't be prepared, so the active one stays; deploy it again"),
                )
            })
        })
    }

    /// Makes a component, and what was prepared of it, the active version.
    pub(crate) async fn deploy(
        &self,
        _changing: MutexGuard<'_, ()>,
        actor_type: &ActorType,
        component: &Bytes,
        behavior: Arc<dyn Behavior>,
    ) -> Result<Deployment, Error> {
        // What is stored counts: a change whose outcome was unknown may have been made.
        match self.record(actor_type).await {
            Ok(record) => {
                let active =
                    record.active().filter(|active| active.component.digest == behavior.info().digest);
                if let Some(active) = active {
                    self.follow(&record);
                    return Ok(Deployment { created: false, version: active.clone() });
                }
            }
            Err(error) if error.code == Code::UnknownActorType => {}
            Err(error) => return Err(error),
        }
        FailPoint::UploadPrepared.reach();
        let (versions_max, now) = (self.limits.versions_per_type, self.clock.now());
        let storing = async {
            let stored = self.store.deploy(actor_type, behavior.info(), component, versions_max, now).await;
            FailPoint::UploadStored.reach();
            stored
        };
        let record = self.settle(actor_type, storing).await?;
        let version = self.install(&record, self.loaded(behavior));
        let version = version.ok_or_else(|| Error::new(Code::Internal, "the new version was not stored"))?;
        tracing::info!(%actor_type, version = version.record.number, digest = %version.record.component.digest, "deployed");
        Ok(Deployment { created: true, version: version.record.clone() })
    }

    /// Makes another version the active one, of which this was [prepared](Self::prepare_again).
    pub(crate) async fn activate(
        &self,
        actor_type: &ActorType,
        number: u32,
        behavior: Arc<dyn Behavior>,
    ) -> Result<(), Error> {
        let _changing = self.changing().await;
        // Preparing takes a while, and the version may have gone, or be another one, since.
        let record = self.record(actor_type).await?;
        if record.version(number).is_none_or(|version| version.component.digest != behavior.info().digest) {
            return Err(changed_meanwhile(actor_type, number));
        }
        if record.active_version == number {
            self.follow(&record);
            return Ok(());
        }
        let storing = async {
            let stored = self.store.activate_version(actor_type, number).await;
            FailPoint::ActivateStored.reach();
            stored
        };
        let record = self.settle(actor_type, storing).await?.ok_or_else(|| unknown(actor_type))?;
        self.install(&record, self.loaded(behavior));
        tracing::info!(%actor_type, version = number, before = record.previous_version, "activated");
        Ok(())
    }

    /// Changes the settings of a type by a JSON Merge Patch.
    pub(crate) async fn change_settings(&self, actor_type: &ActorType, patch: &Value) -> Result<(), Error> {
        let _changing = self.changing().await;
        let settings = self.record(actor_type).await?.settings;
        let settings = settings
            .patched(patch, &self.limits)
            .map_err(|invalid| Error::new(Code::InvalidRequest, invalid.to_string()))?;
        let storing = self.store.set_settings(actor_type, &settings);
        let record = self.settle(actor_type, storing).await?.ok_or_else(|| unknown(actor_type))?;
        self.install(&record, self.prepared_for(&record));
        tracing::info!(%actor_type, "settings changed");
        Ok(())
    }

    /// Every setting of a type.
    pub(crate) async fn settings(&self, actor_type: &ActorType) -> Result<Vec<SettingView>, Error> {
        let record = self.record(actor_type).await?;
        let environment = self.environments.get(actor_type).unwrap_or(&NO_VARIABLES);
        Ok(record.settings.shown(&self.limits, environment))
    }

    async fn record(&self, actor_type: &ActorType) -> Result<ActorTypeRecord, Error> {
        self.stored(actor_type).await?.ok_or_else(|| unknown(actor_type))
    }

    /// What is stored of a type.
    pub(crate) async fn stored(&self, actor_type: &ActorType) -> StoreResult<Option<ActorTypeRecord>> {
        let records = self.store.actor_types().await?;
        Ok(records.into_iter().find(|record| record.name == *actor_type))
    }

    /// Waits until nobody else changes what is deployed; nobody does as long as what this returns lives.
    pub(crate) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// From now on nothing is deployed under that name, whatever is stored. For who is changing it.
    pub(crate) fn close(&self, actor_type: &ActorType) {
        self.change_active(|active| drop(active.remove(actor_type)));
    }

    /// Undoes [`Self::close`]: turns run what they ran before, if they did.
    pub(crate) fn reopen(&self, actor_type: &ActorType, before: Option<Arc<Version>>) {
        if let Some(version) = before {
            self.change_active(|active| drop(active.insert(actor_type.clone(), Arc::clone(&version))));
        }
    }

    /// Makes a change of a type in the store. When nobody says whether it was made, what is stored now is what
    /// turns run: a node must not go on with one version and begin with another.
    async fn settle<T>(
        &self,
        actor_type: &ActorType,
        storing: impl Future<Output = StoreResult<T>>,
    ) -> Result<T, Error> {
        let panicked = |_| Err(StoreError::Unknown("changing an actor type panicked".into()));
        let stored = AssertUnwindSafe(storing).catch_unwind().await.unwrap_or_else(panicked);
        if let Err(StoreError::Unknown(_)) = &stored
            && let Ok(record) = self.record(actor_type).await
        {
            self.follow(&record);
        }
        Ok(stored?)
    }

    /// Lets turns run what is stored, if they run anything else.
    pub(crate) fn follow(&self, record: &ActorTypeRecord) {
        let environment = self.environments.get(&record.name).unwrap_or(&NO_VARIABLES);
        let runs_it = self.active(&record.name).is_ok_and(|version| {
            Some(&version.record) == record.active()
                && *version.settings == record.settings.in_force(&self.limits, environment)
        });
        if !runs_it {
            self.install(record, self.prepared_for(record));
        }
    }

    /// Code that was prepared to become active. If there is too much of it, what nobody uses goes after that.
    fn loaded(&self, behavior: Arc<dyn Behavior>) -> Arc<Prepared> {
        Prepared::with(self.code_room.hold(behavior))
    }

    /// The code of the active version, if it is prepared already.
    fn prepared_for(&self, record: &ActorTypeRecord) -> Arc<Prepared> {
        let runs = self.active(&record.name).ok().filter(|version| Some(&version.record) == record.active());
        runs.map_or_else(Arc::default, |version| Arc::clone(&version.code))
    }

    /// From now on, turns of the type run what `record` says.
    fn install(&self, record: &ActorTypeRecord, code: Arc<Prepared>) -> Option<Arc<Version>> {
        let environment = self.environments.get(&record.name).unwrap_or(&NO_VARIABLES);
        let before = self.active(&record.name).ok();
        let version = Arc::new(Version {
            record: record.active()?.clone(),
            metrics: before.map_or_else(Arc::default, |before| Arc::clone(&before.metrics)),
            settings: Arc::new(record.settings.in_force(&self.limits, environment)),
            code,
        });
        self.change_active(|active| drop(active.insert(record.name.clone(), Arc::clone(&version))));
        self.make_room_for_code(0);
        Some(version)
    }

    fn change_active(&self, change: impl Fn(&mut Active)) {
        self.active.rcu(|active| {
            let mut changed = Active::clone(active);
            change(&mut changed);
            changed
        });
    }
}

/// What guests see of a type of which the host's configuration says nothing.
static NO_VARIABLES: Environment = Environment::new();

/// What whoever waits for a component is told; `rejected` says it where the component is at fault.
fn told(error: PrepareError, rejected: impl FnOnce(String) -> Error) -> Error {
    match error {
        PrepareError::Rejected(why) => rejected(why),
        PrepareError::Lacking(why) => {
            tracing::warn!(why, "the host lacks what it needs to prepare a component");
            Error::new(Code::Overloaded, why)
        }
        PrepareError::Failed(why) => {
            tracing::error!(error = why, "preparing a component failed");
            Error::new(Code::Internal, "the component could not be prepared; the host's log says why")
        }
    }
}

fn no_version(record: &ActorTypeRecord, number: u32) -> Error {
    let kept: Vec<String> = record.versions.iter().map(|version| version.number.to_string()).collect();
    Error::new(
        Code::NotFound,
        format!("{} has no version {number}; it has {} (versions_per_type)", record.name, kept.join(", ")),
    )
}

fn changed_meanwhile(actor_type: &ActorType, number: u32) -> Error {
    Error::new(
        Code::VersionConflict,
        format!("{actor_type} changed, and its version {number} is gone; look at its versions"),
    )
}

/// The error of whatever needs a type that is not deployed.
pub(crate) fn unknown(actor_type: &ActorType) -> Error {
    Error::new(
        Code::UnknownActorType,
        format!(
            "nothing is deployed under the actor type {actor_type}; deploy a component under that name first"
        ),
    )
}
