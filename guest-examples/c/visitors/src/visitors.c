// The actor type `visitors`: how many different visitors a page had, in 4 KiB however many they are.
//
// What is kept is not JSON but the sketch itself, under a key of its own; other counters of the same type
// ask for it as bytes and add it to theirs.

#include <greenroom.h>
#include <string.h>

#include "sketch.h"

#define KEY GR_TEXT("sketch")
#define MEDIA_TYPE "application/vnd.greenroom.hyperloglog"

// Names of visitors in one message.
#define VISITORS_MAX 10000

static bool load(gr_context *ctx, sketch *sketch) {
  gr_bytes stored;
  if (!gr_state_get(ctx, KEY, &stored)) {
    memset(sketch, 0, sizeof *sketch);
    return true;
  }
  if (!sketch_is_valid(stored.data, stored.length)) return gr_fail(ctx, GR_INTERNAL, "what is stored is no sketch");
  memcpy(sketch->registers, stored.data, SKETCH_BYTES);
  return true;
}

static bool keep(gr_context *ctx, const sketch *sketch) {
  return gr_state_set(ctx, KEY, (gr_bytes){sketch->registers, SKETCH_BYTES});
}

static bool reply_count(gr_context *ctx, const sketch *sketch) {
  uint64_t count = sketch_count(sketch);
  return gr_reply(ctx, &gr_u64, &count);
}

typedef struct visitors_argument {
  gr_text *visitors;
  size_t visitors_count;
} visitors_argument;

GR_STRUCT(visitors_argument, GR_LIST(visitors_argument, visitors, gr_string));

// Counts these visitors, and answers with about how many different ones there were so far.
static bool add(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  const visitors_argument *given = arguments;
  if (given->visitors_count > VISITORS_MAX) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "at most %d visitors at once", VISITORS_MAX);
  }
  sketch sketch;
  if (!load(ctx, &sketch)) return false;
  bool changed = false;
  for (size_t i = 0; i < given->visitors_count; i++) {
    changed |= sketch_add(&sketch, given->visitors[i].data, given->visitors[i].length);
  }
  // Most visitors of a busy page change nothing: then nothing is written.
  return (!changed || keep(ctx, &sketch)) && reply_count(ctx, &sketch);
}

// About how many different visitors there were.
static bool count(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  sketch sketch;
  return load(ctx, &sketch) && reply_count(ctx, &sketch);
}

// The sketch itself, as bytes.
static bool registers(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  sketch *copy = gr_alloc(ctx, sizeof *copy);
  if (!load(ctx, copy)) return false;
  gr_payload payload = {GR_TEXT(MEDIA_TYPE), {copy->registers, SKETCH_BYTES}};
  return gr_reply_payload(ctx, payload);
}

typedef struct page_argument {
  gr_text page;
} page_argument;

GR_STRUCT(page_argument, GR_FIELD(page_argument, page, gr_string));

// Counts the visitors of another page as well; who was on both counts once.
static bool merge(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  gr_text page = ((const page_argument *)arguments)->page;
  if (!gr_is_id(page)) return gr_fail(ctx, GR_INVALID_ARGUMENT, "a page has 1 to 512 bytes and no control characters");
  gr_address other = {gr_me(ctx).actor_type, page};
  gr_payload theirs;
  if (!gr_call(ctx, other, "registers", GR_NOTHING, &theirs)) return false;
  if (!sketch_is_valid(theirs.body.data, theirs.body.length)) {
    return gr_fail(ctx, GR_INTERNAL, "%.*s replied with what is no sketch", GR_SHOWN(page));
  }
  sketch mine, added;
  if (!load(ctx, &mine)) return false;
  memcpy(added.registers, theirs.body.data, SKETCH_BYTES);
  sketch_merge(&mine, &added);
  return keep(ctx, &mine) && reply_count(ctx, &mine);
}

// Forgets everybody.
static bool reset(gr_context *ctx, void *state, const void *arguments) {
  (void)state, (void)arguments;
  gr_state_delete(ctx, KEY);
  return true;
}

static const gr_method methods[] = {
    GR_METHOD_OF(add, visitors_argument),   GR_METHOD(count), GR_METHOD(registers),
    GR_METHOD_OF(merge, page_argument), GR_METHOD(reset),
};

static const gr_actor visitors = {.methods = methods, .method_count = GR_COUNT(methods)};

GR_EXPORT(visitors)
