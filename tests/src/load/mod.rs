//! Clients of everything that must survive a crash, all at once, and what each of them saw: calls with and
//! without idempotency keys, messages with and without a delay, turns that send and set reminders, messages
//! that never succeed, actors that come and go, uploads, versions and types that go. [`Seen::judge`] says afterwards whether
//! anything acknowledged is lost, doubled or out of order.

mod clients;
mod judge;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::config::Settings;
use crate::eventually::eventually;
use crate::history::History;

/// Actors that send to others.
const SENDERS: usize = 2;
/// How long it may take on a busy machine until something was acknowledged.
const BUSY: Duration = Duration::from_mins(1);
/// How long a client may take that repeats until it is answered.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// The type that is deployed and rolled back meanwhile.
const SPARE: &str = "spare";

/// The type that is undeployed meanwhile, with all that its actors have, and deployed anew.
const DOOMED: &str = "doomed";

/// What a host needs to get through everything soon: it gives up and lets go early.
pub fn settings() -> Settings {
    Settings::default()
        .limit("delivery_attempts", "2")
        .limit("retry_backoff", "20ms")
        .limit("retry_backoff_max", "40ms")
        .limit("idle_timeout", "100ms")
}

/// Tokens that were asked for, and those of them that were acknowledged.
#[derive(Debug, Default)]
struct Tokens {
    begun: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

/// What the client saw that deploys.
#[derive(Clone, Copy, Debug, Default)]
struct Versions {
    /// The active version of the latest acknowledged change; 0 before the first.
    active: u32,
    /// What the change under way would make active.
    under_way: Option<u32>,
    /// The greatest version there may be.
    latest: u32,
}

/// What the client saw that undeploys.
#[derive(Clone, Debug, Default)]
struct Doomed {
    /// What an actor of the type was asked to keep, by each means there is.
    asked: Option<String>,
    /// The same, where that was acknowledged.
    kept: Option<String>,
    /// Whether the type was asked to go.
    goes: bool,
}

/// What clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    called: History,
    keyed: History,
    told: Mutex<Tokens>,
    sent: Mutex<Tokens>,
    armed: Mutex<Tokens>,
    poisoned: Mutex<Tokens>,
    brief: Mutex<Tokens>,
    versions: Mutex<Versions>,
    doomed: Mutex<Doomed>,
}

/// What of it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What actors do.
    Actors,
    /// The same, and components are uploaded, versions changed and a type undeployed.
    Deployments,
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// What the clients share.
struct Shared {
    /// The host, wherever it is now.
    door: Mutex<Client>,
    over: AtomicBool,
    seen: Seen,
}

impl Shared {
    fn client(&self) -> Client {
        locked(&self.door).clone()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no client panics while it notes something")
}

impl Load {
    /// Sends clients to a host that has the probe, and for deployments a first version of `spare`, the
    /// guest `typed`.
    pub fn start(host: &Client, extent: Extent, seed: u64) -> anyhow::Result<Load> {
        let shared = Arc::new(Shared {
            door: Mutex::new(host.clone()),
            over: AtomicBool::new(false),
            seen: Seen::default(),
        });
        let mut seeds = (0_u64..).map(|client| StdRng::seed_from_u64(seed ^ (client << 48)));
        let mut random = || seeds.next().expect("there are more numbers than clients");
        let share = || Arc::clone(&shared);
        let mut clients = vec![
            tokio::spawn(clients::calls(share(), 0, random())),
            tokio::spawn(clients::calls(share(), 1, random())),
            tokio::spawn(clients::calls_with_keys(share(), 0, random())),
            tokio::spawn(clients::calls_with_keys(share(), 1, random())),
            tokio::spawn(clients::tells(share(), random())),
            tokio::spawn(clients::arms(share(), random())),
            tokio::spawn(clients::poisons(share(), random())),
            tokio::spawn(clients::meets_new_actors(share(), random())),
        ];
        clients.extend((0..SENDERS).map(|sender| tokio::spawn(clients::sends(share(), sender, random()))));
        if extent == Extent::Deployments {
            let component = crate::guests::component("typed")?;
            clients.push(tokio::spawn(clients::deploys(share(), component, seed)));
            let component = crate::guests::component("probe")?;
            clients.push(tokio::spawn(clients::undeploys(share(), component)));
        }
        Ok(Load { shared, clients })
    }

    /// Waits until so much is acknowledged.
    pub async fn until_acknowledged(&self, count: usize) -> anyhow::Result<()> {
        eventually("enough is acknowledged", BUSY, || async {
            let acknowledged = self.shared.seen.acknowledged();
            if acknowledged < count { Err(acknowledged) } else { Ok(()) }
        })
        .await
    }

    /// Lets everybody finish with the host, which may be at another address now. Whoever repeats until
    /// answered gets an answer first.
    pub async fn stop(self, host: &Client) -> anyhow::Result<Seen> {
        host.clone_into(&mut locked(&self.shared.door));
        self.shared.over.store(true, Ordering::Relaxed);
        for client in self.clients {
            tokio::time::timeout(STOP_PATIENCE, client).await.context("a client gets no answer")??;
        }
        Ok(Arc::into_inner(self.shared).context("a client goes on")?.seen)
    }
}
