// The commands of a script, each a function of its words.

#include "script.h"

#include <stdlib.h>
#include <string.h>

// The arguments that are left of a line.
typedef gr_text words;

// The next one; `-` is nothing.
static gr_text next(words *words) {
  const char *space = words->length == 0 ? NULL : memchr(words->data, ' ', words->length);
  gr_text word = {words->data, space == NULL ? words->length : (size_t)(space - words->data)};
  size_t taken = word.length + (space != NULL);
  *words = (gr_text){words->data + taken, words->length - taken};
  return gr_text_is(word, "-") ? GR_TEXT("") : word;
}

// The next one, with a zero byte after it.
static const char *name(gr_context *ctx, words *words) { return gr_copy_text(ctx, next(words)).data; }

static bool number(gr_context *ctx, words *words, uint64_t *value) {
  gr_text digits = next(words);
  *value = 0;
  for (size_t i = 0; i < digits.length; i++) {
    unsigned digit = (unsigned char)digits.data[i] - '0';
    if (digit > 9 || *value > (UINT64_MAX - digit) / 10) return gr_fail(ctx, GR_INVALID_ARGUMENT, "no number");
    *value = *value * 10 + digit;
  }
  return digits.length > 0 || gr_fail(ctx, GR_INVALID_ARGUMENT, "a number is missing");
}

// A number that may be `-`; says in `is_given` whether it is one.
static bool optional_number(gr_context *ctx, words *words, bool *is_given, uint64_t *value) {
  gr_text rest = *words;
  *is_given = next(&rest).length > 0;
  if (*is_given) return number(ctx, words, value);
  *words = rest;
  *value = 0;
  return true;
}

static gr_bytes bytes_of(gr_text text) { return (gr_bytes){(const uint8_t *)text.data, text.length}; }

// `head` and then `tail`, which may have any bytes.
static gr_text joined(gr_context *ctx, const char *head, gr_text tail) {
  size_t length = strlen(head);
  char *text = gr_alloc(ctx, length + tail.length + 1);
  memcpy(text, head, length);
  if (tail.length > 0) memcpy(text + length, tail.data, tail.length);
  return (gr_text){text, length + tail.length};
}

static gr_text value_of(gr_context *ctx, gr_bytes bytes) {
  return joined(ctx, "value ", (gr_text){(const char *)bytes.data, bytes.length});
}

static gr_text truth(bool value) { return value ? GR_TEXT("true") : GR_TEXT("false"); }

// `ok`, or the limit that was met, which is a result and no end.
static gr_text outcome(gr_context *ctx, bool done) {
  return done ? GR_TEXT("ok") : joined(ctx, "limit ", gr_failed_with(ctx)->message);
}

