// The conformance guest, in C with the SDK: `tests/guests/README.md` says what it does.

#include <greenroom.h>
#include <string.h>

#include "script.h"

static bool begins_with(gr_text text, const char *prefix) {
  size_t length = strlen(prefix);
  return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

static bool wake(gr_context *ctx, void *state) {
  (void)state;
  gr_bytes healed;
  gr_text number;
  if (begins_with(gr_me(ctx).id, "fail-activate-") && !gr_state_get(ctx, GR_TEXT("healed"), &healed)) {
    return gr_fail(ctx, GR_FAILED_PRECONDITION, "asked not to activate");
  }
  return !begins_with(gr_me(ctx).id, "counted-") || add_one(ctx, "activations", &number);
}

static bool rest(gr_context *ctx, void *state) {
  (void)state;
  gr_text number;
  return !begins_with(gr_me(ctx).id, "counted-") || add_one(ctx, "deactivations", &number);
}

static bool reply_text(gr_context *ctx, gr_text text) {
  gr_payload payload = {GR_TEXT("text/plain"), {(const uint8_t *)text.data, text.length}};
  return gr_reply_payload(ctx, payload);
}

// Replies with the payload as it came.
static bool echo(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  return gr_reply_payload(ctx, gr_received(ctx)->payload);
}

// Adds one to a durable number.
static bool increment(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  gr_text number;
  return add_one(ctx, "n", &number) && reply_text(ctx, number);
}

// Does what the script says, line by line.
static bool run(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  gr_bytes body = gr_received(ctx)->payload.body;
  const char *next = (const char *)body.data, *end = next + body.length;
  gr_text results = {NULL, 0};
  do {
    const char *newline = memchr(next, '\n', (size_t)(end - next));
    gr_text line = {next, (size_t)((newline == NULL ? end : newline) - next)}, result;
    if (!perform(ctx, line, &result)) return false;
    char *longer = gr_alloc(ctx, results.length + result.length + 1);
    if (results.length > 0) memcpy(longer, results.data, results.length);
    size_t length = results.length;
    if (results.data != NULL) longer[length++] = '\n';
    if (result.length > 0) memcpy(longer + length, result.data, result.length);
    results = (gr_text){longer, length + result.length};
    next = newline == NULL ? end : newline + 1;
  } while (next < end);
  return reply_text(ctx, results);
}

static const gr_method methods[] = {GR_METHOD(echo), GR_METHOD(increment), GR_METHOD(run)};

static const gr_actor conformance = {
    .methods = methods, .method_count = GR_COUNT(methods), .activate = wake, .deactivate = rest};

GR_EXPORT(conformance)
