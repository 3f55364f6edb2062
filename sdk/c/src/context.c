// What an actor may do during a turn, as calls of the host's functions.

#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Between the contract's values and the SDK's -------------------------------------------------------

gr_text text_in(gr_context *ctx, actor_string_t *text) {
  gr_text copy = gr_copy_text(ctx, (gr_text){(const char *)text->ptr, text->len});
  actor_string_free(text);
  return copy;
}

gr_bytes bytes_in(gr_context *ctx, actor_list_u8_t *bytes) {
  if (bytes->len == 0) return (gr_bytes){(const uint8_t *)"", 0};
  arena_adopt(&ctx->memory, bytes->ptr);
  return (gr_bytes){bytes->ptr, bytes->len};
}

// The bindings only read what they are given, though their types don't say so.
actor_string_t text_out(gr_text text) {
  return (actor_string_t){(uint8_t *)(uintptr_t)(text.length == 0 ? "" : text.data), text.length};
}

actor_list_u8_t bytes_out(gr_bytes bytes) {
  if (bytes.length == 0) return (actor_list_u8_t){(uint8_t *)(uintptr_t) "", 0};
  return (actor_list_u8_t){(uint8_t *)(uintptr_t)bytes.data, bytes.length};
}

static greenroom_actor_types_payload_t payload_out(gr_payload payload) {
  return (greenroom_actor_types_payload_t){text_out(payload.content_type), bytes_out(payload.body)};
}

static greenroom_actor_types_address_t address_out(gr_address address) {
  return (greenroom_actor_types_address_t){text_out(address.actor_type), text_out(address.id)};
}

static bool limited(gr_context *ctx, actor_string_t *limit) {
  gr_text text = text_in(ctx, limit);
  return gr_fail(ctx, GR_RESOURCE_EXHAUSTED, "%s", text.data);
}

// ---- What the turn is about ----------------------------------------------------------------------------

gr_address gr_me(const gr_context *ctx) { return ctx->me; }

const gr_message *gr_received(const gr_context *ctx) { return &ctx->message; }

gr_text gr_origin_text(gr_context *ctx) {
  const gr_origin *origin = &ctx->message.origin;
  switch (origin->kind) {
    case GR_ORIGIN_CLIENT: return GR_TEXT("client");
    case GR_ORIGIN_ACTOR:
      return gr_format(ctx, "%s/%s", origin->address.actor_type.data, origin->address.id.data);
    case GR_ORIGIN_REMINDER: return gr_format(ctx, "reminder %s", origin->name.data);
    case GR_ORIGIN_TIMER: return gr_format(ctx, "timer %s", origin->name.data);
    default: return GR_TEXT("host");
  }
}

bool gr_is_reminder(const gr_context *ctx, const char *name) {
  const gr_origin *origin = &ctx->message.origin;
  return origin->kind == GR_ORIGIN_REMINDER && gr_text_is(origin->name, name);
}

bool gr_is_timer(const gr_context *ctx, const char *name) {
  const gr_origin *origin = &ctx->message.origin;
  return origin->kind == GR_ORIGIN_TIMER && gr_text_is(origin->name, name);
}

uint64_t gr_now_ms(gr_context *ctx) {
  (void)ctx;
  return greenroom_actor_context_now_ms();
}

void gr_random(gr_context *ctx, void *into, size_t length) {
  (void)ctx;
  uint8_t *next = into;
  while (length > 0) {
    uint32_t asked = length < 4096 ? (uint32_t)length : 4096;
    actor_list_u8_t bytes;
    greenroom_actor_context_random(asked, &bytes);
    if (bytes.len != asked) gr_panic("the host gave %zu random bytes instead of %u", bytes.len, (unsigned)asked);
    memcpy(next, bytes.ptr, asked);
    actor_list_u8_free(&bytes);
    next += asked;
    length -= asked;
  }
}

void *gr_alloc(gr_context *ctx, size_t size) {
  void *memory = arena_take(&ctx->memory, size);
  memset(memory, 0, size);
  return memory;
}

// ---- Failures and logging ------------------------------------------------------------------------------

const char *gr_code_name(gr_code code) {
  static const char *const names[] = {"invalid-argument",    "permission-denied",  "not-found", "conflict",
                                      "failed-precondition", "resource-exhausted", "internal",  "unimplemented"};
  return (size_t)code < GR_COUNT(names) ? names[code] : "internal";
}

bool gr_fail(gr_context *ctx, gr_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  ctx->failure = (gr_failure){code, format_text(ctx, format, arguments)};
  va_end(arguments);
  ctx->has_failed = true;
  return false;
}

const gr_failure *gr_failed_with(const gr_context *ctx) { return ctx->has_failed ? &ctx->failure : NULL; }

void gr_panic(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t shown = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
  actor_string_t message = text_out((gr_text){text, shown});
  greenroom_actor_log_write(GREENROOM_ACTOR_LOG_LEVEL_ERROR, &message);
  __builtin_trap();
}

