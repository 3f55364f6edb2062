// The host's functions for native tests, over lists in memory, and what drives an actor through them.
// Stands in for `bindings/actor.c`. Everything that a turn changes is copied before it, and put back when
// it fails.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bindings/actor.h"
#include "../include/greenroom_test.h"

// The host's limits that an actor is likely to meet, as they are by default.
#define STATE_KEY_BYTES ((size_t)1 << 10)
#define STATE_VALUE_BYTES ((size_t)1 << 20)
#define SENDS_PER_TURN 1000
#define ALARMS 1000
#define PERIOD_MIN_MS 10
#define RANDOM_BYTES 4096

// ---- Owned memory --------------------------------------------------------------------------------------

static void *take(size_t size) {
  void *memory = calloc(1, size == 0 ? 1 : size);
  if (memory == NULL) abort();
  return memory;
}

static char *copy_bytes(const void *data, size_t length) {
  char *copy = take(length + 1);
  if (length > 0) memcpy(copy, data, length);
  return copy;
}

static gr_text own_text(gr_text text) { return (gr_text){copy_bytes(text.data, text.length), text.length}; }

static gr_bytes own_bytes(gr_bytes bytes) {
  return (gr_bytes){(uint8_t *)copy_bytes(bytes.data, bytes.length), bytes.length};
}

static gr_payload own_payload(gr_payload payload) {
  return (gr_payload){own_text(payload.content_type), own_bytes(payload.body)};
}

static void free_text(gr_text text) { free((void *)(uintptr_t)text.data); }

static void free_payload(gr_payload payload) {
  free_text(payload.content_type);
  free((void *)(uintptr_t)payload.body.data);
}

static gr_text text_of(const actor_string_t *text) { return (gr_text){(const char *)text->ptr, text->len}; }

static gr_payload payload_of(const greenroom_actor_types_payload_t *payload) {
  return (gr_payload){text_of(&payload->content_type), {payload->body.ptr, payload->body.len}};
}

// As in a component, what is empty is no memory: its pointer is neither NULL nor to be freed.
static uint8_t *memory_to_guest(const void *data, size_t length) {
  return length == 0 ? (uint8_t *)(uintptr_t)1 : (uint8_t *)copy_bytes(data, length);
}

static void free_of_guest(void *memory, size_t length) {
  if (length > 0) free(memory);
}

static actor_string_t text_to_guest(gr_text text) {
  return (actor_string_t){memory_to_guest(text.data, text.length), text.length};
}

static actor_list_u8_t bytes_to_guest(gr_bytes bytes) {
  return (actor_list_u8_t){memory_to_guest(bytes.data, bytes.length), bytes.length};
}

static greenroom_actor_types_payload_t payload_to_guest(gr_payload payload) {
  return (greenroom_actor_types_payload_t){text_to_guest(payload.content_type), bytes_to_guest(payload.body)};
}

// ---- The world -----------------------------------------------------------------------------------------

typedef enum entry_kind { STATE, REMINDER, TIMER, SENT, MAIL } entry_kind;

// One thing that a turn may change: a value, an alarm, a message that was sent, or one to the actor itself
// that is not delivered yet. All of them are in one list, in the order they were made.
typedef struct entry {
  entry_kind kind;
  gr_text name;  // the key, or the alarm's name
  gr_address to;
  gr_text method;
  gr_payload payload;  // `body` is the value of a key
  gr_schedule schedule;
  uint64_t due_ms;
  uint32_t fired;
} entry;

typedef struct effects {
  entry *entries;
  size_t count;
  size_t sent_in_turn;
} effects;

static struct world {
  gr_address me;
  bool is_active;
  uint64_t now_ms;
  uint8_t random;
  uint64_t messages;
  effects effects;
  gr_test_responder *responder;
  char *logs;
  bool has_failed;
  gr_failure failure;
  gr_payload reply;
  yyjson_doc *document;
  gr_reminder shown_alarm;
  gr_test_sent_message shown_sent;
} world;

static void free_entry(entry *entry) {
  free_text(entry->name);
  free_text(entry->to.actor_type);
  free_text(entry->to.id);
  free_text(entry->method);
  free_payload(entry->payload);
}

