//! The built-in responder: a handful of rules where a model of your choice would be. It looks at the
//! current task, and changes it, by asking the task's own actor.

use greenroom_sdk::prelude::*;

use crate::session::{Preferences, SessionContext, Style, Tool};

/// What the responder needs of a task's answer.
#[derive(Deserialize)]
struct Task {
    title: Option<String>,
    status: String,
}

/// The reply to `text`.
pub(crate) fn reply(
    ctx: &Context,
    preferences: &Preferences,
    session: &SessionContext,
    text: &str,
) -> String {
    let lower = text.to_lowercase();
    let mentions = |word: &str| lower.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    let (courtesy, answer) = if mentions("done") || mentions("finished") {
        ("Well done! ", finish_task(ctx, session))
    } else if mentions("task") {
        ("Of course! ", describe_task(ctx, session))
    } else if let Some(topic) = preferences.topics.iter().find(|topic| lower.contains(&topic.to_lowercase()))
    {
        ("Great! ", format!("Let us talk about {topic}."))
    } else {
        ("Thanks! ", "Noted.".to_owned())
    };
    match preferences.style {
        Style::Concise => answer,
        Style::Friendly => format!("{courtesy}{answer}"),
        Style::Formal => format!("Dear {}, {answer}", ctx.me().id),
    }
}

fn describe_task(ctx: &Context, session: &SessionContext) -> String {
    ask(ctx, session, Tool::GetTask, "get_task", &())
}

fn finish_task(ctx: &Context, session: &SessionContext) -> String {
    ask(ctx, session, Tool::UpdateStatus, "update_status", &"done")
}

/// Asks the current task, and says what it is now. Trouble is part of the conversation.
fn ask(
    ctx: &Context,
    session: &SessionContext,
    tool: Tool,
    method: &str,
    arguments: &impl Serialize,
) -> String {
    let Some(id) = &session.current_task else { return "You have no current task.".to_owned() };
    if !session.tools.contains(&tool) {
        return format!("I may not do that to {id}: the tool {method} is missing.");
    }
    match ctx.actor("task", id).call::<Task>(method, arguments) {
        Ok(task) => format!("{}: {}.", named(id, task.title.as_deref()), task.status),
        Err(error) => {
            ctx.warn(&error);
            format!("I can't reach {id} now: {}.", error.kind)
        }
    }
}

/// A task's id and title.
pub(crate) fn named(id: &str, title: Option<&str>) -> String {
    match title {
        Some(title) => format!("{id} “{title}”"),
        None => id.to_owned(),
    }
}
