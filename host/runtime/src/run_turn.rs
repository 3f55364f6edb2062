//! Runs one turn in the actor's sandbox, making a sandbox first when there is none.
//!
//! A message is accepted first: its method found and its arguments converted, so that one that does
//! not fit is refused before any guest is entered, and costs no sandbox.
//!
//! A turn either succeeds, and then its changes are in the activation's memory and ready to be
//! committed, or it leaves no trace and its sandbox is thrown away. The deadline bounds all of it:
//! making the sandbox, the guest, and what the guest waits for.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::sandbox::{Accepted, Behavior, Sandbox, Trap};
use greenroom_core::store::WriteSet;
use greenroom_core::{Code, Error, Failure, Message, Method, Payload, Source};
use tokio::time::Instant;

use crate::code_room::LoadedCode;
use crate::dispatch::timed_out;
use crate::lifecycle::{Actor, Ended, LiveSandbox};
use crate::patience::within;
use crate::shortened::shortened;
use crate::turn::{Turn, check_payload};
use crate::view::{ErrorSummary, TurnSummary};

/// The share of its memory limit, in quarters, past which a sandbox is replaced between two turns: a
/// guest whose language never gives memory back then does not fail when it meets the limit.
const WORN_OUT_QUARTERS: usize = 3;

/// How many times the state that loads whole an actor may have in memory while its turns run ahead of the store.
const AHEAD_OF_STORE: u64 = 16;

/// How long to wait for idle sandboxes to go when the engine has no room for another.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(10);

impl Actor {
    /// Gives `message` to the guest. The caller commits the write set.
    ///
    /// # Errors
    /// Why the message was refused, the guest's failure, or why it was stopped; the turn has left no
    /// trace.
    pub(crate) async fn run_turn(
        &mut self,
        message: Message,
        deadline: Instant,
        depth: u32,
    ) -> Result<(Payload, WriteSet), Error> {
        let started = Instant::now();
        let (message_id, method) = (message.id, message.method.clone());
        self.shed_state().await?;
        self.follow_version()?;
        let turn = self.turn(deadline, depth, Some(message_id));
        let ran = match self.accept(message, deadline).await {
            Ok(accepted) => {
                let ran = tokio::select! {
                    biased;
                    // It could not be committed any more.
                    error = turn.activation.gate.failing() => Err(error),
                    ran = self.run_in_sandbox(&turn, accepted) => ran,
                };
                if !self.is_fit_after(&ran) {
                    self.discard_sandbox();
                }
                ran.unwrap_or_else(Err)
            }
            Err(refused) => Err(refused),
        };
        turn.log.finish(&turn.me);
        self.note(&turn, &method, started, ran.as_ref().err());
        match ran {
            Ok(payload) => Ok((payload, turn.settle())),
            Err(error) => {
                tracing::debug!(actor = %turn.me, message_id = %message_id, %method, %error, "a turn failed");
                Err(error)
            }
        }
    }

    /// Forgets state that can be read again, when there is too much of it in memory. What is on its way to the store
    /// can't be read there yet; an actor that always has something on its way waits for it in the end.
    async fn shed_state(&mut self) -> Result<(), Error> {
        let bytes_max = self.limits().state_preload_bytes;
        let cached_bytes = self.data.lock().state.cached_bytes();
        if cached_bytes > bytes_max.saturating_mul(AHEAD_OF_STORE) {
            self.gate.wait().await?;
        }
        if cached_bytes > bytes_max && self.gate.is_settled() {
            self.data.lock().state.shed(bytes_max);
        }
        Ok(())
    }

    /// Whether the sandbox may be entered again: not after it was stopped, and after an ordinary
    /// failure only if the failed turn can't have left anything in the guest's memory.
    fn is_fit_after(&self, ran: &Result<Result<Payload, Error>, Error>) -> bool {
        match ran {
            Ok(Ok(_)) => true,
            Ok(Err(_failure)) => self.version.settings.keeps_nothing_in_memory,
            Err(_stopped) => false,
        }
    }

    /// What `message` is to the version that this turn runs.
    async fn accept(&mut self, message: Message, deadline: Instant) -> Result<Accepted, Error> {
        let behavior = match self.version.prepared() {
            Some(behavior) => behavior,
            None => Arc::clone(&self.code(deadline).await?.behavior),
        };
        within(deadline, self.dispatch.conversions.accept(&behavior, message))
            .await
            .map_err(|_| timed_out(&self.activation.address, self.limits()))?
    }

    async fn code(&mut self, deadline: Instant) -> Result<Arc<LoadedCode>, Error> {
        let preparing = self.dispatch.types.code(&self.activation.address.actor_type, &self.version);
        within(deadline, self.dispatch.unless_draining(preparing))
            .await
            .map_err(|_| timed_out(&self.activation.address, self.limits()))?
    }

    /// What the guest answers, or why it was stopped.
    async fn run_in_sandbox(
        &mut self,
        turn: &Arc<Turn>,
        accepted: Accepted,
    ) -> Result<Result<Payload, Error>, Error> {
        let live = self.enter(turn.deadline, turn.depth).await?;
        let host = Arc::clone(turn) as _;
        let ran = match accepted {
            Accepted::Message(message) => {
                let received = within(turn.deadline, live.sandbox.receive(host, message));
                received.await.map(|answer| answer.map(|answer| answer.map_err(Error::from)))
            }
            Accepted::Method(call) => within(turn.deadline, live.sandbox.call(host, call)).await,
        };
        let payload = match ran {
            Err(_elapsed) => return Err(timed_out(&turn.me, &turn.settings.limits)),
            Ok(Err(trap)) => return Err(trap.into()),
            Ok(Ok(Err(failure))) => return Ok(Err(failure)),
            Ok(Ok(Ok(payload))) => payload,
        };
        check_payload(&payload, turn.settings.limits.payload_bytes).map_err(|refusal| {
            Error::new(Code::ActorTrapped, format!("the reply is too large: {}", refusal.text))
        })?;
        Ok(Ok(payload))
    }

