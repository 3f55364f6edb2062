// The contract's exports: a context for each turn around the actor's three functions, and everything freed
// when it ends.

#include <stdlib.h>
#include <string.h>

#include "context.h"

// Who this actor is, kept between turns: the only thing that is.
static gr_address me;

static char *kept_copy(actor_string_t text) {
  char *copy = malloc(text.len + 1);
  if (copy == NULL) gr_panic("out of memory");
  if (text.len > 0) memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  return copy;
}

static void remember_me(exports_greenroom_actor_behavior_address_t *address) {
  free((void *)(uintptr_t)me.actor_type.data);
  free((void *)(uintptr_t)me.id.data);
  me.actor_type = (gr_text){kept_copy(address->actor_type), address->actor_type.len};
  me.id = (gr_text){kept_copy(address->id), address->id.len};
  exports_greenroom_actor_behavior_address_free(address);
}

static gr_context new_turn(void) {
  gr_context ctx;
  memset(&ctx, 0, sizeof ctx);
  ctx.me = me;
  ctx.message.origin.kind = GR_ORIGIN_HOST;
  return ctx;
}

// A copy for the bindings, which free what they are given.
static actor_list_u8_t given_away(const void *data, size_t length) {
  if (length == 0) return (actor_list_u8_t){NULL, 0};
  uint8_t *copy = malloc(length);
  if (copy == NULL) gr_panic("out of memory");
  memcpy(copy, data, length);
  return (actor_list_u8_t){copy, length};
}

static actor_string_t text_given_away(gr_text text) {
  actor_list_u8_t bytes = given_away(text.data, text.length);
  return (actor_string_t){bytes.ptr, bytes.len};
}

static bool fail_with(gr_context *ctx, exports_greenroom_actor_behavior_failure_t *err) {
  if (!ctx->has_failed) gr_fail(ctx, GR_INTERNAL, "the turn failed, and nothing says why");
  err->code = (greenroom_actor_types_error_code_t)ctx->failure.code;
  err->message = text_given_away(ctx->failure.message);
  return false;
}

static gr_origin origin_in(gr_context *ctx, greenroom_actor_types_origin_t *origin) {
  switch (origin->tag) {
    case GREENROOM_ACTOR_TYPES_ORIGIN_ACTOR: {
      gr_address address = {text_in(ctx, &origin->val.actor.actor_type), text_in(ctx, &origin->val.actor.id)};
      return (gr_origin){.kind = GR_ORIGIN_ACTOR, .address = address};
    }
    case GREENROOM_ACTOR_TYPES_ORIGIN_REMINDER:
      return (gr_origin){.kind = GR_ORIGIN_REMINDER, .name = text_in(ctx, &origin->val.reminder)};
    case GREENROOM_ACTOR_TYPES_ORIGIN_TIMER:
      return (gr_origin){.kind = GR_ORIGIN_TIMER, .name = text_in(ctx, &origin->val.timer)};
    default: return (gr_origin){.kind = GR_ORIGIN_CLIENT};
  }
}

bool exports_greenroom_actor_behavior_activate(exports_greenroom_actor_behavior_address_t *address,
                                               exports_greenroom_actor_behavior_failure_t *err) {
  remember_me(address);
  gr_context ctx = new_turn();
  bool succeeded = greenroom_activate(&ctx) || fail_with(&ctx, err);
  arena_clear(&ctx.memory);
  return succeeded;
}

bool exports_greenroom_actor_behavior_receive(exports_greenroom_actor_behavior_message_t *message,
                                              exports_greenroom_actor_behavior_payload_t *ret,
                                              exports_greenroom_actor_behavior_failure_t *err) {
  gr_context ctx = new_turn();
  ctx.message = (gr_message){
      .id = text_in(&ctx, &message->id),
      .method = text_in(&ctx, &message->method),
      .payload = {text_in(&ctx, &message->payload.content_type), bytes_in(&ctx, &message->payload.body)},
      .origin = origin_in(&ctx, &message->origin),
      .attempt = message->attempt,
  };
  bool succeeded = greenroom_receive(&ctx);
  if (succeeded) {
    ret->content_type = text_given_away(ctx.reply.content_type);
    ret->body = given_away(ctx.reply.body.data, ctx.reply.body.length);
  } else {
    fail_with(&ctx, err);
  }
  arena_clear(&ctx.memory);
  return succeeded;
}

// The contract has no failure here: a trap keeps what was written so far from being committed.
void exports_greenroom_actor_behavior_deactivate(void) {
  gr_context ctx = new_turn();
  if (!greenroom_deactivate(&ctx)) {
    gr_panic("deactivating failed: %s", ctx.has_failed ? ctx.failure.message.data : "nothing says why");
  }
  arena_clear(&ctx.memory);
}