static void free_effects(effects *effects) {
  for (size_t i = 0; i < effects->count; i++) free_entry(&effects->entries[i]);
  free(effects->entries);
  *effects = (struct effects){0};
}

static entry own_entry(const entry *from) {
  entry copy = *from;
  copy.name = own_text(from->name);
  copy.to = (gr_address){own_text(from->to.actor_type), own_text(from->to.id)};
  copy.method = own_text(from->method);
  copy.payload = own_payload(from->payload);
  return copy;
}

static void add_entry(const entry *from) {
  effects *effects = &world.effects;
  entry *grown = realloc(effects->entries, (effects->count + 1) * sizeof *grown);
  if (grown == NULL) abort();
  effects->entries = grown;
  effects->entries[effects->count++] = own_entry(from);
}

static effects copy_effects(void) {
  effects copy = {take(world.effects.count * sizeof(entry)), world.effects.count, 0};
  for (size_t i = 0; i < copy.count; i++) copy.entries[i] = own_entry(&world.effects.entries[i]);
  return copy;
}

static entry *find(entry_kind kind, gr_text name) {
  for (size_t i = 0; i < world.effects.count; i++) {
    entry *each = &world.effects.entries[i];
    if (each->kind == kind && gr_text_equal(each->name, name)) return each;
  }
  return NULL;
}

static bool remove_entry(entry *gone) {
  if (gone == NULL) return false;
  free_entry(gone);
  size_t index = (size_t)(gone - world.effects.entries);
  world.effects.count--;
  memmove(gone, gone + 1, (world.effects.count - index) * sizeof *gone);
  return true;
}

static void remove_all(entry_kind kind) {
  for (size_t i = world.effects.count; i > 0; i--) {
    if (world.effects.entries[i - 1].kind == kind) remove_entry(&world.effects.entries[i - 1]);
  }
}

static size_t count_of(entry_kind kind) {
  size_t count = 0;
  for (size_t i = 0; i < world.effects.count; i++) count += world.effects.entries[i].kind == kind;
  return count;
}

static const entry *nth(entry_kind kind, size_t index) {
  for (size_t i = 0; i < world.effects.count; i++) {
    if (world.effects.entries[i].kind == kind && index-- == 0) return &world.effects.entries[i];
  }
  return NULL;
}

// ---- The contract's imports ----------------------------------------------------------------------------

static bool refuse(actor_string_t *limit, const char *words) {
  *limit = text_to_guest(gr_text_of(words));
  return false;
}

bool greenroom_actor_state_get(actor_string_t *key, actor_list_u8_t *ret) {
  const entry *found = find(STATE, text_of(key));
  if (found == NULL) return false;
  *ret = bytes_to_guest(found->payload.body);
  return true;
}

bool greenroom_actor_state_set(actor_string_t *key, actor_list_u8_t *value, actor_string_t *err) {
  if (key->len > STATE_KEY_BYTES) return refuse(err, "state_key_bytes");
  if (value->len > STATE_VALUE_BYTES) return refuse(err, "state_value_bytes");
  remove_entry(find(STATE, text_of(key)));
  entry made = {.kind = STATE, .name = text_of(key), .payload.body = {value->ptr, value->len}};
  add_entry(&made);
  return true;
}

bool greenroom_actor_state_delete(actor_string_t *key) { return remove_entry(find(STATE, text_of(key))); }

static int compare(gr_text left, gr_text right) {
  size_t shorter = left.length < right.length ? left.length : right.length;
  int order = memcmp(left.data, right.data, shorter);
  return order != 0 ? order : (left.length > right.length) - (left.length < right.length);
}

void greenroom_actor_state_keys(actor_string_t *prefix, actor_string_t *maybe_after, uint32_t limit,
                                actor_list_string_t *ret) {
  size_t stored = count_of(STATE);
  ret->ptr = take(stored * sizeof *ret->ptr);
  ret->len = 0;
  gr_text after = maybe_after == NULL ? (gr_text){NULL, 0} : text_of(maybe_after);
  while (ret->len < limit) {
    const entry *next = NULL;
    for (size_t i = 0; i < world.effects.count; i++) {
      const entry *each = &world.effects.entries[i];
      bool begins = each->kind == STATE && each->name.length >= prefix->len &&
                    memcmp(each->name.data, prefix->ptr, prefix->len) == 0;
      if (!begins || (after.data != NULL && compare(each->name, after) <= 0)) continue;
      if (next == NULL || compare(each->name, next->name) < 0) next = each;
    }
    if (next == NULL) return;
    after = next->name;
    ret->ptr[ret->len++] = text_to_guest(next->name);
  }
}

