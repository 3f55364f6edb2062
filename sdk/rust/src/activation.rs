//! An actor in memory: loaded from its state, given messages, saved when it changed.
//!
//! Memory never differs from what is stored: an actor whose turn fails is dropped, and loaded again for
//! its next message. The host does the same with the sandbox; a native test has only this.

use std::rc::Rc;

use crate::host::HostApi;
use crate::state::ACTOR_KEY;
use crate::{Actor, Address, Context, Failure, Message, Payload, Result, json};

/// One actor of the type `A`, loaded when it is needed.
pub(crate) struct Activation<A> {
    host: Rc<dyn HostApi>,
    me: Address,
    loaded: Option<Loaded<A>>,
}

struct Loaded<A> {
    actor: A,
    /// The struct as it is stored, or as it is by default when nothing is.
    stored: Vec<u8>,
}

impl<A: Actor> Activation<A> {
    pub(crate) fn new(host: Rc<dyn HostApi>, me: Address) -> Self {
        Activation { host, me, loaded: None }
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Forgets what is in memory.
    pub(crate) fn discard(&mut self) {
        self.loaded = None;
    }

    /// Loads the struct and runs its `#[activate]` method.
    pub(crate) fn activate(&mut self) -> Result {
        let mut context = self.context(None);
        let mut loaded = self.load()?;
        loaded.actor.activate(&mut context)?;
        self.save_if_changed(&mut loaded)?;
        self.loaded = Some(loaded);
        Ok(())
    }

    /// One message, one turn.
    pub(crate) fn receive(&mut self, message: Message, payload: Payload) -> Result<Payload> {
        if self.loaded.is_none() {
            self.activate()?;
        }
        // Taken out, and put back only when the turn has succeeded.
        let Some(mut loaded) = self.loaded.take() else {
            return Err(Failure::internal("the actor is not activated"));
        };
        let method = message.method.clone();
        let mut context = self.context(Some(message));
        let outcome = loaded.actor.receive(&mut context, &method, payload)?;
        if outcome.may_have_changed {
            self.save_if_changed(&mut loaded)?;
        }
        self.loaded = Some(loaded);
        Ok(outcome.reply)
    }

    /// Runs the `#[deactivate]` method and leaves memory.
    pub(crate) fn deactivate(&mut self) -> Result {
        let Some(mut loaded) = self.loaded.take() else { return Ok(()) };
        let mut context = self.context(None);
        loaded.actor.deactivate(&mut context)?;
        self.save_if_changed(&mut loaded)
    }

    fn context(&self, message: Option<Message>) -> Context {
        Context::new(Rc::clone(&self.host), self.me.clone(), message)
    }

    fn load(&self) -> Result<Loaded<A>> {
        let Some(stored) = self.host.state_get(ACTOR_KEY) else {
            let actor = A::default();
            let stored = encode(&actor)?;
            return Ok(Loaded { actor, stored });
        };
        let actor = json::decode(&stored).map_err(|malformed| {
            let (me, name) = (&self.me, A::NAME);
            Failure::internal(format_args!("the state of {me} can't be read as {name}: {malformed}"))
        })?;
        Ok(Loaded { actor, stored })
    }

    fn save_if_changed(&self, loaded: &mut Loaded<A>) -> Result {
        let bytes = encode(&loaded.actor)?;
        if bytes != loaded.stored {
            self.host.state_set(ACTOR_KEY, &bytes)?;
            loaded.stored = bytes;
        }
        Ok(())
    }
}

fn encode<A: Actor>(actor: &A) -> Result<Vec<u8>> {
    json::encode(actor).map_err(|error| {
        Failure::internal(format_args!("the state of {} can't be written as JSON: {error}", A::NAME))
    })
}