static gr_text hex(gr_context *ctx, const uint8_t *bytes, size_t length) {
  static const char digits[] = "0123456789abcdef";
  char *text = gr_alloc(ctx, 2 * length + 1);
  for (size_t i = 0; i < length; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return (gr_text){text, 2 * length};
}

static bool from_hex(gr_context *ctx, gr_text text, gr_bytes *bytes) {
  uint8_t *made = gr_alloc(ctx, text.length / 2);
  for (size_t i = 0; i < text.length; i++) {
    char digit = text.data[i];
    bool is_letter = digit >= 'a' && digit <= 'f';
    if (text.length % 2 != 0 || (!is_letter && (digit < '0' || digit > '9'))) {
      return gr_fail(ctx, GR_INVALID_ARGUMENT, "no bytes");
    }
    made[i / 2] = (uint8_t)(made[i / 2] << 4 | (is_letter ? digit - 'a' + 10 : digit - '0'));
  }
  *bytes = (gr_bytes){made, text.length / 2};
  return true;
}

static gr_payload plain(gr_text text) { return (gr_payload){GR_TEXT("text/plain"), bytes_of(text)}; }

bool add_one(gr_context *ctx, const char *key, gr_text *result) {
  gr_bytes stored = {NULL, 0};
  gr_state_get(ctx, gr_text_of(key), &stored);
  words digits = {(const char *)stored.data, stored.length};
  uint64_t count = 0;
  if (stored.length > 0 && !number(ctx, &digits, &count)) return false;
  *result = gr_format(ctx, "%llu", (unsigned long long)(count + 1));
  return gr_state_set(ctx, gr_text_of(key), bytes_of(*result));
}

// ---- State ---------------------------------------------------------------------------------------------

static bool set(gr_context *ctx, words words, gr_text *result) {
  gr_text key = next(&words);
  *result = outcome(ctx, gr_state_set(ctx, key, bytes_of(words)));
  return true;
}

static bool set_hex(gr_context *ctx, words words, gr_text *result) {
  gr_text key = next(&words);
  gr_bytes bytes;
  if (!from_hex(ctx, next(&words), &bytes)) return false;
  *result = outcome(ctx, gr_state_set(ctx, key, bytes));
  return true;
}

static bool fill(gr_context *ctx, words words, gr_text *result) {
  gr_text key = next(&words);
  uint64_t count;
  if (!number(ctx, &words, &count)) return false;
  char *bytes = gr_alloc(ctx, (size_t)count);
  memset(bytes, 'x', (size_t)count);
  *result = outcome(ctx, gr_state_set(ctx, key, (gr_bytes){(const uint8_t *)bytes, (size_t)count}));
  return true;
}

static bool append(gr_context *ctx, words words, gr_text *result) {
  gr_text key = next(&words), longer = words;
  gr_bytes stored;
  if (gr_state_get(ctx, key, &stored) && stored.length > 0) {
    char *list = gr_alloc(ctx, stored.length + 1 + words.length);
    memcpy(list, stored.data, stored.length);
    list[stored.length] = ',';
    if (words.length > 0) memcpy(list + stored.length + 1, words.data, words.length);
    longer = (gr_text){list, stored.length + 1 + words.length};
  }
  *result = gr_state_set(ctx, key, bytes_of(longer)) ? longer : outcome(ctx, false);
  return true;
}

static bool get(gr_context *ctx, words words, gr_text *result) {
  gr_bytes stored;
  *result = gr_state_get(ctx, next(&words), &stored) ? value_of(ctx, stored) : GR_TEXT("none");
  return true;
}

static bool get_hex(gr_context *ctx, words words, gr_text *result) {
  gr_bytes stored;
  bool found = gr_state_get(ctx, next(&words), &stored);
  *result = found ? joined(ctx, "value ", hex(ctx, stored.data, stored.length)) : GR_TEXT("none");
  return true;
}

static bool size(gr_context *ctx, words words, gr_text *result) {
  gr_bytes stored;
  *result = gr_state_get(ctx, next(&words), &stored) ? gr_format(ctx, "%zu", stored.length) : GR_TEXT("none");
  return true;
}

static bool delete(gr_context *ctx, words words, gr_text *result) {
  *result = truth(gr_state_delete(ctx, next(&words)));
  return true;
}

static bool keys(gr_context *ctx, words words, gr_text *result) {
  gr_text prefix = next(&words), after = next(&words);
  uint64_t limit;
  if (!number(ctx, &words, &limit)) return false;
  gr_texts found = gr_state_keys(ctx, prefix, after.length == 0 ? (gr_text){NULL, 0} : after, (uint32_t)limit);
  *result = GR_TEXT("");
  for (size_t i = 0; i < found.count; i++) {
    *result = gr_format(ctx, "%s%s%s", result->data, i == 0 ? "" : " ", found.items[i].data);
  }
  return true;
}

// ---- Messages ------------------------------------------------------------------------------------------

static gr_text call_error(gr_context *ctx, const gr_call_error *error) {
  switch (error->kind) {
    case GR_CALL_FAILED: {
      const char *head = gr_format(ctx, "failed %s ", gr_code_name(error->failure.code)).data;
      return joined(ctx, head, error->failure.message);
    }
    case GR_CALL_UNKNOWN_ACTOR_TYPE: return GR_TEXT("unknown-actor-type");
    case GR_CALL_DEADLOCK: return joined(ctx, "deadlock ", error->detail);
    case GR_CALL_OVERLOADED: return GR_TEXT("overloaded");
    case GR_CALL_TIMEOUT: return GR_TEXT("timeout");
    case GR_CALL_CRASHED: return joined(ctx, "crashed ", error->detail);
    default: return joined(ctx, "unavailable ", error->detail);
  }
}

static bool call(gr_context *ctx, words words, gr_text *result) {
  gr_address to = {next(&words), (gr_text){NULL, 0}};
  to.id = next(&words);
  const char *method = name(ctx, &words);
  gr_payload reply;
  bool answered = gr_call(ctx, to, method, plain(words), &reply);
  gr_text text = {(const char *)reply.body.data, reply.body.length};
  *result = answered ? joined(ctx, "reply ", text) : call_error(ctx, gr_call_failed_with(ctx));
  return true;
}

static bool send(gr_context *ctx, words words, gr_text *result) {
  uint64_t delay_ms;
  if (!number(ctx, &words, &delay_ms)) return false;
  gr_address to = {next(&words), (gr_text){NULL, 0}};
  to.id = next(&words);
  const char *method = name(ctx, &words);
  *result = outcome(ctx, gr_send(ctx, to, method, plain(words), delay_ms));
  return true;
}

static bool schedule_of(gr_context *ctx, words *words, gr_schedule *schedule) {
  uint64_t repetitions;
  if (!number(ctx, words, &schedule->delay_ms) ||
      !optional_number(ctx, words, &schedule->has_period, &schedule->period_ms) ||
      !optional_number(ctx, words, &schedule->has_repetitions, &repetitions)) {
    return false;
  }
  schedule->repetitions = (uint32_t)repetitions;
  return true;
}

static bool remind(gr_context *ctx, words words, gr_text *result) {
  const char *called = name(ctx, &words);
  gr_schedule schedule;
  if (!schedule_of(ctx, &words, &schedule)) return false;
  const char *method = name(ctx, &words);
  *result = outcome(ctx, gr_set_reminder(ctx, called, schedule, method, plain(words)));
  return true;
}

static bool timer(gr_context *ctx, words words, gr_text *result) {
  const char *called = name(ctx, &words);
  gr_schedule schedule;
  if (!schedule_of(ctx, &words, &schedule)) return false;
  const char *method = name(ctx, &words);
  *result = outcome(ctx, gr_set_timer(ctx, called, schedule, method, plain(words)));
  return true;
}

static bool cancel_reminder(gr_context *ctx, words words, gr_text *result) {
  *result = truth(gr_cancel_reminder(ctx, name(ctx, &words)));
  return true;
}

static bool cancel_timer(gr_context *ctx, words words, gr_text *result) {
  *result = truth(gr_cancel_timer(ctx, name(ctx, &words)));
  return true;
}

static const char *number_or_none(gr_context *ctx, bool is_given, uint64_t value) {
  return is_given ? gr_format(ctx, "%llu", (unsigned long long)value).data : "-";
}

static bool reminders(gr_context *ctx, words words, gr_text *result) {
  (void)words;
  gr_reminders found = gr_list_reminders(ctx);
  *result = GR_TEXT("");
  for (size_t i = 0; i < found.count; i++) {
    const gr_reminder *each = &found.items[i];
    *result = gr_format(ctx, "%s%s%s %s %llu %llu %s %s", result->data, i == 0 ? "" : "; ", each->name.data,
                        each->method.data, (unsigned long long)each->due_in_ms,
                        (unsigned long long)each->schedule.delay_ms,
                        number_or_none(ctx, each->schedule.has_period, each->schedule.period_ms),
                        number_or_none(ctx, each->schedule.has_repetitions, each->schedule.repetitions));
  }
  return true;
}

// ---- Failing -------------------------------------------------------------------------------------------

static bool fail(gr_context *ctx, words words, gr_text *result) {
  (void)result;
  gr_text code = next(&words);
  for (int each = GR_INVALID_ARGUMENT; each <= GR_UNIMPLEMENTED; each++) {
    if (gr_text_is(code, gr_code_name((gr_code)each))) return gr_fail(ctx, (gr_code)each, "%.*s", GR_SHOWN(words));
  }
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "no code %.*s", GR_SHOWN(code));
}

