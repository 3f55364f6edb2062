"""The built-in replies: a handful of rules where a model of your choice would be. They look at the current
task, and change it, by asking the task's own actor."""

import re
from dataclasses import dataclass

from greenroom import CallError, Context
from session import Preferences, SessionContext, Style, Tool

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class TaskState:
    """What a reply needs of a task's answer."""

    title: str | None
    """What is to be done."""
    status: str
    """How far it is."""


def reply(ctx: Context, preferences: Preferences, session: SessionContext, text: str) -> str:
    """The reply to `text`."""
    lower = text.lower()
    words = set(_WORD.findall(lower))
    topic = next((topic for topic in preferences.topics if topic.lower() in lower), None)
    if words & {"done", "finished"}:
        courtesy, answer = "Well done! ", _ask(ctx, session, Tool.UPDATE_STATUS, "done")
    elif "task" in words:
        courtesy, answer = "Of course! ", _ask(ctx, session, Tool.GET_TASK)
    elif topic is not None:
        courtesy, answer = "Great! ", f"Let us talk about {topic}."
    else:
        courtesy, answer = "Thanks! ", "Noted."
    match preferences.style:
        case Style.CONCISE:
            return answer
        case Style.FRIENDLY:
            return courtesy + answer
        case Style.FORMAL:
            return f"Dear {ctx.me.id}, {answer}"


def named(id: str, title: str | None) -> str:
    """A task's id and title."""
    return id if title is None else f"{id} “{title}”"


def _ask(ctx: Context, session: SessionContext, tool: Tool, arguments: object = None) -> str:
    """Asks the current task, and says what it is now. Trouble is part of the conversation."""
    task_id = session.current_task
    if task_id is None:
        return "You have no current task."
    if tool not in session.tools:
        return f"I may not do that to {task_id}: the tool {tool} is missing."
    try:
        # A tool is called like the method of the task that it is.
        task = ctx.actor("task", task_id).call(tool, arguments, returns=TaskState)
    except CallError as error:
        ctx.warn(error)
        return f"I can't reach {task_id} now: {error.reason}."
    return f"{named(task_id, task.title)}: {task.status}."
