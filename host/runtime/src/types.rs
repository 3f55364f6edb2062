//! Actor types: which version of each is active, and the code of it.
//!
//! The code of a version is prepared when it is first needed and kept; a deployment prepares it
//! before it becomes active, so a component that can't be compiled never does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::sandbox::{Behavior, Environment, PrepareError, SandboxEngine};
use greenroom_core::store::{ActorTypeRecord, Store, Undeployed, VersionRecord};
use greenroom_core::{ActorType, Clock, Code, Digest, Error};
use parking_lot::RwLock;
use tokio::sync::OnceCell;

use crate::view::Deployment;

/// One version of an actor type that runs.
pub(crate) struct Version {
    pub(crate) record: VersionRecord,
    pub(crate) environment: Arc<Environment>,
    behavior: OnceCell<Arc<dyn Behavior>>,
}

impl Version {
    /// Its code, once it was prepared.
    pub(crate) fn prepared(&self) -> Option<&Arc<dyn Behavior>> {
        self.behavior.get()
    }
}

/// See the [module](self).
pub(crate) struct Types {
    store: Arc<dyn Store>,
    engine: Arc<dyn SandboxEngine>,
    clock: Arc<dyn Clock>,
    environments: BTreeMap<ActorType, Arc<Environment>>,
    active: RwLock<HashMap<ActorType, Arc<Version>, ahash::RandomState>>,
    /// Held while what is deployed changes.
    changing: tokio::sync::Mutex<()>,
}

impl Types {
    /// Reads what is deployed.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        engine: Arc<dyn SandboxEngine>,
        clock: Arc<dyn Clock>,
        environments: BTreeMap<ActorType, Environment>,
    ) -> Result<Self, Error> {
        let environments =
            environments.into_iter().map(|(name, environment)| (name, Arc::new(environment))).collect();
        let types = Types {
            store,
            engine,
            clock,
            environments,
            active: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
        };
        for record in types.store.actor_types().await? {
            types.activate(&record, OnceCell::new());
        }
        Ok(types)
    }

    /// The version that new turns of that type run.
    pub(crate) fn active(&self, actor_type: &ActorType) -> Result<Arc<Version>, Error> {
        self.active.read().get(actor_type).map(Arc::clone).ok_or_else(|| unknown(actor_type))
    }

    /// Whether anything is deployed under that name.
    pub(crate) fn check(&self, actor_type: &ActorType) -> Result<(), Error> {
        if self.active.read().contains_key(actor_type) { Ok(()) } else { Err(unknown(actor_type)) }
    }

    /// The names under which something is deployed.
    pub(crate) fn names(&self) -> Vec<ActorType> {
        let mut names: Vec<_> = self.active.read().keys().cloned().collect();
        names.sort();
        names
    }

    /// The code of a version, prepared now if it was not before.
    pub(crate) async fn behavior(&self, version: &Version) -> Result<Arc<dyn Behavior>, Error> {
        let prepared = version.behavior.get_or_try_init(|| async {
            let digest = version.record.component.digest;
            let component = self.component(&digest).await?;
            self.engine.prepare(component).await.map_err(|error| {
                tracing::error!(%digest, %error, "a deployed component can't be prepared");
                Error::new(
                    Code::ActivationFailed,
                    "the deployed component can't be prepared; deploy it again",
                )
            })
        });
        prepared.await.cloned()
    }

    /// The bytes of a component that is deployed.
    pub(crate) async fn component(&self, digest: &Digest) -> Result<Bytes, Error> {
        self.store.component(digest).await?.ok_or_else(|| {
            tracing::error!(%digest, "a deployed component is missing in the store");
            Error::new(Code::Internal, "the deployed component is missing; deploy it again")
        })
    }

    /// Checks and compiles a component and makes it the active version.
    pub(crate) async fn deploy(&self, actor_type: &ActorType, component: Bytes) -> Result<Deployment, Error> {
        let behavior = self.engine.prepare(component.clone()).await.map_err(|error| match error {
            PrepareError::Rejected(why) => Error::new(Code::ComponentRejected, why),
            PrepareError::Failed(why) => {
                tracing::error!(%actor_type, error = why, "preparing a component failed");
                Error::new(Code::Internal, "the component could not be prepared; the host's log says why")
            }
        })?;
        let _changing = self.changing.lock().await;
        if let Ok(version) = self.active(actor_type)
            && version.record.component.digest == behavior.info().digest
        {
            return Ok(Deployment { created: false, version: version.record.clone() });
        }
        let record = self.store.deploy(actor_type, behavior.info(), &component, self.clock.now()).await?;
        let version = self.activate(&record, OnceCell::new_with(Some(behavior)));
        let version = version.ok_or_else(|| Error::new(Code::Internal, "the new version was not stored"))?;
        tracing::info!(%actor_type, version = version.record.number, digest = %version.record.component.digest, "deployed");
        Ok(Deployment { created: true, version: version.record.clone() })
    }

    /// Removes an actor type. The caller deactivates its actors.
    pub(crate) async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        match self.store.undeploy(actor_type, purge).await? {
            Undeployed::Removed => {
                self.active.write().remove(actor_type);
                tracing::info!(%actor_type, purge, "undeployed");
                Ok(())
            }
            Undeployed::Unknown => Err(unknown(actor_type)),
            Undeployed::InUse => Err(Error::new(
                Code::ActorTypeInUse,
                format!(
                    "actors of type {actor_type} still have something stored, or dead letters; purge=true \
                     removes all that too"
                ),
            )),
        }
    }

    fn activate(
        &self,
        record: &ActorTypeRecord,
        behavior: OnceCell<Arc<dyn Behavior>>,
    ) -> Option<Arc<Version>> {
        let version = Arc::new(Version {
            record: record.active()?.clone(),
            environment: self.environments.get(&record.name).cloned().unwrap_or_default(),
            behavior,
        });
        self.active.write().insert(record.name.clone(), Arc::clone(&version));
        Some(version)
    }
}

fn unknown(actor_type: &ActorType) -> Error {
    Error::new(
        Code::UnknownActorType,
        format!(
            "nothing is deployed under the actor type {actor_type}; deploy a component under that name first"
        ),
    )
}