static bool fail_until(gr_context *ctx, words words, gr_text *result) {
  uint64_t attempt;
  if (!number(ctx, &words, &attempt)) return false;
  *result = GR_TEXT("ok");
  return gr_received(ctx)->attempt >= attempt || gr_fail(ctx, GR_FAILED_PRECONDITION, "too early");
}

static bool trap(gr_context *ctx, words words, gr_text *result) {
  (void)ctx, (void)words, (void)result;
  abort();
}

static bool spin(gr_context *ctx, words words, gr_text *result) {
  (void)ctx, (void)words, (void)result;
  for (volatile unsigned turn = 0;; turn++) continue;
}

static bool bomb(gr_context *ctx, words words, gr_text *result) {
  (void)words, (void)result;
  for (;;) gr_alloc(ctx, (size_t)1 << 20);
}

// ---- The rest ------------------------------------------------------------------------------------------

// Kept in a variable, not in the state.
static gr_text remembered = {"", 0};

static bool remember(gr_context *ctx, words words, gr_text *result) {
  (void)ctx;
  char *copy = malloc(words.length + 1);
  if (copy == NULL) gr_panic("out of memory");
  if (words.length > 0) memcpy(copy, words.data, words.length);
  remembered = (gr_text){copy, words.length};
  *result = GR_TEXT("ok");
  return true;
}

