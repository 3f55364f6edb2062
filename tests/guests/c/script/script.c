// The commands of a script, against the imports of the contract. Each guest compiles this against its own
// bindings, which `wit-bindgen` names after the world.

#include "script.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#ifdef __BINDINGS_TYPED_H
typedef typed_string_t string_t;
typedef typed_list_u8_t bytes_t;
typedef typed_list_string_t strings_t;
#else
typedef actor_string_t string_t;
typedef actor_list_u8_t bytes_t;
typedef actor_list_string_t strings_t;
#endif

typedef greenroom_actor_types_payload_t payload_t;
typedef greenroom_actor_types_address_t address_t;
typedef greenroom_actor_types_call_error_t call_error_t;
typedef greenroom_actor_reminders_schedule_t schedule_t;

// ---- Texts ---------------------------------------------------------------------------------------------

text text_of(const char *string) { return (text){string, strlen(string)}; }

static bool is(text left, const char *right) {
  return left.length == strlen(right) && memcmp(left.data, right, left.length) == 0;
}

bool begins_with(text whole, const char *prefix) {
  size_t length = strlen(prefix);
  return whole.length >= length && memcmp(whole.data, prefix, length) == 0;
}

text joined(text left, text right) {
  char *both = take(left.length + right.length);
  if (left.length > 0) memcpy(both, left.data, left.length);
  if (right.length > 0) memcpy(both + left.length, right.data, right.length);
  return (text){both, left.length + right.length};
}

static text prefixed(const char *word, text rest) { return joined(text_of(word), rest); }

static text spaced(text left, text right) { return joined(joined(left, text_of(" ")), right); }

text decimal(uint64_t number) {
  char *digits = take(20);
  size_t at = 20;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return (text){digits + at, 20 - at};
}

static text hex(text bytes) {
  static const char digits[] = "0123456789abcdef";
  char *made = take(2 * bytes.length);
  for (size_t i = 0; i < bytes.length; i++) {
    made[2 * i] = digits[(uint8_t)bytes.data[i] >> 4];
    made[2 * i + 1] = digits[(uint8_t)bytes.data[i] & 15];
  }
  return (text){made, 2 * bytes.length};
}

static bool refuse(refusal *refusal, uint8_t code, const char *words) {
  *refusal = (struct refusal){code, text_of(words)};
  return false;
}

static bool wrong(refusal *refusal, const char *words) {
  return refuse(refusal, GREENROOM_ACTOR_TYPES_ERROR_CODE_INVALID_ARGUMENT, words);
}

// The next word; `-` is nothing.
static text next(text *words) {
  const char *space = words->length == 0 ? NULL : memchr(words->data, ' ', words->length);
  text word = {words->data, space == NULL ? words->length : (size_t)(space - words->data)};
  size_t taken = word.length + (space != NULL);
  *words = (text){words->data + taken, words->length - taken};
  return is(word, "-") ? text_of("") : word;
}

static bool number(text digits, uint64_t *value, refusal *refusal) {
  *value = 0;
  for (size_t i = 0; i < digits.length; i++) {
    unsigned digit = (unsigned char)digits.data[i] - '0';
    if (digit > 9 || *value > (UINT64_MAX - digit) / 10) return wrong(refusal, "no number");
    *value = *value * 10 + digit;
  }
  return digits.length > 0 || wrong(refusal, "a number is missing");
}

// ---- Between texts and the bindings --------------------------------------------------------------------

static string_t string_out(text text) { return (string_t){(uint8_t *)(uintptr_t)text.data, text.length}; }
static bytes_t bytes_out(text text) { return (bytes_t){(uint8_t *)(uintptr_t)text.data, text.length}; }
static text string_in(string_t string) { return (text){(const char *)string.ptr, string.len}; }

static payload_t plain(text body) { return (payload_t){string_out(text_of("text/plain")), bytes_out(body)}; }

static bool get(text key, text *value) {
  string_t name = string_out(key);
  bytes_t bytes;
  if (!greenroom_actor_state_get(&name, &bytes)) return false;
  *value = (text){(const char *)bytes.ptr, bytes.len};
  return true;
}

