"""The conformance guest, in Python with the SDK: `tests/guests/README.md` says what it does."""

from greenroom import Context, FailedPrecondition, Payload, activate, actor, deactivate, transient

import script


@actor
class Conformance:
    """An actor that does what a script says."""

    remembered: list[str] = transient(default_factory=list)

    @activate
    def wake(self, ctx: Context) -> None:
        """Fails or counts, if the id says so."""
        if ctx.me.id.startswith("fail-activate-") and ctx.state.get_bytes("healed") is None:
            raise FailedPrecondition("asked not to activate")
        if ctx.me.id.startswith("counted-"):
            _add_one(ctx, "activations")

    @deactivate
    def rest(self, ctx: Context) -> None:
        """Counts, if the id says so."""
        if ctx.me.id.startswith("counted-"):
            _add_one(ctx, "deactivations")

    def echo(self, payload: Payload) -> Payload:
        """Replies with the payload as it came."""
        return payload

    def increment(self, ctx: Context, payload: Payload) -> Payload:
        """Adds one to a durable number."""
        return Payload.text(str(_add_one(ctx, "n")))

    def run(self, ctx: Context, payload: Payload) -> Payload:
        """Does what the script says."""
        turn = script.Turn(ctx, payload.content_type, self.remembered)
        lines = payload.body.decode(errors="replace").removesuffix("\n").split("\n")
        return Payload.text("\n".join(turn.perform(line) for line in lines))


def _add_one(ctx: Context, key: str) -> int:
    following = int(ctx.state.get_bytes(key) or b"0") + 1
    ctx.state.set_bytes(key, str(following).encode())
    return following
