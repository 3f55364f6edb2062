"""What `@actor` makes of a class: durable fields, and methods that can be called by address."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, get_type_hints

from . import _json
from ._arguments import Arguments, Parameter
from ._context import Context
from ._failure import Unimplemented
from ._names import json_name
from ._payload import Payload
from ._readers import allows_none, fields_of, reader_of

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_HOOK = "__greenroom_hook__"
_MADE = "__greenroom_actor__"
_NOTHING = Payload.empty()


def transient(*, default_factory: Callable[[], T]) -> T:
    """A field that lives as long as the activation, and is not stored."""
    made: T = dataclasses.field(
        default_factory=default_factory,
        init=False,
        repr=False,
        compare=False,
        metadata={_json.TRANSIENT: True},
    )
    return made


def activate(method: F) -> F:
    """The method runs when the actor comes into memory, before its first message.

    A failure refuses that message; the next one activates anew.
    """
    setattr(method, _HOOK, "activate")
    return method


def deactivate(method: F) -> F:
    """The method runs when an idle actor leaves memory. Not after a crash."""
    setattr(method, _HOOK, "deactivate")
    return method


@dataclass_transform(field_specifiers=(dataclasses.field, transient))
def actor(kind: type[T]) -> type[T]:
    """Makes a class an actor type.

        @actor
        class Shelf:
            parcels: list[str] = field(default_factory=list)

            def put(self, ctx: Context, parcel: str, label: str | None = None) -> None:
                ctx.info(f"{parcel} ({label}) comes from {ctx.origin}")
                self.parcels.append(parcel)

            def count(self) -> int:
                return len(self.parcels)

    The class becomes a dataclass. Its fields are the durable state; each needs a default, for an actor is
    there before anybody wrote to it. Every function whose name has no leading underscore is a method; its
    parameters say with their types what they take, and one of the type `Context` gets the context.

    Raises `TypeError` when the class can't be an actor.
    """
    if "__dataclass_params__" not in vars(kind):
        kind = dataclasses.dataclass(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{kind.__name__}.{field.name} needs a default: an actor always exists")
    for name, function in _functions(kind):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{kind.__name__}.{name} is async: calls simply wait, so methods are not")
    setattr(kind, _MADE, None)
    return kind


class Method:
    """One method: how its arguments are read, and its result written."""

    def __init__(self, kind: type, name: str, function: Callable[..., Any]) -> None:
        self._function = function
        self._context: str | None = None
        self._payload: str | None = None
        taken: list[Parameter] = []
        hints = get_type_hints(function, include_extras=True)
        self._may_reply_nothing = hints.get("return", type(None)) is type(None)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            where = f"{kind.__name__}.{name}: parameter `{parameter.name}`"
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise TypeError(f"{where} is not one that can be given by name")
            if parameter.name not in hints:
                raise TypeError(f"{where} needs a type; `Any` takes any JSON")
            annotation = hints[parameter.name]
            if annotation is Context:
                self._context = parameter.name
            elif annotation is Payload:
                self._payload = parameter.name
            else:
                taken.append(_parameter(parameter, annotation, where))
        if self._payload is not None and taken:
            raise TypeError(f"{kind.__name__}.{name}: a payload is the only argument")
        self._arguments = Arguments(taken)

    def receive(self, actor: object, context: Context, payload: Payload) -> Payload:
        """Does what one message asks."""
        arguments: dict[str, Any]
        arguments = {self._payload: payload} if self._payload else self._arguments.read(payload.body)
        if self._context is not None:
            arguments[self._context] = context
        result = self._function(actor, **arguments)
        if isinstance(result, Payload):
            return result
        return _NOTHING if result is None and self._may_reply_nothing else Payload.json(result)

    def run_hook(self, actor: object, context: Context) -> None:
        """Runs it as a hook, which has no arguments."""
        arguments = {} if self._context is None else {self._context: context}
        self._function(actor, **arguments)


def _parameter(parameter: inspect.Parameter, annotation: Any, where: str) -> Parameter:
    name = parameter.name
    try:
        reader = reader_of(annotation)
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from None
    has_default = parameter.default is not parameter.empty
    return Parameter(json_name(name), name, reader, has_default, allows_none(annotation))


class Definition:
    """What is known of an actor type before any of its actors runs."""

    def __init__(self, kind: type[Any]) -> None:
        if _MADE not in vars(kind):
            raise TypeError(f"{kind.__name__} is not an actor: put `@actor` on the class")
        self.kind = kind
        self.name = kind.__name__
        fields_of(kind)
        self.is_durable = bool(_json.members_of(kind))
        self.read_state = reader_of(kind)
        self.methods: dict[str, Method] = {}
        self.hooks: dict[str, Method] = {}
        for name, function in _functions(kind):
            hook = getattr(function, _HOOK, None)
            if hook is not None:
                self.hooks[hook] = Method(kind, name, function)
            elif not name.startswith("_"):
                self.methods[json_name(name)] = Method(kind, name, function)

    def receive(self, actor: object, context: Context, method: str, payload: Payload) -> Payload:
        """Does what one message asks."""
        known = self.methods.get(method)
        if known is None:
            there_are = ", ".join(self.methods) or "none"
            raise Unimplemented(f"{self.name} has no method `{method}`; it has {there_are}")
        return known.receive(actor, context, payload)

    def run_hook(self, hook: str, actor: object, context: Context) -> None:
        """Runs the method marked `@activate` or `@deactivate`, if there is one."""
        known = self.hooks.get(hook)
        if known is not None:
            known.run_hook(actor, context)


def _functions(kind: type) -> list[tuple[str, Callable[..., Any]]]:
    """The functions of a class and of those it stands on, in the order they are written."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        for name, value in vars(base).items():
            if base is not object and not (name.startswith("__") and name.endswith("__")):
                found[name] = value
    return [(name, value) for name, value in found.items() if inspect.isfunction(value)]