static greenroom_actor_types_call_error_t error_to_guest(const gr_call_error *error) {
  greenroom_actor_types_call_error_t out = {.tag = (uint8_t)error->kind};
  switch (error->kind) {
    case GR_CALL_FAILED:
      out.val.failed.code = (greenroom_actor_types_error_code_t)error->failure.code;
      out.val.failed.message = text_to_guest(error->failure.message);
      break;
    case GR_CALL_DEADLOCK: out.val.deadlock = text_to_guest(error->detail); break;
    case GR_CALL_CRASHED: out.val.crashed = text_to_guest(error->detail); break;
    case GR_CALL_UNAVAILABLE: out.val.unavailable = text_to_guest(error->detail); break;
    default: break;
  }
  return out;
}

bool greenroom_actor_messaging_call(greenroom_actor_messaging_address_t *to, actor_string_t *method,
                                    greenroom_actor_messaging_payload_t *payload,
                                    greenroom_actor_messaging_payload_t *ret,
                                    greenroom_actor_messaging_call_error_t *err) {
  gr_address address = {text_of(&to->actor_type), text_of(&to->id)};
  gr_payload reply = GR_NOTHING;
  gr_call_error error = {.kind = GR_CALL_UNKNOWN_ACTOR_TYPE};
  bool answered = world.responder != NULL &&
                  world.responder(address, text_of(method), payload_of(payload), &reply, &error);
  if (answered) *ret = payload_to_guest(reply);
  else *err = error_to_guest(&error);
  return answered;
}

bool greenroom_actor_messaging_send(greenroom_actor_messaging_address_t *to, actor_string_t *method,
                                    greenroom_actor_messaging_payload_t *payload, uint64_t delay_ms,
                                    actor_string_t *err) {
  if (++world.effects.sent_in_turn > SENDS_PER_TURN) return refuse(err, "sends_per_turn");
  entry sent = {.kind = SENT,
                .to = {text_of(&to->actor_type), text_of(&to->id)},
                .method = text_of(method),
                .payload = payload_of(payload),
                .schedule.delay_ms = delay_ms,
                .due_ms = delay_ms > UINT64_MAX - world.now_ms ? UINT64_MAX : world.now_ms + delay_ms};
  add_entry(&sent);
  if (gr_text_equal(sent.to.actor_type, world.me.actor_type) && gr_text_equal(sent.to.id, world.me.id)) {
    sent.kind = MAIL;
    add_entry(&sent);
  }
  return true;
}

static bool set_alarm(entry_kind kind, const actor_string_t *name,
                      const greenroom_actor_reminders_schedule_t *schedule, const actor_string_t *method,
                      const greenroom_actor_types_payload_t *payload, actor_string_t *err) {
  if (schedule->period_ms.is_some && schedule->period_ms.val < PERIOD_MIN_MS) {
    return refuse(err, "schedule: the period is shorter than 10 ms");
  }
  if (schedule->repetitions.is_some && (!schedule->period_ms.is_some || schedule->repetitions.val == 0)) {
    return refuse(err, "schedule: repetitions need a period, and at least one of them");
  }
  if (find(kind, text_of(name)) == NULL && count_of(kind) == ALARMS) {
    return refuse(err, kind == REMINDER ? "reminders_per_actor" : "timers_per_actor");
  }
  remove_entry(find(kind, text_of(name)));
  uint64_t delay_ms = schedule->delay_ms;
  entry alarm = {.kind = kind,
                 .name = text_of(name),
                 .method = text_of(method),
                 .payload = payload_of(payload),
                 .schedule = {.delay_ms = delay_ms,
                              .has_period = schedule->period_ms.is_some,
                              .period_ms = schedule->period_ms.is_some ? schedule->period_ms.val : 0,
                              .has_repetitions = schedule->repetitions.is_some,
                              .repetitions = schedule->repetitions.is_some ? schedule->repetitions.val : 0},
                 .due_ms = delay_ms > UINT64_MAX - world.now_ms ? UINT64_MAX : world.now_ms + delay_ms};
  add_entry(&alarm);
  return true;
}

