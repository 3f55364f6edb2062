// An actor as a struct and a table of methods: reads the struct, runs what is asked, keeps what changed.

#include <string.h>

#include "context.h"

#define SHAPES_DEEP_MAX 16

// A struct in memory, and its JSON as it is stored; as it is before anything was, when nothing is.
typedef struct loaded {
  void *state;
  gr_bytes stored;
} loaded;

bool gr_reply(gr_context *ctx, const gr_shape *shape, const void *value) {
  return gr_payload_of(ctx, shape, value, &ctx->reply);
}

bool gr_reply_payload(gr_context *ctx, gr_payload payload) {
  ctx->reply = payload;
  return true;
}

bool gr_keep(gr_context *ctx, gr_bytes stored, gr_bytes document) {
  if (stored.length == document.length && memcmp(stored.data, document.data, document.length) == 0) return true;
  return gr_state_set(ctx, GR_TEXT(GR_ACTOR_KEY), document);
}

bool gr_unreadable_state(gr_context *ctx) {
  return gr_fail(ctx, GR_INTERNAL, "the state of %s/%s can't be read: %s", ctx->me.actor_type.data,
                 ctx->me.id.data, ctx->failure.message.data);
}

bool gr_unknown_method(gr_context *ctx, const char *const *known, size_t count) {
  gr_text list = GR_TEXT("");
  for (size_t i = 0; i < count; i++) list = gr_format(ctx, "%s%s%s", list.data, i == 0 ? "" : ", ", known[i]);
  gr_text type = ctx->me.actor_type, method = ctx->message.method;
  return gr_fail(ctx, GR_UNIMPLEMENTED, "%.*s has no method `%.*s`; it has %s", GR_SHOWN(type), GR_SHOWN(method),
                 list.data);
}

// A member whose shape is another type's would write over its neighbours.
static void check(const gr_shape *shape, size_t deep) {
  if (shape == NULL || shape->kind != GR_KIND_STRUCT || deep > SHAPES_DEEP_MAX) return;
  for (size_t i = 0; i < shape->count; i++) {
    const gr_field *field = &shape->fields[i];
    if (field->size != field->shape->size) {
      gr_panic("member `%s` of `%s` has %zu bytes, but its shape is of `%s`, which has %zu", field->name,
               shape->name, field->size, field->shape->name, field->shape->size);
    }
    check(field->shape, deep + 1);
  }
}

static bool load(const gr_actor *actor, gr_context *ctx, loaded *loaded) {
  *loaded = (struct loaded){NULL, {NULL, 0}};
  if (actor->state == NULL) return true;
  loaded->state = gr_alloc(ctx, actor->state->size);
  if (!gr_state_get(ctx, GR_TEXT(GR_ACTOR_KEY), &loaded->stored)) {
    return gr_write_json(ctx, actor->state, loaded->state, &loaded->stored);
  }
  yyjson_val *root;
  if (gr_parse(ctx, loaded->stored, &root) && read_value(ctx, actor->state, root, loaded->state, NULL, true)) {
    return true;
  }
  return gr_unreadable_state(ctx);
}

static bool keep(const gr_actor *actor, gr_context *ctx, const loaded *loaded) {
  if (actor->state == NULL) return true;
  gr_bytes document;
  return gr_write_json(ctx, actor->state, loaded->state, &document) && gr_keep(ctx, loaded->stored, document);
}

static bool read_arguments(gr_context *ctx, const gr_shape *shape, char *arguments) {
  const char **names = gr_alloc(ctx, shape->count * sizeof *names);
  yyjson_val **given = gr_alloc(ctx, shape->count * sizeof *given);
  for (size_t i = 0; i < shape->count; i++) names[i] = shape->fields[i].name;
  if (!gr_match_arguments(ctx, names, shape->count, given)) return false;
  for (size_t i = 0; i < shape->count; i++) {
    const gr_field *field = &shape->fields[i];
    gr_place place = {NULL, gr_text_of(field->name), 0};
    if (given[i] == NULL && field->has != GR_ALWAYS) continue;
    bool is_read = given[i] == NULL ? gr_missing(ctx, &place)
                                    : read_field(ctx, field, given[i], arguments, &place);
    if (!is_read) return gr_fail(ctx, GR_INVALID_ARGUMENT, "argument %s", ctx->failure.message.data);
  }
  return true;
}

bool gr_actor_activate(const gr_actor *actor, gr_context *ctx) {
  check(actor->state, 0);
  for (size_t i = 0; i < actor->method_count; i++) check(actor->methods[i].arguments, 0);
  loaded loaded;
  if (!load(actor, ctx, &loaded)) return false;
  if (actor->activate == NULL) return true;
  return actor->activate(ctx, loaded.state) && keep(actor, ctx, &loaded);
}

bool gr_actor_receive(const gr_actor *actor, gr_context *ctx) {
  const gr_method *method = NULL;
  for (size_t i = 0; i < actor->method_count && method == NULL; i++) {
    if (gr_text_is(ctx->message.method, actor->methods[i].name)) method = &actor->methods[i];
  }
  if (method == NULL) {
    const char **known = gr_alloc(ctx, actor->method_count * sizeof *known);
    for (size_t i = 0; i < actor->method_count; i++) known[i] = actor->methods[i].name;
    return gr_unknown_method(ctx, known, actor->method_count);
  }
  void *arguments = NULL;
  if (method->arguments != NULL) {
    arguments = gr_alloc(ctx, method->arguments->size);
    if (!read_arguments(ctx, method->arguments, arguments)) return false;
  }
  loaded loaded;
  return load(actor, ctx, &loaded) && method->run(ctx, loaded.state, arguments) && keep(actor, ctx, &loaded);
}

bool gr_actor_deactivate(const gr_actor *actor, gr_context *ctx) {
  if (actor->deactivate == NULL) return true;
  loaded loaded;
  return load(actor, ctx, &loaded) && actor->deactivate(ctx, loaded.state) && keep(actor, ctx, &loaded);
}
