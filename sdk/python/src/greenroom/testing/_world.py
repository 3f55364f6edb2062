"""The world around an actor under test: what is stored, what is scheduled, what was sent and said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

from .._address import Address
from .._call_error import CallError, CallErrorKind
from .._failure import Failure, ResourceExhausted
from .._host import Level
from .._message import Origin
from .._payload import Payload
from .._schedule import Reminder, Schedule
from .._timestamp import Timestamp, milliseconds
from ._turns import Sent

# The host's limits that an actor is likely to meet, as they are by default.
_STATE_KEY_BYTES = 1 << 10
_STATE_VALUE_BYTES = 1 << 20
_SENDS_PER_TURN = 1_000
_ALARMS = 1_000
_PERIOD_MIN_MS = 10
_RANDOM_BYTES = 4_096

_U64 = 2**64 - 1

#: Answers the actor's calls: with a value, with a payload, or by raising.
Responder = Callable[[Address, str, Payload], object]


@dataclass(frozen=True)
class Alarm:
    """A reminder or a timer."""

    schedule: Schedule
    method: str
    payload: Payload
    due_ms: int
    fired: int = 0


class Due(NamedTuple):
    """The next thing that is due."""

    at_ms: int
    origin: Origin
    method: str
    payload: Payload


class _Mail(NamedTuple):
    method: str
    payload: Payload
    due_ms: int


@dataclass
class Effects:
    """What a turn changes: put back as it was when the turn fails."""

    state: dict[str, bytes] = field(default_factory=dict)
    reminders: dict[str, Alarm] = field(default_factory=dict)
    timers: dict[str, Alarm] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    mail: list[_Mail] = field(default_factory=list)
    """Sent to itself and not yet delivered."""
    sent_in_turn: int = 0

    def copy(self) -> "Effects":
        """A copy that shares nothing that can change."""
        return Effects(
            dict(self.state), dict(self.reminders), dict(self.timers), list(self.sent), list(self.mail)
        )


class World:
    """Everything outside the actor's memory; the host's functions in a test."""

    def __init__(self, me: Address, now_ms: int) -> None:
        self._me = me
        self._clock_ms = now_ms
        self._random = 0
        self.effects = Effects()
        self.responder: Responder | None = None
        self.logs: list[tuple[Level, str]] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One turn: all of its effects, or none."""
        self.effects.sent_in_turn = 0
        before = self.effects.copy()
        try:
            yield
        except BaseException:
            self.effects = before
            raise

    def move_to(self, now_ms: int) -> None:
        """Moves the clock."""
        self._clock_ms = now_ms

    def take_due(self, until_ms: int) -> Due | None:
        """Takes the first thing that is due by `until_ms`; of a repeating alarm, one firing."""
        effects = self.effects
        candidates: list[tuple[int, Callable[[], Due]]] = []
        if effects.mail:
            mail = min(effects.mail, key=lambda mail: mail.due_ms)
            candidates.append((mail.due_ms, lambda: self._take_mail(mail)))
        for alarms, origin_of in (
            (effects.reminders, Origin.from_reminder),
            (effects.timers, Origin.from_timer),
        ):
            if alarms:
                name = min(alarms, key=lambda name: (alarms[name].due_ms, name))
                candidates.append((alarms[name].due_ms, _firing(alarms, name, origin_of(name))))
        candidates = [candidate for candidate in candidates if candidate[0] <= until_ms]
        return min(candidates, key=lambda candidate: candidate[0])[1]() if candidates else None

    def _take_mail(self, mail: _Mail) -> Due:
        self.effects.mail.remove(mail)
        return Due(
            mail.due_ms, Origin.from_actor(self._me.actor_type, self._me.id), mail.method, mail.payload
        )

    def listed(self, alarms: dict[str, Alarm]) -> list[Reminder]:
        """The alarms as an actor sees them, by name."""
        return [
            Reminder(
                name,
                alarm.method,
                Timestamp(alarm.due_ms).since(Timestamp(self._clock_ms)),
                alarm.schedule,
            )
            for name, alarm in sorted(alarms.items())
        ]

    def _alarm(self, schedule: Schedule, method: str, payload: Payload) -> Alarm:
        period_ms = None if schedule.period is None else milliseconds(schedule.period)
        repetitions = schedule.repetitions
        problem = None
        if period_ms is not None and period_ms < _PERIOD_MIN_MS:
            problem = f"the period is {period_ms} ms, shorter than {_PERIOD_MIN_MS} ms"
        elif repetitions == 0:
            problem = "repetitions must be at least 1"
        elif period_ms is None and (repetitions or 1) > 1:
            problem = f"{repetitions} repetitions need a period"
        if problem is not None:
            raise ResourceExhausted(f"invalid schedule: {problem}")
        due_ms = min(self._clock_ms + max(0, milliseconds(schedule.delay)), _U64)
        return Alarm(schedule, method, payload, due_ms)

    def state_get(self, key: str) -> bytes | None:
        return self.effects.state.get(key)

    def state_set(self, key: str, value: bytes) -> None:
        if len(key.encode()) > _STATE_KEY_BYTES:
            raise ResourceExhausted(f"state_key_bytes of {_STATE_KEY_BYTES} is exceeded")
        if len(value) > _STATE_VALUE_BYTES:
            raise ResourceExhausted(f"state_value_bytes of {_STATE_VALUE_BYTES} is exceeded")
        self.effects.state[key] = value

    def state_delete(self, key: str) -> bool:
        return self.effects.state.pop(key, None) is not None

    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        keys = (key for key in self.effects.state if key.startswith(prefix))
        later = (key for key in keys if after is None or key.encode() > after.encode())
        return sorted(later, key=str.encode)[:limit]

    def call(self, to: Address, method: str, payload: Payload) -> Payload:
        if to == self._me:
            raise CallError(to, method, CallErrorKind.DEADLOCK, f"{to} → {to}")
        if self.responder is None:
            raise CallError(to, method, CallErrorKind.UNKNOWN_ACTOR_TYPE)
        try:
            return Payload.of_arguments(self.responder(to, method, payload))
        except CallError:
            raise
        except Failure as failure:
            raise CallError(to, method, CallErrorKind.FAILED, failure=failure) from None

    def send(self, to: Address, method: str, payload: Payload, delay_ms: int) -> None:
        effects = self.effects
        if effects.sent_in_turn >= _SENDS_PER_TURN:
            raise ResourceExhausted(f"sends_per_turn of {_SENDS_PER_TURN} is exceeded")
        effects.sent_in_turn += 1
        delay_ms = max(0, delay_ms)
        if to == self._me:
            effects.mail.append(_Mail(method, payload, min(self._clock_ms + delay_ms, _U64)))
        effects.sent.append(Sent(to, method, payload, timedelta(milliseconds=delay_ms)))

    def reminder_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        _insert(self.effects.reminders, name, self._alarm(schedule, method, payload))

    def reminder_cancel(self, name: str) -> bool:
        return self.effects.reminders.pop(name, None) is not None

    def reminder_list(self) -> list[Reminder]:
        return self.listed(self.effects.reminders)

    def timer_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        _insert(self.effects.timers, name, self._alarm(schedule, method, payload))

    def timer_cancel(self, name: str) -> bool:
        return self.effects.timers.pop(name, None) is not None

    def now_ms(self) -> int:
        return self._clock_ms

    def random(self, length: int) -> bytes:
        """Splitmix64: looks random, and is the same in every run."""
        drawn = bytearray()
        for _ in range(min(length, _RANDOM_BYTES)):
            self._random = (self._random + 0x9E37_79B9_7F4A_7C15) & _U64
            mixed = ((self._random ^ (self._random >> 30)) * 0xBF58_476D_1CE4_E5B9) & _U64
            drawn.append(mixed >> 56)
        return bytes(drawn)

    def log(self, level: Level, message: str) -> None:
        self.logs.append((level, message))


def _firing(alarms: dict[str, Alarm], name: str, origin: Origin) -> Callable[[], Due]:
    def fire() -> Due:
        alarm = alarms.pop(name)
        fired, schedule = alarm.fired + 1, alarm.schedule
        more = schedule.repetitions is None or fired < schedule.repetitions
        if schedule.period is not None and more:
            due_ms = min(alarm.due_ms + milliseconds(schedule.period), _U64)
            alarms[name] = replace(alarm, due_ms=due_ms, fired=fired)
        return Due(alarm.due_ms, origin, alarm.method, alarm.payload)

    return fire


def _insert(alarms: dict[str, Alarm], name: str, alarm: Alarm) -> None:
    if len(alarms) >= _ALARMS and name not in alarms:
        raise ResourceExhausted(f"more than {_ALARMS} reminders or timers of one actor")
    alarms[name] = alarm