bool greenroom_actor_reminders_set(actor_string_t *name, greenroom_actor_reminders_schedule_t *schedule,
                                   actor_string_t *method, greenroom_actor_reminders_payload_t *payload,
                                   actor_string_t *err) {
  return set_alarm(REMINDER, name, schedule, method, payload, err);
}

bool greenroom_actor_reminders_cancel(actor_string_t *name) { return remove_entry(find(REMINDER, text_of(name))); }

void greenroom_actor_reminders_list(greenroom_actor_reminders_list_reminder_t *ret) {
  ret->len = count_of(REMINDER);
  ret->ptr = take(ret->len * sizeof *ret->ptr);
  for (size_t i = 0; i < ret->len; i++) {
    const entry *each = nth(REMINDER, i);
    ret->ptr[i] = (greenroom_actor_reminders_reminder_t){
        .name = text_to_guest(each->name),
        .method = text_to_guest(each->method),
        .due_in_ms = each->due_ms > world.now_ms ? each->due_ms - world.now_ms : 0,
        .schedule = {each->schedule.delay_ms,
                     {each->schedule.has_period, each->schedule.period_ms},
                     {each->schedule.has_repetitions, each->schedule.repetitions}},
    };
  }
}

bool greenroom_actor_timers_set(actor_string_t *name, greenroom_actor_timers_schedule_t *schedule,
                                actor_string_t *method, greenroom_actor_timers_payload_t *payload,
                                actor_string_t *err) {
  return set_alarm(TIMER, name, schedule, method, payload, err);
}

bool greenroom_actor_timers_cancel(actor_string_t *name) { return remove_entry(find(TIMER, text_of(name))); }

uint64_t greenroom_actor_context_now_ms(void) { return world.now_ms; }

void greenroom_actor_context_random(uint32_t len, actor_list_u8_t *ret) {
  size_t length = len < RANDOM_BYTES ? len : RANDOM_BYTES;
  *ret = (actor_list_u8_t){take(length), length};
  for (size_t i = 0; i < length; i++) ret->ptr[i] = world.random++;
}

void greenroom_actor_log_write(greenroom_actor_log_level_t level, actor_string_t *message) {
  (void)level;
  size_t before = world.logs == NULL ? 0 : strlen(world.logs);
  char *logs = take(before + message->len + 2);
  if (before > 0) memcpy(logs, world.logs, before);
  memcpy(logs + before, message->ptr, message->len);
  logs[before + message->len] = '\n';
  free(world.logs);
  world.logs = logs;
}

// ---- What the bindings free ----------------------------------------------------------------------------

void actor_string_free(actor_string_t *text) { free_of_guest(text->ptr, text->len); }

void actor_list_u8_free(actor_list_u8_t *bytes) { free_of_guest(bytes->ptr, bytes->len); }

void actor_list_string_free(actor_list_string_t *texts) {
  for (size_t i = 0; i < texts->len; i++) actor_string_free(&texts->ptr[i]);
  free(texts->ptr);
}

void greenroom_actor_reminders_list_reminder_free(greenroom_actor_reminders_list_reminder_t *list) {
  for (size_t i = 0; i < list->len; i++) {
    actor_string_free(&list->ptr[i].name);
    actor_string_free(&list->ptr[i].method);
  }
  free(list->ptr);
}

void exports_greenroom_actor_behavior_address_free(exports_greenroom_actor_behavior_address_t *address) {
  actor_string_free(&address->actor_type);
  actor_string_free(&address->id);
}

// ---- Turns ---------------------------------------------------------------------------------------------

static void forget_outcome(void) {
  if (world.has_failed) free_text(world.failure.message);
  world.has_failed = false;
  free_payload(world.reply);
  world.reply = GR_NOTHING;
  yyjson_doc_free(world.document);
  world.document = NULL;
}

