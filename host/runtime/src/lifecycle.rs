//! The life of one activation: load, do one thing after another, leave when idle.
//!
//! All of it is one future, so turns can't overlap. It ends in one of two ways: *retired*,
//! with nothing waiting and every commit over, or *abandoned*, when the store could not load the
//! actor or refused a commit, the actor's type was undeployed, or the task panicked; then what waited
//! is handed to the next activation, which begins with what is really stored.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use greenroom_core::sandbox::Sandbox;
use greenroom_core::store::{MailKey, WriteSet};
use greenroom_core::{Address, Error, FailPoint, Limits, Message, MessageId, Origin, Payload};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::activation::Activation;
use crate::alarm::Alarm;
use crate::changes::{ActorData, Changes};
use crate::code_room::InUse;
use crate::delivery::Settled;
use crate::dispatch::{Dispatch, LOAD_AGAIN_AFTER_MS, timed_out};
use crate::gate::{Gate, Held};
use crate::guest_log::GuestLog;
use crate::life::Life;
use crate::mailbox::{Call, Caller, Work};
use crate::operation::Operation;
use crate::shares::Place;
use crate::state::StateCache;
use crate::timers::{Timer, Timers};
use crate::turn::Turn;
use crate::types::Version;
use crate::wakings::Woken;

/// What the life of an activation owns.
pub(crate) struct Actor {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) activation: Arc<Activation>,
    pub(crate) data: Arc<Mutex<ActorData>>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) sandbox: Option<LiveSandbox>,
    /// What its latest turn ran, and under which settings; before the first, what was active.
    pub(crate) version: Arc<Version>,
    /// Stored messages that were delivered and whose commit is under way.
    pub(crate) settled: HashMap<MailKey, Settled>,
    /// It was woken, and has not begun its turn.
    pub(crate) woken: Option<Woken>,
    /// Nobody waits for the turn that is under way.
    is_background: bool,
    timer_went_last: bool,
    alarm: Alarm,
}

/// A sandbox, and what it was made of.
pub(crate) struct LiveSandbox {
    pub(crate) sandbox: Box<dyn Sandbox>,
    pub(crate) version: Arc<Version>,
    pub(crate) _place: Place,
    pub(crate) _code: InUse,
}

/// Why an activation did not retire.
enum Abandoned {
    /// It never began; what waits for it would fail the same way.
    NotLoaded(Error),
    /// What it was built on did not come to be.
    CommitFailed,
}

/// What to do next.
enum Next {
    Work(Work),
    Timer(Arc<str>, Timer),
    Idle,
    /// A commit failed: nothing may be built on what is in memory any more.
    Abandon,
}

/// Serves `activation` until it ends.
pub(crate) async fn serve(dispatch: Arc<Dispatch>, activation: Arc<Activation>, version: Arc<Version>) {
    let gate = Arc::clone(&activation.gate);
    let life = run(Arc::clone(&dispatch), Arc::clone(&activation), Arc::clone(&gate), version);
    let refusal = match AssertUnwindSafe(life).catch_unwind().await {
        Ok(Ok(())) => return,
        Ok(Err(Abandoned::NotLoaded(error))) => Some(error),
        Ok(Err(Abandoned::CommitFailed)) => None,
        Err(_panic) => {
            tracing::error!(actor = %activation.address, "an activation panicked");
            // The next one must begin with what this one's turns have left, on its way or not.
            let _ = gate.wait().await;
            None
        }
    };
    for work in dispatch.abandon(&activation) {
        let refused = match &refusal {
            Some(error) => Some((error.clone(), work)),
            None => hand_over(&dispatch, &activation.address, work),
        };
        if let Some((error, work)) = refused {
            work.refuse(error);
        }
    }
    dispatch.scheduler.note(dispatch.clock.now().plus_ms(LOAD_AGAIN_AFTER_MS));
}