void gr_log_text(gr_context *ctx, gr_level level, gr_text message) {
  (void)ctx;
  actor_string_t text = text_out(message);
  greenroom_actor_log_write((greenroom_actor_log_level_t)level, &text);
}

void gr_log(gr_context *ctx, gr_level level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  gr_log_text(ctx, level, format_text(ctx, format, arguments));
  va_end(arguments);
}

// ---- State ---------------------------------------------------------------------------------------------

bool gr_state_get(gr_context *ctx, gr_text key, gr_bytes *value) {
  actor_string_t name = text_out(key);
  actor_list_u8_t bytes;
  if (!greenroom_actor_state_get(&name, &bytes)) return false;
  *value = bytes_in(ctx, &bytes);
  return true;
}

bool gr_state_set(gr_context *ctx, gr_text key, gr_bytes value) {
  actor_string_t name = text_out(key), limit;
  actor_list_u8_t bytes = bytes_out(value);
  return greenroom_actor_state_set(&name, &bytes, &limit) || limited(ctx, &limit);
}

bool gr_state_delete(gr_context *ctx, gr_text key) {
  (void)ctx;
  actor_string_t name = text_out(key);
  return greenroom_actor_state_delete(&name);
}

gr_texts gr_state_keys(gr_context *ctx, gr_text prefix, gr_text after, uint32_t limit) {
  actor_string_t begin = text_out(prefix), last = text_out(after);
  actor_list_string_t found;
  greenroom_actor_state_keys(&begin, after.data == NULL ? NULL : &last, limit, &found);
  gr_text *keys = gr_alloc(ctx, found.len * sizeof *keys);
  for (size_t i = 0; i < found.len; i++) {
    keys[i] = gr_copy_text(ctx, (gr_text){(const char *)found.ptr[i].ptr, found.ptr[i].len});
  }
  gr_texts texts = {keys, found.len};
  actor_list_string_free(&found);
  return texts;
}

bool gr_state_read(gr_context *ctx, gr_text key, const gr_shape *shape, void *value, bool *found) {
  gr_bytes stored;
  *found = gr_state_get(ctx, key, &stored);
  if (!*found || gr_read_json(ctx, shape, stored, value)) return true;
  return gr_fail(ctx, GR_INTERNAL, "state `%.*s` can't be read as %s: %s", GR_SHOWN(key), shape->name,
                 ctx->failure.message.data);
}

bool gr_state_write(gr_context *ctx, gr_text key, const gr_shape *shape, const void *value) {
  gr_bytes document;
  return gr_write_json(ctx, shape, value, &document) && gr_state_set(ctx, key, document);
}

// ---- Other actors --------------------------------------------------------------------------------------

static gr_call_error call_error_in(gr_context *ctx, greenroom_actor_types_call_error_t *error) {
  gr_call_error in = {.kind = (gr_call_error_kind)error->tag};
  switch (error->tag) {
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_FAILED:
      in.failure.code = (gr_code)error->val.failed.code;
      in.failure.message = text_in(ctx, &error->val.failed.message);
      break;
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_DEADLOCK: in.detail = text_in(ctx, &error->val.deadlock); break;
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_CRASHED: in.detail = text_in(ctx, &error->val.crashed); break;
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_UNAVAILABLE: in.detail = text_in(ctx, &error->val.unavailable); break;
    default: break;
  }
  return in;
}

// The failure that a call without a reply is for the caller's own caller.
static bool call_failed(gr_context *ctx, gr_address to, const char *method, const gr_call_error *error) {
  static const struct {
    gr_code code;
    const char *words;
  } kinds[] = {
      [GR_CALL_FAILED] = {GR_INTERNAL, ""},
      [GR_CALL_UNKNOWN_ACTOR_TYPE] = {GR_FAILED_PRECONDITION, "nothing is deployed under that actor type"},
      [GR_CALL_DEADLOCK] = {GR_CONFLICT, "it waits for this very call: "},
      [GR_CALL_OVERLOADED] = {GR_RESOURCE_EXHAUSTED, "its mailbox is full"},
      [GR_CALL_TIMEOUT] = {GR_INTERNAL, "no reply before the deadline"},
      [GR_CALL_CRASHED] = {GR_INTERNAL, "it crashed: "},
      [GR_CALL_UNAVAILABLE] = {GR_INTERNAL, "it can't be reached: "},
  };
  bool ran = error->kind == GR_CALL_FAILED;
  gr_text detail = ran ? error->failure.message : error->detail;
  return gr_fail(ctx, ran ? error->failure.code : kinds[error->kind].code, "call %.*s/%.*s %s: %s%.*s",
                 GR_SHOWN(to.actor_type), GR_SHOWN(to.id), method, kinds[error->kind].words, GR_SHOWN(detail));
}

bool gr_call(gr_context *ctx, gr_address to, const char *method, gr_payload payload, gr_payload *reply) {
  greenroom_actor_types_address_t address = address_out(to);
  actor_string_t name = text_out(gr_text_of(method));
  greenroom_actor_types_payload_t asked = payload_out(payload), answered;
  greenroom_actor_types_call_error_t error;
  if (greenroom_actor_messaging_call(&address, &name, &asked, &answered, &error)) {
    reply->content_type = text_in(ctx, &answered.content_type);
    reply->body = bytes_in(ctx, &answered.body);
    return true;
  }
  ctx->call_error = call_error_in(ctx, &error);
  ctx->has_call_error = true;
  return call_failed(ctx, to, method, &ctx->call_error);
}

