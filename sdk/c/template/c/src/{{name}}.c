// The actor type `{{name}}`: a counter that forgets.

#include <greenroom.h>

#define HOUR_MS 3600000

// What is kept.
typedef struct counter {
  uint32_t count;
} counter;

GR_STRUCT(counter, GR_FIELD(counter, count, gr_u32));

typedef struct add_arguments {
  uint32_t amount;
} add_arguments;

GR_STRUCT(add_arguments, GR_FIELD(add_arguments, amount, gr_u32));

// Adds `amount`; an hour later the counter is back at zero.
static bool add(gr_context *ctx, void *state, const void *arguments) {
  counter *self = state;
  uint32_t amount = ((const add_arguments *)arguments)->amount;
  if (amount == 0) return gr_fail(ctx, GR_INVALID_ARGUMENT, "add something");
  if (amount > UINT32_MAX - self->count) return gr_fail(ctx, GR_INVALID_ARGUMENT, "too much");
  self->count += amount;
  gr_schedule once = {.delay_ms = HOUR_MS};
  if (!gr_set_reminder(ctx, "forget", once, "forget", GR_NOTHING)) return false;
  return gr_reply(ctx, &gr_u32, &self->count);
}

// Says what the count is.
static bool get(gr_context *ctx, void *state, const void *arguments) {
  (void)arguments;
  return gr_reply(ctx, &gr_u32, &((counter *)state)->count);
}

// The reminder's method.
static bool forget(gr_context *ctx, void *state, const void *arguments) {
  (void)ctx, (void)arguments;
  ((counter *)state)->count = 0;
  return true;
}

static const gr_method methods[] = {
    GR_METHOD_OF(add, add_arguments),
    GR_METHOD(get),
    GR_METHOD(forget),
};

static const gr_actor actor = {.state = &counter_shape, .methods = methods, .method_count = GR_COUNT(methods)};

GR_EXPORT(actor)