/// Queues what waited for an abandoned activation at the next one; what that can't take comes back.
fn hand_over(dispatch: &Arc<Dispatch>, address: &Address, work: Work) -> Option<(Error, Work)> {
    match work {
        Work::Call(_) | Work::Operation(..) => dispatch.deliver(address, work, Life::wake).err(),
        Work::StoredDue(_) | Work::ReleaseSandbox | Work::Deactivate => None,
    }
}

async fn run(
    dispatch: Arc<Dispatch>,
    activation: Arc<Activation>,
    gate: Arc<Gate>,
    version: Arc<Version>,
) -> Result<(), Abandoned> {
    let mut actor = Actor::load(dispatch, activation, gate, version).await.map_err(Abandoned::NotLoaded)?;
    loop {
        let ended = match actor.next().await {
            Next::Work(Work::Call(call)) => actor.serve_call(*call).await,
            Next::Work(Work::StoredDue(woken)) => {
                actor.woken = woken;
                let ended = actor.serve_stored().await;
                actor.woken = None;
                ended
            }
            Next::Timer(name, timer) => actor.serve_timer(name, timer).await,
            Next::Work(Work::Operation(operation, reply)) => actor.operate(*operation, reply).await,
            Next::Work(Work::ReleaseSandbox) => actor.release_sandbox().await,
            Next::Work(Work::Deactivate) => actor.leave().await,
            Next::Idle => actor.leave_when_idle().await,
            Next::Abandon => return Err(Abandoned::CommitFailed),
        };
        if ended == Ended::Retired {
            return Ok(());
        }
    }
}

/// Whether the activation goes on after a piece of work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    GoesOn,
    Retired,
}

/// Waits until all that a purge of an actor has hidden is gone, and with it what was sent meanwhile.
async fn until_removed(dispatch: &Dispatch, address: &Address) {
    if dispatch.store.is_purging_actor(address) {
        dispatch.until_actor_is_removed(address).await;
        dispatch.backlogs.purged(address);
    }
}

impl Actor {
    async fn load(
        dispatch: Arc<Dispatch>,
        activation: Arc<Activation>,
        gate: Arc<Gate>,
        version: Arc<Version>,
    ) -> Result<Self, Error> {
        let address = &activation.address;
        if dispatch.store.is_purging_actor(address) {
            Box::pin(dispatch.until_actor_is_removed(address)).await;
        }
        let preload_bytes = version.settings.limits.state_preload_bytes;
        let mut stored = dispatch.store.load(address, preload_bytes).await.inspect_err(|error| {
            tracing::error!(actor = %address, %error, "an actor can't be loaded");
        })?;
        FailPoint::ActivationLoaded.reach();
        let data = ActorData {
            state: StateCache::new(&mut stored),
            reminders: stored
                .reminders
                .into_iter()
                .map(|reminder| (Arc::clone(&reminder.name), reminder))
                .collect(),
            timers: Timers::default(),
        };
        Ok(Actor {
            dispatch,
            activation,
            data: Arc::new(Mutex::new(data)),
            gate,
            sandbox: None,
            version,
            settled: HashMap::new(),
            woken: None,
            is_background: false,
            timer_went_last: false,
            alarm: Alarm::default(),
        })
    }

    /// Waits for something to do, or until it has been idle for long enough.
    async fn next(&mut self) -> Next {
        self.activation.life.set_long(false);
        self.activation.give_back().await;
        // The clock is read only where it is needed, not for each turn.
        let mut rang = false;
        loop {
            if self.gate.failure().is_some() {
                return Next::Abandon;
            }
            let timer_due = {
                let mut data = self.data.lock();
                if !self.timer_went_last
                    && data.timers.len() > 0
                    && let Some((name, timer)) = data.timers.fire(Instant::now())
                {
                    self.timer_went_last = true;
                    return Next::Timer(name, timer);
                }
                data.timers.next_due()
            };
            // Timers and messages take turns, so neither starves the other.
            self.timer_went_last = false;
            if let Some(work) = self.activation.mailbox.pop() {
                return Next::Work(work);
            }
            let idle_at = self.activation.last_used() + self.limits().idle_timeout;
            if self.dispatch.is_draining() || (rang && Instant::now() >= idle_at) {
                return Next::Idle;
            }
            let wake_at = timer_due.map_or(idle_at, |due| due.min(idle_at));
            self.activation.set_busy(false);
            rang = tokio::select! {
                biased;
                () = self.activation.arrival() => false,
                () = self.alarm.ring(wake_at) => true,
                _ = self.gate.failing() => false,
            };
            self.activation.set_busy(true);
        }
    }

