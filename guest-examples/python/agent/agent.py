"""The actor type `agent`: somebody to talk to, who remembers, and who can ask other actors.

What was said survives restarts, and so does what the agent may do. One question is one turn: the question,
what the tools brought and the answer are remembered together, or not at all. What the tools did stays done.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated

import conversation
from conversation import Entry, Role
from greenroom import Address, Context, InvalidArgument, Range, ResourceExhausted, actor
from responder import Say, Situation, responder_of
from tools import TOOLS_MAX, Tool, use

#: Longest question, and longest instructions, in characters.
TEXT_CHARS_MAX = 4_000
#: Tools that are used for one question.
STEPS_MAX = 5
#: Entries that the responder sees.
WINDOW = 20
#: Facts that are kept.
FACTS_MAX = 50

_REMEMBER = re.compile(r"remember(?: that)? (.{1,100}?) is (.{1,400}?)\.?$", re.IGNORECASE)


@dataclass(frozen=True)
class AgentView:
    """An agent as others see it."""

    id: str
    """The actor's id."""
    instructions: str
    """How it should behave."""
    model: Address | None
    """The actor that decides for it; the rules that are built in, where there is none."""
    tools: list[Tool]
    """What it can do."""
    facts: dict[str, str]
    """What it was told to remember."""
    entries: int
    """Entries there ever were."""


@actor
class Agent:
    """Somebody to talk to."""

    instructions: str = "Be brief."
    model: Address | None = None
    tools: list[Tool] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    entries: int = 0

    def configure(
        self, ctx: Context, instructions: str | None, tools: list[Tool] | None, model: Address | None
    ) -> AgentView:
        """Changes what is given."""
        if instructions is not None:
            _check_text(instructions, "instructions")
            self.instructions = instructions
        if tools is not None:
            names = {tool.name.lower() for tool in tools}
            if len(tools) > TOOLS_MAX or len(names) < len(tools):
                raise InvalidArgument(f"argument `tools`: at most {TOOLS_MAX}, each under a name of its own")
            self.tools = tools
        if model is not None:
            self.model = model
        return self._view(ctx)

    def use_rules(self, ctx: Context) -> AgentView:
        """Goes back to the rules that are built in."""
        self.model = None
        return self._view(ctx)

    def get_agent(self, ctx: Context) -> AgentView:
        """Answers with the agent."""
        return self._view(ctx)

    def ask(self, ctx: Context, text: str) -> Entry:
        """Takes a question, uses tools as long as the responder asks for them, and answers."""
        _check_text(text, "text")
        self._add(ctx, Role.USER, text)
        told = _REMEMBER.fullmatch(text.strip())
        if told:
            return self._remember(ctx, told[1].lower(), told[2])
        responder = responder_of(self.model)
        for _ in range(STEPS_MAX):
            step = responder.respond(ctx, self._situation(ctx))
            if isinstance(step, Say):
                return self._add(ctx, Role.ASSISTANT, step.say)
            result = use(ctx, self.tools, step.use, step.arguments)
            self._add(ctx, Role.TOOL, result, tool=step.use)
        return self._add(ctx, Role.ASSISTANT, f"I gave up after {STEPS_MAX} steps.")

    def get_history(self, ctx: Context, limit: Annotated[int, Range(minimum=0)] = WINDOW) -> list[Entry]:
        """The latest entries, oldest first."""
        return conversation.latest(ctx.state, self.entries, limit)

    def forget(self, ctx: Context) -> AgentView:
        """Forgets the conversation and the facts; what it may do stays."""
        conversation.forget(ctx.state)
        self.facts = {}
        return self._view(ctx)

    def _remember(self, ctx: Context, subject: str, what: str) -> Entry:
        if subject not in self.facts and len(self.facts) >= FACTS_MAX:
            raise ResourceExhausted(f"an agent remembers at most {FACTS_MAX} facts")
        self.facts[subject] = what
        return self._add(ctx, Role.ASSISTANT, f"I will remember that {subject} is {what}.")

    def _add(self, ctx: Context, role: Role, text: str, tool: str | None = None) -> Entry:
        self.entries += 1
        entry = Entry(self.entries, role, text, ctx.now, tool)
        conversation.add(ctx.state, entry)
        return entry

    def _situation(self, ctx: Context) -> Situation:
        latest = conversation.latest(ctx.state, self.entries, WINDOW)
        return Situation(self.instructions, self.facts, self.tools, latest)

    def _view(self, ctx: Context) -> AgentView:
        return AgentView(
            ctx.me.id, self.instructions, self.model, list(self.tools), dict(self.facts), self.entries
        )


def _check_text(text: str, name: str) -> None:
    if not text.strip() or len(text) > TEXT_CHARS_MAX:
        raise InvalidArgument(f"argument `{name}`: 1 to {TEXT_CHARS_MAX} characters")