// `ok`, or the limit that was met.
static text set(text key, text value) {
  string_t name = string_out(key), limit;
  bytes_t bytes = bytes_out(value);
  if (greenroom_actor_state_set(&name, &bytes, &limit)) return text_of("ok");
  return prefixed("limit ", string_in(limit));
}

static text truth(bool value) { return text_of(value ? "true" : "false"); }

// ---- Around messages -----------------------------------------------------------------------------------

static text my_type, my_id;

static text kept(text passing) {
  char *copy = malloc(passing.length + 1);
  if (copy == NULL) abort();
  if (passing.length > 0) memcpy(copy, passing.data, passing.length);
  return (text){copy, passing.length};
}

bool add_one(const char *key, uint64_t *count, refusal *refusal) {
  text stored = {"", 0};
  *count = 0;
  if (get(text_of(key), &stored) && !number(stored, count, refusal)) return false;
  text outcome = set(text_of(key), decimal(++*count));
  if (is(outcome, "ok")) return true;
  *refusal = (struct refusal){GREENROOM_ACTOR_TYPES_ERROR_CODE_RESOURCE_EXHAUSTED, outcome};
  return false;
}

bool wake(text actor_type, text id, refusal *refusal) {
  text healed;
  uint64_t count;
  my_type = kept(actor_type);
  my_id = kept(id);
  if (begins_with(id, "fail-activate-") && !get(text_of("healed"), &healed)) {
    return refuse(refusal, GREENROOM_ACTOR_TYPES_ERROR_CODE_FAILED_PRECONDITION, "asked not to activate");
  }
  return !begins_with(id, "counted-") || add_one("activations", &count, refusal);
}

void rest(void) {
  refusal refusal;
  uint64_t count;
  if (begins_with(my_id, "counted-") && !add_one("deactivations", &count, &refusal)) abort();
}

// ---- Commands ------------------------------------------------------------------------------------------

static bool fill(text words, text *result, refusal *refusal) {
  text key = next(&words);
  uint64_t count;
  if (!number(next(&words), &count, refusal)) return false;
  char *bytes = take((size_t)count);
  memset(bytes, 'x', (size_t)count);
  *result = set(key, (text){bytes, (size_t)count});
  return true;
}

static bool set_hex(text words, text *result, refusal *refusal) {
  text key = next(&words), digits = next(&words);
  char *bytes = take(digits.length / 2);
  memset(bytes, 0, digits.length / 2);
  for (size_t i = 0; i < digits.length; i++) {
    char digit = digits.data[i];
    bool is_letter = digit >= 'a' && digit <= 'f';
    if (digits.length % 2 != 0 || (!is_letter && (digit < '0' || digit > '9'))) return wrong(refusal, "no bytes");
    bytes[i / 2] = (char)((uint8_t)bytes[i / 2] << 4 | (is_letter ? digit - 'a' + 10 : digit - '0'));
  }
  *result = set(key, (text){bytes, digits.length / 2});
  return true;
}

static text append(text words) {
  text key = next(&words), stored, longer = words;
  if (get(key, &stored) && stored.length > 0) longer = joined(joined(stored, text_of(",")), words);
  text outcome = set(key, longer);
  return is(outcome, "ok") ? longer : outcome;
}

static bool keys(text words, text *result, refusal *refusal) {
  text prefix = next(&words), after = next(&words);
  uint64_t limit;
  if (!number(next(&words), &limit, refusal)) return false;
  string_t begin = string_out(prefix), last = string_out(after);
  strings_t found;
  greenroom_actor_state_keys(&begin, after.length == 0 ? NULL : &last, (uint32_t)limit, &found);
  *result = text_of("");
  for (size_t i = 0; i < found.len; i++) {
    *result = i == 0 ? string_in(found.ptr[i]) : spaced(*result, string_in(found.ptr[i]));
  }
  return true;
}

static const char *const codes[] = {"invalid-argument",    "permission-denied",  "not-found", "conflict",
                                    "failed-precondition", "resource-exhausted", "internal",  "unimplemented"};
#define CODES (sizeof codes / sizeof codes[0])