bool gr_call_json(gr_context *ctx, gr_address to, const char *method, const gr_shape *shape,
                  const void *arguments, const gr_shape *reply_shape, void *reply) {
  gr_payload payload, answer;
  if (!gr_payload_of(ctx, shape, arguments, &payload) || !gr_call(ctx, to, method, payload, &answer)) return false;
  if (reply_shape == NULL || gr_read_json(ctx, reply_shape, answer.body, reply)) return true;
  return gr_fail(ctx, GR_INTERNAL, "call %.*s/%.*s %s: the reply is not what was expected: %s",
                 GR_SHOWN(to.actor_type), GR_SHOWN(to.id), method, ctx->failure.message.data);
}

const gr_call_error *gr_call_failed_with(const gr_context *ctx) {
  return ctx->has_call_error ? &ctx->call_error : NULL;
}

bool gr_send(gr_context *ctx, gr_address to, const char *method, gr_payload payload, uint64_t delay_ms) {
  greenroom_actor_types_address_t address = address_out(to);
  actor_string_t name = text_out(gr_text_of(method)), limit;
  greenroom_actor_types_payload_t told = payload_out(payload);
  return greenroom_actor_messaging_send(&address, &name, &told, delay_ms, &limit) || limited(ctx, &limit);
}

bool gr_send_json(gr_context *ctx, gr_address to, const char *method, const gr_shape *shape,
                  const void *arguments, uint64_t delay_ms) {
  gr_payload payload;
  return gr_payload_of(ctx, shape, arguments, &payload) && gr_send(ctx, to, method, payload, delay_ms);
}

// ---- Reminders and timers ------------------------------------------------------------------------------

static greenroom_actor_reminders_schedule_t schedule_out(gr_schedule schedule) {
  return (greenroom_actor_reminders_schedule_t){
      .delay_ms = schedule.delay_ms,
      .period_ms = {schedule.has_period || schedule.period_ms != 0, schedule.period_ms},
      .repetitions = {schedule.has_repetitions || schedule.repetitions != 0, schedule.repetitions},
  };
}

bool gr_set_reminder(gr_context *ctx, const char *name, gr_schedule schedule, const char *method,
                     gr_payload payload) {
  actor_string_t called = text_out(gr_text_of(name)), asked = text_out(gr_text_of(method)), limit;
  greenroom_actor_reminders_schedule_t when = schedule_out(schedule);
  greenroom_actor_types_payload_t with = payload_out(payload);
  return greenroom_actor_reminders_set(&called, &when, &asked, &with, &limit) || limited(ctx, &limit);
}

bool gr_cancel_reminder(gr_context *ctx, const char *name) {
  (void)ctx;
  actor_string_t called = text_out(gr_text_of(name));
  return greenroom_actor_reminders_cancel(&called);
}

gr_reminders gr_list_reminders(gr_context *ctx) {
  greenroom_actor_reminders_list_reminder_t found;
  greenroom_actor_reminders_list(&found);
  gr_reminder *reminders = gr_alloc(ctx, found.len * sizeof *reminders);
  for (size_t i = 0; i < found.len; i++) {
    const greenroom_actor_reminders_reminder_t *each = &found.ptr[i];
    reminders[i] = (gr_reminder){
        .name = gr_copy_text(ctx, (gr_text){(const char *)each->name.ptr, each->name.len}),
        .method = gr_copy_text(ctx, (gr_text){(const char *)each->method.ptr, each->method.len}),
        .due_in_ms = each->due_in_ms,
        .schedule = {.delay_ms = each->schedule.delay_ms,
                     .has_period = each->schedule.period_ms.is_some,
                     .period_ms = each->schedule.period_ms.is_some ? each->schedule.period_ms.val : 0,
                     .has_repetitions = each->schedule.repetitions.is_some,
                     .repetitions = each->schedule.repetitions.is_some ? each->schedule.repetitions.val : 0},
    };
  }
  gr_reminders list = {reminders, found.len};
  greenroom_actor_reminders_list_reminder_free(&found);
  return list;
}

bool gr_set_timer(gr_context *ctx, const char *name, gr_schedule schedule, const char *method,
                  gr_payload payload) {
  actor_string_t called = text_out(gr_text_of(name)), asked = text_out(gr_text_of(method)), limit;
  greenroom_actor_reminders_schedule_t when = schedule_out(schedule);
  greenroom_actor_types_payload_t with = payload_out(payload);
  return greenroom_actor_timers_set(&called, &when, &asked, &with, &limit) || limited(ctx, &limit);
}

bool gr_cancel_timer(gr_context *ctx, const char *name) {
  (void)ctx;
  actor_string_t called = text_out(gr_text_of(name));
  return greenroom_actor_timers_cancel(&called);
}
