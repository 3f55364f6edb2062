//! The actor type `chat`: one user's conversation, with its history, the user's preferences and the
//! context of the session.
//!
//! Preferences and context are the struct; the history is kept a message a key, so that a turn writes
//! the messages it adds and not the whole conversation.

mod history;
mod responder;
mod session;
#[cfg(test)]
mod tests;

use greenroom_sdk::prelude::*;

pub use history::{Entry, Role};
pub use session::{Preferences, SessionContext, SessionView, Style, Tool};

/// Longest message, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// One user's conversation.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Chat {
    preferences: Preferences,
    context: SessionContext,
    /// Messages there ever were; the sequence number of the latest.
    messages: u64,
}

#[actor]
impl Chat {
    /// Adds the user's message and the reply to it.
    pub fn process_message(&mut self, ctx: &Context, text: String) -> Result<Entry> {
        if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
            let rule = format_args!("a message has 1 to {TEXT_CHARS_MAX} characters");
            return Err(Failure::invalid_argument(rule));
        }
        let reply = responder::reply(ctx, &self.preferences, &self.context, &text);
        self.add(ctx, Role::User, text)?;
        self.add(ctx, Role::Assistant, reply)
    }

    /// The latest messages, oldest first.
    pub fn get_history(&self, ctx: &Context, limit: Option<u64>) -> Result<Vec<Entry>> {
        history::latest(ctx.state(), self.messages, limit)
    }

    /// Preferences, context and the number of messages.
    pub fn get_session(&self, ctx: &Context) -> SessionView {
        self.session(ctx)
    }

    /// Changes the preferences that are given.
    pub fn set_preferences(
        &mut self,
        ctx: &Context,
        style: Option<Style>,
        topics: Option<Vec<String>>,
    ) -> Result<SessionView> {
        self.preferences.update(style, topics)?;
        Ok(self.session(ctx))
    }

    /// Changes the parts of the context that are given.
    pub fn set_context(
        &mut self,
        ctx: &Context,
        current_task: Option<String>,
        tools: Option<Vec<Tool>>,
    ) -> Result<SessionView> {
        self.context.update(current_task, tools)?;
        Ok(self.session(ctx))
    }

    /// Forgets the current task and takes away what tools were given.
    pub fn clear_context(&mut self, ctx: &Context) -> SessionView {
        self.context = SessionContext::default();
        self.session(ctx)
    }

    /// What a task of the user sends when its deadline has passed.
    pub fn task_overdue(&mut self, ctx: &Context, title: Option<String>, deadline_ms: Timestamp) -> Result {
        let Some(task) = ctx.origin().actor().filter(|sender| sender.actor_type == "task") else {
            return Err(Failure::permission_denied("only a task says that it is overdue"));
        };
        let named = responder::named(&task.id, title.as_deref());
        let late_s = ctx.now().since(deadline_ms).as_secs();
        self.add(ctx, Role::Note, format!("{named} is overdue, since {late_s} s."))?;
        self.context.current_task.get_or_insert_with(|| task.id.clone());
        Ok(())
    }

    fn add(&mut self, ctx: &Context, role: Role, text: String) -> Result<Entry> {
        self.messages += 1;
        let entry = Entry { sequence: self.messages, role, text, at_ms: ctx.now() };
        history::add(ctx.state(), &entry)?;
        Ok(entry)
    }

    fn session(&self, ctx: &Context) -> SessionView {
        SessionView {
            user: ctx.me().id.clone(),
            preferences: self.preferences.clone(),
            context: self.context.clone(),
            messages: self.messages,
        }
    }
}