static text call_error(const call_error_t *error) {
  switch (error->tag) {
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_FAILED: {
      const char *code = error->val.failed.code < CODES ? codes[error->val.failed.code] : "?";
      return prefixed("failed ", spaced(text_of(code), string_in(error->val.failed.message)));
    }
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_UNKNOWN_ACTOR_TYPE: return text_of("unknown-actor-type");
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_DEADLOCK: return prefixed("deadlock ", string_in(error->val.deadlock));
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_OVERLOADED: return text_of("overloaded");
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_TIMEOUT: return text_of("timeout");
    case GREENROOM_ACTOR_TYPES_CALL_ERROR_CRASHED: return prefixed("crashed ", string_in(error->val.crashed));
    default: return prefixed("unavailable ", string_in(error->val.unavailable));
  }
}

static address_t address(text *words) {
  address_t to = {.actor_type = string_out(next(words))};
  to.id = string_out(next(words));
  return to;
}

static text call(text words) {
  address_t to = address(&words);
  string_t method = string_out(next(&words));
  payload_t asked = plain(words), reply;
  call_error_t error;
  if (!greenroom_actor_messaging_call(&to, &method, &asked, &reply, &error)) return call_error(&error);
  return prefixed("reply ", (text){(const char *)reply.body.ptr, reply.body.len});
}

static bool send(text words, text *result, refusal *refusal) {
  uint64_t delay_ms;
  if (!number(next(&words), &delay_ms, refusal)) return false;
  address_t to = address(&words);
  string_t method = string_out(next(&words)), limit;
  payload_t told = plain(words);
  bool sent = greenroom_actor_messaging_send(&to, &method, &told, delay_ms, &limit);
  *result = sent ? text_of("ok") : prefixed("limit ", string_in(limit));
  return true;
}

typedef bool set_alarm(string_t *, schedule_t *, string_t *, payload_t *, string_t *);

static bool alarm_at(set_alarm *set_one, text words, text *result, refusal *refusal) {
  string_t name = string_out(next(&words)), limit;
  schedule_t schedule = {0};
  uint64_t repetitions = 0;
  if (!number(next(&words), &schedule.delay_ms, refusal)) return false;
  text period = next(&words), times = next(&words);
  schedule.period_ms.is_some = period.length > 0;
  schedule.repetitions.is_some = times.length > 0;
  if (period.length > 0 && !number(period, &schedule.period_ms.val, refusal)) return false;
  if (times.length > 0 && !number(times, &repetitions, refusal)) return false;
  schedule.repetitions.val = (uint32_t)repetitions;
  string_t method = string_out(next(&words));
  payload_t with = plain(words);
  *result = set_one(&name, &schedule, &method, &with, &limit) ? text_of("ok") : prefixed("limit ", string_in(limit));
  return true;
}

static text reminders(void) {
  greenroom_actor_reminders_list_reminder_t found;
  greenroom_actor_reminders_list(&found);
  text list = text_of("");
  for (size_t i = 0; i < found.len; i++) {
    const greenroom_actor_reminders_reminder_t *each = &found.ptr[i];
    const schedule_t *schedule = &each->schedule;
    if (i > 0) list = joined(list, text_of("; "));
    list = joined(list, spaced(string_in(each->name), string_in(each->method)));
    list = spaced(spaced(list, decimal(each->due_in_ms)), decimal(schedule->delay_ms));
    list = spaced(list, schedule->period_ms.is_some ? decimal(schedule->period_ms.val) : text_of("-"));
    list = spaced(list, schedule->repetitions.is_some ? decimal(schedule->repetitions.val) : text_of("-"));
  }
  return list;
}

static bool fail(text words, refusal *refusal) {
  text code = next(&words);
  for (size_t i = 0; i < CODES; i++) {
    if (!is(code, codes[i])) continue;
    *refusal = (struct refusal){(uint8_t)i, words};
    return false;
  }
  return wrong(refusal, "no such code");
}

static bool log_text(text level, text words, refusal *refusal) {
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    if (!is(level, levels[i])) continue;
    string_t message = string_out(words);
    greenroom_actor_log_write((greenroom_actor_log_level_t)i, &message);
    return true;
  }
  return wrong(refusal, "no such level");
}

static bool random_bytes(text words, text *result, refusal *refusal) {
  uint64_t count;
  if (!number(next(&words), &count, refusal)) return false;
  bytes_t bytes;
  greenroom_actor_context_random((uint32_t)count, &bytes);
  *result = hex((text){(const char *)bytes.ptr, bytes.len});
  return true;
}

