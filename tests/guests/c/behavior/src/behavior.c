// The conformance guest in C against the WIT alone: the exports of `world actor`.

#include "../bindings/actor.h"

#include <stdlib.h>
#include <string.h>

#include "../../script/memory.h"
#include "../../script/script.h"

static text in(actor_string_t string) { return (text){(const char *)string.ptr, string.len}; }

static bool is(text text, const char *word) { return begins_with(text, word) && text.length == strlen(word); }

// Results are freed by the bindings, and so come from `malloc`.
static uint8_t *given_away(const char *data, size_t length) {
  if (length == 0) return NULL;
  uint8_t *copy = malloc(length);
  if (copy == NULL) abort();
  memcpy(copy, data, length);
  return copy;
}

static bool refuse(const refusal *refusal, greenroom_actor_types_failure_t *err) {
  err->code = refusal->code;
  err->message = (actor_string_t){given_away(refusal->words.data, refusal->words.length), refusal->words.length};
  give_back_all();
  return false;
}

static bool reply(text type, text body, greenroom_actor_types_payload_t *ret) {
  ret->content_type = (actor_string_t){given_away(type.data, type.length), type.length};
  ret->body = (actor_list_u8_t){given_away(body.data, body.length), body.length};
  give_back_all();
  return true;
}

static text origin(const greenroom_actor_types_origin_t *origin) {
  switch (origin->tag) {
    case GREENROOM_ACTOR_TYPES_ORIGIN_ACTOR: {
      text type = joined(text_of("actor "), in(origin->val.actor.actor_type));
      return joined(joined(type, text_of(" ")), in(origin->val.actor.id));
    }
    case GREENROOM_ACTOR_TYPES_ORIGIN_REMINDER: return joined(text_of("reminder "), in(origin->val.reminder));
    case GREENROOM_ACTOR_TYPES_ORIGIN_TIMER: return joined(text_of("timer "), in(origin->val.timer));
    default: return text_of("client");
  }
}

// `ID METHOD ATTEMPT CONTENT-TYPE ORIGIN`
static text shown(const exports_greenroom_actor_behavior_message_t *message) {
  text type = in(message->payload.content_type);
  const char *semicolon = type.length == 0 ? NULL : memchr(type.data, ';', type.length);
  if (semicolon != NULL) type.length = (size_t)(semicolon - type.data);
  text words[] = {in(message->method), decimal(message->attempt), type, origin(&message->origin)};
  text all = in(message->id);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) all = joined(joined(all, text_of(" ")), words[i]);
  return all;
}

bool exports_greenroom_actor_behavior_activate(exports_greenroom_actor_behavior_address_t *me,
                                               exports_greenroom_actor_behavior_failure_t *err) {
  refusal refusal;
  if (!wake(in(me->actor_type), in(me->id), &refusal)) return refuse(&refusal, err);
  give_back_all();
  return true;
}

bool exports_greenroom_actor_behavior_receive(exports_greenroom_actor_behavior_message_t *message,
                                              exports_greenroom_actor_behavior_payload_t *ret,
                                              exports_greenroom_actor_behavior_failure_t *err) {
  text method = in(message->method), result;
  text body = {(const char *)message->payload.body.ptr, message->payload.body.len};
  refusal refusal;
  if (is(method, "echo")) return reply(in(message->payload.content_type), body, ret);
  if (is(method, "increment")) {
    uint64_t number;
    if (!add_one("n", &number, &refusal)) return refuse(&refusal, err);
    return reply(text_of("text/plain"), decimal(number), ret);
  }
  if (is(method, "run")) {
    known known = {true, shown(message), message->attempt};
    if (!run_script(body, &known, &result, &refusal)) return refuse(&refusal, err);
    return reply(text_of("text/plain"), result, ret);
  }
  refusal.code = GREENROOM_ACTOR_TYPES_ERROR_CODE_UNIMPLEMENTED;
  refusal.words = joined(text_of("there is no method "), method);
  return refuse(&refusal, err);
}

void exports_greenroom_actor_behavior_deactivate(void) {
  rest();
  give_back_all();
}