    async fn serve_call(&mut self, call: Call) -> Ended {
        let Call { message, reply, deadline, caller: Caller { depth, wait, is_background }, keyed, .. } =
            call;
        let now = Instant::now();
        self.activation.touch(now);
        let outcome = if now < deadline {
            if is_background {
                self.in_background(async |actor| actor.run_turn(message, deadline, depth).await).await
            } else {
                self.run_turn(message, deadline, depth).await
            }
        } else {
            Err(timed_out(&self.activation.address, self.limits()))
        };
        let (answer, mut write_set) = match outcome {
            Ok((payload, write_set)) => (Ok(payload), write_set),
            Err(error) => (Err(error), WriteSet::empty(self.activation.address.clone())),
        };
        FailPoint::CallTurnOver.reach();
        if let Some(keyed) = keyed {
            write_set.idempotency = keyed.kept(&answer, self.dispatch.clock.now(), &self.dispatch.limits);
        }
        self.submit(write_set).await;
        drop(wait);
        self.gate.hold(Held::Reply(reply, answer));
        Ended::GoesOn
    }

    async fn serve_timer(&mut self, name: Arc<str>, timer: Timer) -> Ended {
        let message = Message {
            id: self.next_id(),
            method: timer.method,
            payload: timer.payload,
            origin: Origin::Timer(name),
            attempt: 1,
        };
        // A timer's turn has nobody to tell of its failure; the status and the log have it.
        if let Ok((_, write_set)) = self.run_background_turn(message).await {
            self.submit(write_set).await;
        }
        Ended::GoesOn
    }

    /// Runs a turn that nobody waits for.
    pub(crate) async fn run_background_turn(
        &mut self,
        message: Message,
    ) -> Result<(Payload, WriteSet), Error> {
        self.in_background(async |actor| {
            let deadline = actor.own_deadline();
            actor.run_turn(message, deadline, 0).await
        })
        .await
    }