static void spin(void) {
  for (volatile unsigned turn = 0;; turn++) continue;
}

static void bomb(void) {
  for (;;) memset(take((size_t)1 << 20), 1, (size_t)1 << 20);
}

// What needs a message that there may not be.
static bool of_message(bool shows, text words, const known *known, text *result, refusal *refusal) {
  if (!known->is_message) {
    return refuse(refusal, GREENROOM_ACTOR_TYPES_ERROR_CODE_UNIMPLEMENTED, "a typed method sees no message");
  }
  text argument = next(&words);
  uint64_t attempt;
  *result = shows ? known->shown : text_of("ok");
  if (shows) {
    if (argument.length > 0) set(argument, known->shown);
    return true;
  }
  return number(argument, &attempt, refusal) &&
         (known->attempt >= attempt ||
          refuse(refusal, GREENROOM_ACTOR_TYPES_ERROR_CODE_FAILED_PRECONDITION, "too early"));
}

// Kept in a variable, not in the state.
static text remembered = {"", 0};

static bool perform(text words, const known *known, text *result, refusal *refusal) {
  text command = next(&words), value;
  *result = text_of("ok");
  if (is(command, "set")) {
    text key = next(&words);
    *result = set(key, words);
  } else if (is(command, "set-hex")) return set_hex(words, result, refusal);
  else if (is(command, "fill")) return fill(words, result, refusal);
  else if (is(command, "append")) *result = append(words);
  else if (is(command, "get")) *result = get(next(&words), &value) ? prefixed("value ", value) : text_of("none");
  else if (is(command, "get-hex")) *result = get(next(&words), &value) ? prefixed("value ", hex(value)) : text_of("none");
  else if (is(command, "size")) *result = get(next(&words), &value) ? decimal(value.length) : text_of("none");
  else if (is(command, "delete")) {
    string_t key = string_out(next(&words));
    *result = truth(greenroom_actor_state_delete(&key));
  } else if (is(command, "keys")) return keys(words, result, refusal);
  else if (is(command, "call")) *result = call(words);
  else if (is(command, "send")) return send(words, result, refusal);
  else if (is(command, "remind")) return alarm_at(greenroom_actor_reminders_set, words, result, refusal);
  else if (is(command, "timer")) return alarm_at(greenroom_actor_timers_set, words, result, refusal);
  else if (is(command, "cancel-reminder")) {
    string_t name = string_out(next(&words));
    *result = truth(greenroom_actor_reminders_cancel(&name));
  } else if (is(command, "cancel-timer")) {
    string_t name = string_out(next(&words));
    *result = truth(greenroom_actor_timers_cancel(&name));
  } else if (is(command, "reminders")) *result = reminders();
  else if (is(command, "fail")) return fail(words, refusal);
  else if (is(command, "fail-until")) return of_message(false, words, known, result, refusal);
  else if (is(command, "message")) return of_message(true, words, known, result, refusal);
  else if (is(command, "trap")) abort();
  else if (is(command, "spin")) spin();
  else if (is(command, "bomb")) bomb();
  else if (is(command, "remember")) remembered = kept(words);
  else if (is(command, "recall")) *result = prefixed("value ", remembered);
  else if (is(command, "me")) *result = spaced(my_type, my_id);
  else if (is(command, "now")) *result = decimal(greenroom_actor_context_now_ms());
  else if (is(command, "random")) return random_bytes(words, result, refusal);
  else if (is(command, "log")) {
    text level = next(&words);
    return log_text(level, words, refusal);
  } else if (is(command, "print")) return log_text(text_of("info"), words, refusal);
  else return wrong(refusal, "no such command");
  return true;
}

bool run_script(text script, const known *known, text *results, refusal *refusal) {
  const char *line = script.data, *end = script.data + script.length;
  bool is_first = true;
  *results = text_of("");
  do {
    const char *newline = line == end ? NULL : memchr(line, '\n', (size_t)(end - line));
    text result;
    if (!perform((text){line, (size_t)((newline == NULL ? end : newline) - line)}, known, &result, refusal)) return false;
    *results = is_first ? result : joined(joined(*results, text_of("\n")), result);
    is_first = false;
    line = newline == NULL ? end : newline + 1;
  } while (line < end);
  return true;
}
