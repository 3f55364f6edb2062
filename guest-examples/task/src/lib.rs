//! The actor type `task`: a to-do item with a status, an assignee and a deadline.
//!
//! A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and
//! tells the assignee's `chat` actor. The change of status and the message are one turn, so neither
//! happens without the other.

mod status;
#[cfg(test)]
mod tests;

use std::time::Duration;

use greenroom_sdk::prelude::*;

pub use status::{Change, History, Status};

/// The reminder that fires at the deadline.
const DEADLINE: &str = "deadline";
/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 200;

/// A to-do item.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    title: Option<String>,
    status: Status,
    assignee: Option<String>,
    deadline: Option<Timestamp>,
    history: History,
}

/// A task as others see it.
#[derive(Debug, Serialize, Deserialize)]
pub struct TaskView {
    /// The actor's id.
    pub id: String,
    /// What is to be done.
    pub title: Option<String>,
    /// How far it is.
    pub status: Status,
    /// Who is to do it: the id of a `chat` actor.
    pub assignee: Option<String>,
    /// When it is to be done.
    pub deadline_ms: Option<Timestamp>,
    /// The latest changes of status, oldest first.
    pub history: Vec<Change>,
}

/// What the assignee's `chat` actor is told when a deadline has passed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Overdue {
    /// What was to be done.
    pub title: Option<String>,
    /// When it was to be done.
    pub deadline_ms: Timestamp,
}

#[actor]
impl Task {
    /// Answers with the task.
    pub fn get_task(&self, ctx: &Context) -> TaskView {
        self.view(ctx)
    }

    /// Names a new task.
    pub fn create(&mut self, ctx: &Context, title: String, assignee: Option<String>) -> Result<TaskView> {
        if let Some(present) = &self.title {
            return Err(Failure::conflict(format_args!("the task is called `{present}` already")));
        }
        if assignee.is_some() {
            self.assign(assignee)?;
        }
        self.set_title(ctx, title)
    }

    /// Renames the task.
    pub fn set_title(&mut self, ctx: &Context, title: String) -> Result<TaskView> {
        if title.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
            let rule = format_args!("a title has 1 to {TITLE_CHARS_MAX} characters");
            return Err(Failure::invalid_argument(rule));
        }
        self.title = Some(title);
        Ok(self.view(ctx))
    }

    /// Changes the status, whatever it was. A finished task has no deadline.
    pub fn update_status(&mut self, ctx: &Context, status: Status) -> Result<TaskView> {
        if status == Status::Overdue {
            return Err(Failure::failed_precondition("only a deadline that passes makes a task overdue"));
        }
        self.change_status(ctx, status);
        if status.is_finished() {
            ctx.reminders().cancel(DEADLINE);
            self.deadline = None;
        }
        Ok(self.view(ctx))
    }

    /// Hands the task to a user, or to nobody.
    pub fn assign_to(&mut self, ctx: &Context, assignee: Option<String>) -> Result<TaskView> {
        self.assign(assignee)?;
        Ok(self.view(ctx))
    }

    /// Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one.
    pub fn set_deadline_reminder(
        &mut self,
        ctx: &Context,
        in_ms: Option<u64>,
        at_ms: Option<Timestamp>,
    ) -> Result<TaskView> {
        if self.status.is_finished() {
            let status = self.status;
            return Err(Failure::failed_precondition(format_args!(
                "the task is {status}: it needs no deadline"
            )));
        }
        let now = ctx.now();
        let deadline = match (in_ms, at_ms) {
            (Some(in_ms), None) => now + Duration::from_millis(in_ms),
            (None, Some(at)) if at >= now => at,
            (None, Some(_)) => return Err(Failure::invalid_argument("argument `at_ms`: it is past")),
            _ => return Err(Failure::invalid_argument("give one of the arguments `in_ms` and `at_ms`")),
        };
        ctx.reminders().set(DEADLINE, Schedule::once(deadline.since(now)), "deadline_passed", &())?;
        self.deadline = Some(deadline);
        if self.status == Status::Overdue {
            self.change_status(ctx, self.history.before_overdue());
        }
        Ok(self.view(ctx))
    }

    /// The reminder's method: the task is overdue, and its assignee hears of it.
    pub fn deadline_passed(&mut self, ctx: &Context) -> Result<TaskView> {
        if !ctx.origin().is_reminder(DEADLINE) {
            return Err(Failure::permission_denied(
                "only the task's own reminder says that a deadline has passed",
            ));
        }
        if !self.status.is_finished() {
            self.change_status(ctx, Status::Overdue);
            if let (Some(assignee), Some(deadline_ms)) = (&self.assignee, self.deadline) {
                let note = Overdue { title: self.title.clone(), deadline_ms };
                ctx.actor("chat", assignee).send("task_overdue", &note)?;
            }
        }
        Ok(self.view(ctx))
    }

    fn assign(&mut self, assignee: Option<String>) -> Result {
        if assignee.as_deref().is_some_and(|id| !Address::is_id(id)) {
            return Err(Failure::invalid_argument(
                "an assignee has 1 to 512 bytes and no control characters",
            ));
        }
        self.assignee = assignee;
        Ok(())
    }

    fn change_status(&mut self, ctx: &Context, status: Status) {
        if self.status != status {
            self.status = status;
            self.history.add(status, ctx.now(), ctx.origin());
        }
    }

    fn view(&self, ctx: &Context) -> TaskView {
        TaskView {
            id: ctx.me().id.clone(),
            title: self.title.clone(),
            status: self.status,
            assignee: self.assignee.clone(),
            deadline_ms: self.deadline,
            history: self.history.changes().to_vec(),
        }
    }
}