// After a turn: keeps what it did, or puts back what was before it.
static void end_turn(effects before, bool succeeded, greenroom_actor_types_failure_t *failure) {
  if (succeeded) {
    free_effects(&before);
    return;
  }
  free_effects(&world.effects);
  world.effects = before;
  world.has_failed = true;
  world.failure = (gr_failure){(gr_code)failure->code, own_text(text_of(&failure->message))};
  actor_string_free(&failure->message);
}

static bool activate(void) {
  if (world.is_active) return true;
  effects before = copy_effects();
  greenroom_actor_types_address_t address = {text_to_guest(world.me.actor_type), text_to_guest(world.me.id)};
  greenroom_actor_types_failure_t failure;
  world.is_active = exports_greenroom_actor_behavior_activate(&address, &failure);
  end_turn(before, world.is_active, &failure);
  return world.is_active;
}

static greenroom_actor_types_origin_t origin_to_guest(gr_origin origin) {
  greenroom_actor_types_origin_t out = {.tag = (uint8_t)origin.kind};
  if (origin.kind == GR_ORIGIN_ACTOR) {
    out.val.actor.actor_type = text_to_guest(origin.address.actor_type);
    out.val.actor.id = text_to_guest(origin.address.id);
  } else if (origin.kind != GR_ORIGIN_CLIENT) {
    out.val.reminder = text_to_guest(origin.name);
  }
  return out;
}

bool gr_test_call_payload(gr_origin origin, const char *method, gr_payload payload, gr_payload *reply) {
  forget_outcome();
  if (!activate()) return false;
  world.effects.sent_in_turn = 0;
  effects before = copy_effects();
  char id[32];
  snprintf(id, sizeof id, "message-%llu", (unsigned long long)++world.messages);
  greenroom_actor_types_message_t message = {
      .id = text_to_guest(gr_text_of(id)),
      .method = text_to_guest(gr_text_of(method)),
      .payload = payload_to_guest(payload),
      .origin = origin_to_guest(origin),
      .attempt = 1,
  };
  greenroom_actor_types_payload_t answer;
  greenroom_actor_types_failure_t failure;
  bool succeeded = exports_greenroom_actor_behavior_receive(&message, &answer, &failure);
  end_turn(before, succeeded, &failure);
  if (!succeeded) return false;
  world.reply = own_payload(payload_of(&answer));
  actor_string_free(&answer.content_type);
  actor_list_u8_free(&answer.body);
  if (reply != NULL) *reply = world.reply;
  return true;
}

const char *gr_test_call_from(gr_origin origin, const char *method, const char *json) {
  gr_payload payload = GR_NOTHING, reply;
  if (json != NULL) {
    payload = (gr_payload){gr_text_of("application/json"), {(const uint8_t *)json, strlen(json)}};
  }
  if (!gr_test_call_payload(origin, method, payload, &reply)) return NULL;
  return (const char *)reply.body.data;  // copied with a zero byte after it
}

const char *gr_test_call(const char *method, const char *json) {
  return gr_test_call_from(gr_test_from_client(), method, json);
}

gr_origin gr_test_from_client(void) { return (gr_origin){.kind = GR_ORIGIN_CLIENT}; }

gr_origin gr_test_from_actor(const char *actor_type, const char *id) {
  return (gr_origin){.kind = GR_ORIGIN_ACTOR, .address = {gr_text_of(actor_type), gr_text_of(id)}};
}

gr_origin gr_test_from_reminder(const char *name) {
  return (gr_origin){.kind = GR_ORIGIN_REMINDER, .name = gr_text_of(name)};
}

gr_origin gr_test_from_timer(const char *name) {
  return (gr_origin){.kind = GR_ORIGIN_TIMER, .name = gr_text_of(name)};
}

const gr_failure *gr_test_failure(void) { return world.has_failed ? &world.failure : NULL; }

const yyjson_val *gr_test_value(const char *pointer) {
  if (world.document == NULL) {
    world.document = yyjson_read((const char *)world.reply.body.data, world.reply.body.length, 0);
  }
  return yyjson_doc_ptr_get(world.document, pointer);
}

