"""What schemathesis does not know by itself: how the bytes of a component go over the wire."""

import schemathesis

schemathesis.serializer.alias("application/wasm", "application/octet-stream")