    /// Does what nobody waits for when the processors are free for it.
    async fn in_background<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> T) -> T {
        let (dispatch, activation) = (Arc::clone(&self.dispatch), Arc::clone(&self.activation));
        self.is_background = true;
        let done = dispatch.background.run(&activation, work(self)).await;
        self.is_background = false;
        done
    }

    async fn operate(&mut self, operation: Operation, reply: oneshot::Sender<Result<bool, Error>>) -> Ended {
        if matches!(operation, Operation::Deactivate) {
            let ended = self.leave().await;
            drop(reply.send(Ok(true)));
            return ended;
        }
        if let Operation::CancelMessage(id) | Operation::RetryMessage(id) = operation {
            let done = match operation {
                Operation::CancelMessage(_) => self.cancel_mail(id).await,
                _ => self.retry_mail(id).await,
            };
            drop(reply.send(done));
            return Ended::GoesOn;
        }
        let purge = matches!(operation, Operation::Purge);
        let deadline = self.own_deadline();
        let turn = self.turn(deadline, 0, None);
        let done = match self.change_by_hand(&turn, operation).await {
            Ok(there) => {
                self.submit(WriteSet { purge, ..turn.settle() }).await;
                let done = self.gate.wait().await.map(|()| there);
                if purge {
                    self.dispatch.purges.begin();
                    Box::pin(until_removed(&self.dispatch, &self.activation.address)).await;
                }
                done
            }
            Err(error) => Err(error),
        };
        let ended = if purge { self.leave().await } else { Ended::GoesOn };
        drop(reply.send(done));
        ended
    }

    async fn change_by_hand(&mut self, turn: &Turn, operation: Operation) -> Result<bool, Error> {
        match operation {
            Operation::RepairState(key, value) => {
                // What the guest has in memory is not what is stored any more.
                self.discard_sandbox();
                match value {
                    Some(value) => Ok(turn.write(key, value).await?.map(|()| true)?),
                    None => turn.delete(key).await,
                }
            }
            Operation::SetReminder(name, schedule, method, payload) => {
                Ok(turn.set_reminder(&name, schedule, method, payload).map(|()| true)?)
            }
            Operation::CancelReminder(name) => turn.cancel_reminder(&name),
            Operation::Purge => {
                self.forget();
                Ok(true)
            }
            // They are no turns.
            Operation::CancelMessage(_) | Operation::RetryMessage(_) | Operation::Deactivate => Ok(true),
        }
    }

    /// Forgets all that the actor has, in memory and in its guest's.
    fn forget(&mut self) {
        self.discard_sandbox();
        let mut data = self.data.lock();
        data.state.purge();
        data.reminders.clear();
        data.timers.clear();
    }

    /// Leaves when the processors are free for it, if nothing has arrived by then.
    async fn leave_when_idle(&mut self) -> Ended {
        if self.dispatch.is_draining() {
            return self.leave().await;
        }
        let release = async |actor: &mut Self| {
            if actor.activation.mailbox.is_empty() {
                actor.release_sandbox().await;
            }
        };
        self.in_background(release).await;
        if self.activation.mailbox.is_empty() { self.leave().await } else { Ended::GoesOn }
    }

    /// Lets the sandbox go, then everything, if nothing has arrived meanwhile.
    async fn leave(&mut self) -> Ended {
        self.release_sandbox().await;
        self.data.lock().timers.clear();
        FailPoint::ActivationLeaving.reach();
        if self.gate.wait().await.is_ok() && self.dispatch.retire(&self.activation) {
            return Ended::Retired;
        }
        Ended::GoesOn
    }

    /// Commits what a turn changed, if it changed anything; says the number at the gate.
    pub(crate) async fn submit(&mut self, write_set: WriteSet) -> u64 {
        if write_set.is_empty() {
            return 0;
        }
        self.dispatch.committer.submit(Box::new(write_set), &self.gate).await
    }

    pub(crate) fn next_id(&self) -> MessageId {
        self.dispatch.ids.next(self.dispatch.clock.now())
    }

    /// Turns run the active version from now on, and under its settings.
    pub(crate) fn follow_version(&mut self) -> Result<(), Error> {
        let actor_type = &self.activation.address.actor_type;
        if let Some(version) = self.dispatch.types.active_unless(actor_type, &self.version)? {
            self.activation.mailbox.set_capacity(version.settings.limits.mailbox_capacity);
            self.version = version;
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.version.settings.limits
    }

    /// Until when a turn may take for which nobody waits.
    pub(crate) fn own_deadline(&mut self) -> Instant {
        // Of a type that is gone the last settings count.
        drop(self.follow_version());
        Instant::now() + self.limits().turn_timeout
    }

    /// A turn that has changed nothing yet.
    pub(crate) fn turn(&self, deadline: Instant, depth: u32, message_id: Option<MessageId>) -> Arc<Turn> {
        Arc::new(Turn {
            dispatch: Arc::clone(&self.dispatch),
            me: self.activation.address.clone(),
            began_at: self.dispatch.clock.now(),
            now: self.dispatch.clock.wall(),
            deadline,
            depth,
            is_background: self.is_background,
            data: Arc::clone(&self.data),
            activation: Arc::clone(&self.activation),
            changes: Mutex::new(Changes::default()),
            ahead: tokio::sync::Mutex::default(),
            log: GuestLog::new(message_id, self.limits().log_bytes_per_turn),
            settings: Arc::clone(&self.version.settings),
        })
    }
}