static bool recall(gr_context *ctx, words words, gr_text *result) {
  (void)words;
  *result = joined(ctx, "value ", remembered);
  return true;
}

static bool me(gr_context *ctx, words words, gr_text *result) {
  (void)words;
  *result = gr_format(ctx, "%s %s", gr_me(ctx).actor_type.data, gr_me(ctx).id.data);
  return true;
}

static bool message(gr_context *ctx, words words, gr_text *result) {
  const gr_message *it = gr_received(ctx);
  const gr_address *from = &it->origin.address;
  bool is_actor = it->origin.kind == GR_ORIGIN_ACTOR;
  gr_text origin = is_actor ? gr_format(ctx, "actor %s %s", from->actor_type.data, from->id.data) : gr_origin_text(ctx);
  gr_text type = it->payload.content_type;
  const char *semicolon = type.length == 0 ? NULL : memchr(type.data, ';', type.length);
  if (semicolon != NULL) type.length = (size_t)(semicolon - type.data);
  *result = gr_format(ctx, "%s %s %u %.*s %s", it->id.data, it->method.data, (unsigned)it->attempt, GR_SHOWN(type),
                      origin.data);
  gr_text key = next(&words);
  return key.length == 0 || gr_state_set(ctx, key, bytes_of(*result));
}

static bool now(gr_context *ctx, words words, gr_text *result) {
  (void)words;
  *result = gr_format(ctx, "%llu", (unsigned long long)gr_now_ms(ctx));
  return true;
}

static bool random_bytes(gr_context *ctx, words words, gr_text *result) {
  uint64_t count;
  if (!number(ctx, &words, &count)) return false;
  uint8_t *bytes = gr_alloc(ctx, (size_t)count);
  gr_random(ctx, bytes, (size_t)count);
  *result = hex(ctx, bytes, (size_t)count);
  return true;
}

static bool log_text(gr_context *ctx, words words, gr_text *result) {
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
  gr_text level = next(&words);
  for (size_t i = 0; i < GR_COUNT(levels); i++) {
    if (!gr_text_is(level, levels[i])) continue;
    gr_log_text(ctx, (gr_level)i, words);
    *result = GR_TEXT("ok");
    return true;
  }
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "no level %.*s", GR_SHOWN(level));
}

// There is no standard output.
static bool print(gr_context *ctx, words words, gr_text *result) {
  gr_log_text(ctx, GR_INFO, words);
  *result = GR_TEXT("ok");
  return true;
}

static const struct {
  const char *name;
  bool (*run)(gr_context *ctx, words words, gr_text *result);
} commands[] = {
    {"set", set},           {"set-hex", set_hex},   {"fill", fill},           {"append", append},
    {"get", get},           {"get-hex", get_hex},   {"size", size},           {"delete", delete},
    {"keys", keys},         {"call", call},         {"send", send},           {"remind", remind},
    {"timer", timer},       {"fail", fail},         {"fail-until", fail_until}, {"trap", trap},
    {"spin", spin},         {"bomb", bomb},         {"remember", remember},   {"recall", recall},
    {"me", me},             {"message", message},   {"now", now},             {"random", random_bytes},
    {"log", log_text},      {"print", print},       {"reminders", reminders}, {"cancel-reminder", cancel_reminder},
    {"cancel-timer", cancel_timer},
};

bool perform(gr_context *ctx, gr_text line, gr_text *result) {
  words words = line;
  gr_text command = next(&words);
  for (size_t i = 0; i < GR_COUNT(commands); i++) {
    if (gr_text_is(command, commands[i].name)) return commands[i].run(ctx, words, result);
  }
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "no command %.*s", GR_SHOWN(command));
}