static entry *first_due(uint64_t until_ms) {
  entry *first = NULL;
  for (size_t i = 0; i < world.effects.count; i++) {
    entry *each = &world.effects.entries[i];
    bool fires = each->kind == MAIL || each->kind == REMINDER || each->kind == TIMER;
    if (fires && each->due_ms <= until_ms && (first == NULL || each->due_ms < first->due_ms)) first = each;
  }
  return first;
}

size_t gr_test_advance(uint64_t ms) {
  uint64_t until_ms = world.now_ms + ms;
  size_t turns = 0;
  for (entry *due = first_due(until_ms); due != NULL; due = first_due(until_ms), turns++) {
    if (due->due_ms > world.now_ms) world.now_ms = due->due_ms;
    entry firing = own_entry(due);
    uint32_t most = due->schedule.repetitions;
    bool is_last = due->kind == MAIL || (most != 0 ? ++due->fired >= most : due->schedule.period_ms == 0);
    if (is_last) remove_entry(due);
    else due->due_ms += due->schedule.period_ms;
    gr_origin origin = {.kind = firing.kind == REMINDER ? GR_ORIGIN_REMINDER : GR_ORIGIN_TIMER, .name = firing.name};
    if (firing.kind == MAIL) origin = (gr_origin){.kind = GR_ORIGIN_ACTOR, .address = world.me};
    gr_test_call_payload(origin, firing.method.data, firing.payload, NULL);
    free_entry(&firing);
  }
  world.now_ms = until_ms;
  return turns;
}

uint64_t gr_test_now_ms(void) { return world.now_ms; }

void gr_test_deactivate(void) {
  if (world.is_active) exports_greenroom_actor_behavior_deactivate();
  gr_test_crash();
}

void gr_test_crash(void) {
  world.is_active = false;
  remove_all(TIMER);
}

// ---- What a test sees ----------------------------------------------------------------------------------

void gr_test_end(void) {
  forget_outcome();
  free_effects(&world.effects);
  free_text(world.me.actor_type);
  free_text(world.me.id);
  free(world.logs);
  memset(&world, 0, sizeof world);
}

void gr_test_begin(const char *actor_type, const char *id) {
  gr_test_end();
  world.now_ms = GR_TEST_BEGIN_MS;
  world.me = (gr_address){own_text(gr_text_of(actor_type)), own_text(gr_text_of(id))};
}

void gr_test_on_call(gr_test_responder *responder) { world.responder = responder; }

size_t gr_test_sent_count(void) { return count_of(SENT); }

const gr_test_sent_message *gr_test_sent(size_t index) {
  const entry *sent = nth(SENT, index);
  if (sent == NULL) return NULL;
  world.shown_sent = (gr_test_sent_message){sent->to, sent->method, sent->payload, sent->schedule.delay_ms};
  return &world.shown_sent;
}

static const gr_reminder *shown(const entry *alarm) {
  if (alarm == NULL) return NULL;
  uint64_t due_in_ms = alarm->due_ms > world.now_ms ? alarm->due_ms - world.now_ms : 0;
  world.shown_alarm = (gr_reminder){alarm->name, alarm->method, due_in_ms, alarm->schedule};
  return &world.shown_alarm;
}

const gr_reminder *gr_test_reminder(const char *name) { return shown(find(REMINDER, gr_text_of(name))); }

const gr_reminder *gr_test_timer(const char *name) { return shown(find(TIMER, gr_text_of(name))); }

size_t gr_test_reminder_count(void) { return count_of(REMINDER); }

gr_bytes gr_test_stored(const char *key) {
  const entry *found = find(STATE, gr_text_of(key));
  return found == NULL ? (gr_bytes){NULL, 0} : found->payload.body;
}

size_t gr_test_stored_count(void) { return count_of(STATE); }

void gr_test_store(const char *key, gr_bytes value) {
  gr_test_crash();
  remove_entry(find(STATE, gr_text_of(key)));
  entry made = {.kind = STATE, .name = gr_text_of(key), .payload.body = value};
  add_entry(&made);
}

bool gr_test_has_logged(const char *words) { return world.logs != NULL && strstr(world.logs, words) != NULL; }