    /// The sandbox to run a turn in: the one there is, or a new one when there is none, when another
    /// version was deployed, or when the old one is worn out.
    async fn enter(&mut self, deadline: Instant, depth: u32) -> Result<&mut LiveSandbox, Error> {
        let worn_out_bytes = self.limits().sandbox_memory_bytes / 4 * WORN_OUT_QUARTERS;
        if self.sandbox.as_ref().is_some_and(|live| {
            !Arc::ptr_eq(&live.version, &self.version) || live.sandbox.memory_bytes() > worn_out_bytes
        }) {
            self.release_sandbox().await;
        }
        if self.sandbox.is_none() {
            let live = self.activate(deadline, depth).await?;
            self.activation.status.lock().version = Some(live.version.record.number);
            self.activation.set_has_sandbox(true);
            self.sandbox = Some(live);
        }
        // Others may be woken: this one has begun.
        self.woken = None;
        Ok(self.sandbox.as_mut().expect("it was made above"))
    }

    async fn activate(&mut self, deadline: Instant, depth: u32) -> Result<LiveSandbox, Error> {
        let code = self.code(deadline).await?;
        let code_in_use = code.begin_use();
        let (residency, waits) = (&self.dispatch.residency, &self.dispatch.waits);
        let place = residency.sandbox(&self.activation, deadline, depth > 0, waits).await?;
        let turn = self.turn(deadline, depth, None);
        let made = within(deadline, self.instantiate(&*code.behavior, &turn)).await;
        turn.log.finish(&turn.me);
        let sandbox = match made {
            Err(_elapsed) => return Err(timed_out(&turn.me, &turn.settings.limits)),
            Ok(Err(Activation::Stopped(trap))) => {
                let Error { code, detail, .. } = trap.into();
                return Err(Error::new(code, format!("while activating: {detail}")));
            }
            Ok(Err(Activation::Refused(failure))) => {
                let code = Code::from(failure.code).as_str();
                return Err(Error::new(
                    Code::ActivationFailed,
                    format!("activate failed: {code}: {}", failure.message),
                ));
            }
            Ok(Ok(sandbox)) => sandbox,
        };
        self.submit(turn.settle()).await;
        Ok(LiveSandbox { sandbox, version: Arc::clone(&self.version), _place: place, _code: code_in_use })
    }

    async fn instantiate(
        &mut self,
        behavior: &dyn Behavior,
        turn: &Arc<Turn>,
    ) -> Result<Box<dyn Sandbox>, Activation> {
        let mut sandbox = loop {
            match behavior.instantiate(&turn.me, &turn.settings, Arc::clone(turn) as _).await {
                Err(Trap::NoRoom) => {
                    let _waiting = self.dispatch.residency.wait_for_sandboxes();
                    tokio::time::sleep(NO_ROOM_PAUSE).await;
                }
                made => break made.map_err(Activation::Stopped)?,
            }
        };
        match sandbox.activate(Arc::clone(turn) as _, &turn.me).await {
            Ok(Ok(())) => Ok(sandbox),
            Ok(Err(failure)) => Err(Activation::Refused(failure)),
            Err(trap) => Err(Activation::Stopped(trap)),
        }
    }

    /// Calls the guest's `deactivate`, commits what that wrote, and drops the sandbox. Timers belong
    /// to the activation, which goes on.
    pub(crate) async fn release_sandbox(&mut self) -> Ended {
        let Some(mut live) = self.sandbox.take() else { return Ended::GoesOn };
        let deadline = Instant::now() + self.limits().turn_timeout;
        let turn = self.turn(deadline, 0, None);
        let deactivated = within(deadline, live.sandbox.deactivate(Arc::clone(&turn) as _)).await;
        turn.log.finish(&turn.me);
        match deactivated {
            Ok(Ok(())) => drop(self.submit(turn.settle()).await),
            Ok(Err(trap)) => {
                tracing::warn!(actor = %turn.me, error = %Error::from(trap), "deactivate failed");
            }
            Err(_elapsed) => tracing::warn!(actor = %turn.me, "deactivate did not end in time"),
        }
        drop(live);
        self.discard_sandbox();
        Ended::GoesOn
    }

    /// Drops the sandbox without a word to the guest.
    pub(crate) fn discard_sandbox(&mut self) {
        self.sandbox = None;
        self.activation.set_has_sandbox(false);
        self.activation.status.lock().sandbox_memory_bytes = None;
    }

    fn note(&self, turn: &Turn, method: &Method, started: Instant, error: Option<&Error>) {
        let took = started.elapsed();
        self.version.metrics.turn_is_over(took, error.map(|error| error.code));
        let mut status = self.activation.status.lock();
        status.sandbox_memory_bytes = self.sandbox.as_ref().map(|live| live.sandbox.memory_bytes());
        status.last_turn = Some(TurnSummary { method: method.clone(), at: turn.now, took });
        if let Some(error) = error {
            if error.code.source() == Source::Host {
                tracing::warn!(actor = %turn.me, %method, %error, "a turn failed for reasons of the host");
            }
            // The beginning of its words is enough to look at; all of them, and an actor's own data, may be large.
            let error = Error::new(error.code, shortened(&error.detail));
            status.last_error = Some(ErrorSummary { at: turn.now, method: method.clone(), error });
        }
    }
}

/// Why an activation has no sandbox.
enum Activation {
    Stopped(Trap),
    Refused(Failure),
}
