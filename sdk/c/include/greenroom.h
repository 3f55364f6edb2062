// Actors in C: everything that an actor may use, and all that it has to define.
//
// An actor type is a struct that is kept, a table of methods, and `GR_EXPORT`. For each message the SDK
// reads the struct from the actor's state, runs the method, and stores the struct if it has changed.
// `README.md` beside this folder shows a whole one.
//
// MEMORY. There is one rule: whatever a function here returns, and whatever a method is handed, lives
// until its turn ends, and is freed then. So nothing here has to be freed, and nothing of it may be kept
// in a static variable. What an actor needs longer belongs into its state. Whatever is passed to a
// function here is only read, and only during the call. Memory of the turn comes from `gr_alloc`, which
// never returns NULL: an actor out of memory traps, and its turn leaves no trace.
//
// FAILURES. A function that returns `bool` and can fail returns `false` when it does, and has recorded
// why; `return false` then fails the turn with that. `return gr_fail(…)` fails it with one's own words.
// A turn whose method returns `true` succeeds, whatever was recorded before.
//
// TEXTS are UTF-8 with a length. Those that the SDK returns are followed by a zero byte besides, so that
// `text.data` works wherever C expects a string.

#ifndef GREENROOM_H
#define GREENROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../vendor/yyjson/yyjson.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
#define GR_NORETURN [[noreturn]]
#else
#define GR_NORETURN _Noreturn
#endif

#if defined(__GNUC__)
#define GR_PRINTF(words, first) __attribute__((format(printf, words, first)))
#else
#define GR_PRINTF(words, first)
#endif

// ---- Texts and bytes -----------------------------------------------------------------------------------

// UTF-8. No text at all is `data == NULL`; an empty one is `length == 0`.
typedef struct gr_text {
  const char *data;
  size_t length;
} gr_text;

typedef struct gr_bytes {
  const uint8_t *data;
  size_t length;
} gr_bytes;

typedef struct gr_texts {
  const gr_text *items;
  size_t count;
} gr_texts;

// A text of a literal, without counting at run time.
#define GR_TEXT(literal) ((gr_text){"" literal, sizeof(literal) - 1})

// For `printf`-like functions: `"%.*s", GR_SHOWN(text)`.
#define GR_SHOWN(text) (int)(text).length, (text).data

// How many elements an array has.
#define GR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The text before the zero byte; no text for NULL.
gr_text gr_text_of(const char *string);
bool gr_text_equal(gr_text left, gr_text right);
bool gr_text_is(gr_text text, const char *string);
// Characters, that is Unicode scalar values; `length` counts bytes.
size_t gr_text_characters(gr_text text);
// Whether a text can be an actor's id: 1 to 512 bytes without control characters. For ids that come from
// others, before they are kept.
bool gr_is_id(gr_text text);

// ---- What a turn is about ------------------------------------------------------------------------------

// The turn under way. Every function that does something takes it.
typedef struct gr_context gr_context;

typedef struct gr_address {
  gr_text actor_type;
  gr_text id;
} gr_address;

// Bytes with a media type: what messages and replies carry. `{0}` is nothing at all.
typedef struct gr_payload {
  gr_text content_type;
  gr_bytes body;
} gr_payload;

// `gr_payload` of nothing at all.
#define GR_NOTHING ((gr_payload){{NULL, 0}, {NULL, 0}})

typedef enum gr_origin_kind {
  GR_ORIGIN_CLIENT,    // somebody outside, over HTTP
  GR_ORIGIN_ACTOR,     // another actor, at `address`
  GR_ORIGIN_REMINDER,  // this actor's own reminder `name`
  GR_ORIGIN_TIMER,     // this actor's own timer `name`
  GR_ORIGIN_HOST,      // no message: the actor is being activated or deactivated
} gr_origin_kind;

// Who sent a message. Set by the host, so an actor may trust it.
typedef struct gr_origin {
  gr_origin_kind kind;
  gr_address address;
  gr_text name;
} gr_origin;

typedef struct gr_message {
  gr_text id;  // unique; the same when the message is delivered again
  gr_text method;
  gr_payload payload;
  gr_origin origin;
  uint32_t attempt;  // 1 on the first delivery
} gr_message;

// This actor's address.
gr_address gr_me(const gr_context *ctx);
// The message of this turn; all empty while the actor is activated or deactivated.
const gr_message *gr_received(const gr_context *ctx);
// Who sent it, as a text: `client`, `chat/alice`, `reminder deadline`.
gr_text gr_origin_text(gr_context *ctx);
bool gr_is_reminder(const gr_context *ctx, const char *name);
bool gr_is_timer(const gr_context *ctx, const char *name);
// Milliseconds since the Unix epoch; the same all through a turn.
uint64_t gr_now_ms(gr_context *ctx);
// Fills `into` with cryptographically secure random bytes.
void gr_random(gr_context *ctx, void *into, size_t length);

// ---- Memory of the turn --------------------------------------------------------------------------------

// Zeroed memory, aligned for anything.
void *gr_alloc(gr_context *ctx, size_t size);
gr_text gr_copy_text(gr_context *ctx, gr_text text);
gr_text gr_format(gr_context *ctx, const char *format, ...) GR_PRINTF(2, 3);

// ---- Failures ------------------------------------------------------------------------------------------

// Why an actor refuses a message. Each has its HTTP status.
typedef enum gr_code {
  GR_INVALID_ARGUMENT,     // 400: the request is wrong, whatever the state
  GR_PERMISSION_DENIED,    // 403: not for this sender
  GR_NOT_FOUND,            // 404: what it is about is not there
  GR_CONFLICT,             // 409: it contradicts what is there
  GR_FAILED_PRECONDITION,  // 412: not in the present state
  GR_RESOURCE_EXHAUSTED,   // 429: a limit is reached
  GR_INTERNAL,             // 500: the actor is at fault
  GR_UNIMPLEMENTED,        // 501: no such method
} gr_code;

// `invalid-argument` and so on, as in the API.
const char *gr_code_name(gr_code code);

typedef struct gr_failure {
  gr_code code;
  gr_text message;
} gr_failure;

// Records why, and returns `false`.
bool gr_fail(gr_context *ctx, gr_code code, const char *format, ...) GR_PRINTF(3, 4);
// What was recorded last; NULL when nothing was.
const gr_failure *gr_failed_with(const gr_context *ctx);
// For bugs: logs the words and traps. The turn leaves no trace.
GR_NORETURN void gr_panic(const char *format, ...) GR_PRINTF(1, 2);

// ---- Logging -------------------------------------------------------------------------------------------

typedef enum gr_level { GR_TRACE, GR_DEBUG, GR_INFO, GR_WARN, GR_ERROR } gr_level;

// Says something to the people who run the actor. Said at once: also by a turn that fails.
void gr_log(gr_context *ctx, gr_level level, const char *format, ...) GR_PRINTF(3, 4);
void gr_log_text(gr_context *ctx, gr_level level, gr_text message);

// ---- State under keys of its own -----------------------------------------------------------------------
//
// For what is large or grows, so that a turn writes only what it touches; and for bytes. The key `actor`
// is that of the actor's struct.

// Whether the key is there; its bytes then.
bool gr_state_get(gr_context *ctx, gr_text key, gr_bytes *value);
bool gr_state_set(gr_context *ctx, gr_text key, gr_bytes value);
// Says whether the key was there.
bool gr_state_delete(gr_context *ctx, gr_text key);
// The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`.
gr_texts gr_state_keys(gr_context *ctx, gr_text prefix, gr_text after, uint32_t limit);

// ---- Values and their JSON -----------------------------------------------------------------------------
//
// A shape says what a C type is in JSON. There are shapes of the basic types, and macros for structs and
// enumerations.

typedef struct gr_shape gr_shape;

typedef enum gr_kind {
  GR_KIND_BOOL,
  GR_KIND_UNSIGNED,
  GR_KIND_SIGNED,
  GR_KIND_FLOAT,
  GR_KIND_TEXT,
  GR_KIND_JSON,
  GR_KIND_ENUM,
  GR_KIND_STRUCT,
} gr_kind;

typedef struct gr_field {
  const char *name;
  const gr_shape *shape;
  size_t offset;  // of the member
  size_t size;    // of the member, or of one element of a list
  size_t has;     // offset of the `bool has_…` of an optional member, or GR_ALWAYS
  size_t count;   // offset of the `size_t …_count` of a list, or GR_ALWAYS
} gr_field;

#define GR_ALWAYS ((size_t)-1)

struct gr_shape {
  gr_kind kind;
  const char *name;  // in complaints: `expected u32`
  size_t size;
  const gr_field *fields;    // of a struct
  const char *const *names;  // of an enumeration
  size_t count;              // of either
};

extern const gr_shape gr_bool, gr_u8, gr_u16, gr_u32, gr_u64, gr_i8, gr_i16, gr_i32, gr_i64, gr_f64;
// `gr_text` in C, a string in JSON.
extern const gr_shape gr_string;
// `yyjson_val *` in C, anything in JSON.
extern const gr_shape gr_json;

// A member of a struct.
#define GR_FIELD(type, member, shape) \
  {#member, &(shape), offsetof(type, member), sizeof(((type *)0)->member), GR_ALWAYS, GR_ALWAYS}
// One that may be absent: `bool has_MEMBER` says whether it is there. `null` in JSON.
#define GR_OPTIONAL(type, member, shape)                                     \
  {#member,          &(shape), offsetof(type, member), sizeof(((type *)0)->member), \
   offsetof(type, has_##member), GR_ALWAYS}
// A pointer to `size_t MEMBER_count` elements. An array in JSON.
#define GR_LIST(type, member, shape)                                           \
  {#member,   &(shape), offsetof(type, member), sizeof(*((type *)0)->member), \
   GR_ALWAYS, offsetof(type, member##_count)}

// Defines `TYPE_shape` for the struct TYPE: an object in JSON with these members.
#define GR_STRUCT(type, ...)                               \
  static const gr_field type##_fields[] = {__VA_ARGS__};   \
  static const gr_shape type##_shape = {                   \
      .kind = GR_KIND_STRUCT, .name = #type, .size = sizeof(type), .fields = type##_fields, \
      .count = GR_COUNT(type##_fields)}

// Defines `TYPE_shape` for the enumeration TYPE, whose values are 0, 1, 2 …: strings in JSON.
#define GR_ENUM(type, ...)                                       \
  static const char *const type##_names[] = {__VA_ARGS__};       \
  static const gr_shape type##_shape = {                         \
      .kind = GR_KIND_ENUM, .name = #type, .size = sizeof(type), .names = type##_names, \
      .count = GR_COUNT(type##_names)}

// Reads JSON into `value`, which has the type that the shape describes. Fails with `invalid-argument`, and
// says where. An empty document is `null`.
bool gr_read_json(gr_context *ctx, const gr_shape *shape, gr_bytes document, void *value);
// Writes JSON.
bool gr_write_json(gr_context *ctx, const gr_shape *shape, const void *value, gr_bytes *document);
// `value` as JSON with its media type.
bool gr_payload_of(gr_context *ctx, const gr_shape *shape, const void *value, gr_payload *payload);

// For JSON that has no shape: yyjson with memory of the turn. Its documents need not be freed.
const yyjson_alc *gr_json_memory(gr_context *ctx);
// A payload of a document that was built with yyjson.
bool gr_payload_of_json(gr_context *ctx, const yyjson_mut_val *value, gr_payload *payload);

// State under a key, as JSON. Succeeds also when the key is not there; `*found` says.
bool gr_state_read(gr_context *ctx, gr_text key, const gr_shape *shape, void *value, bool *found);
bool gr_state_write(gr_context *ctx, gr_text key, const gr_shape *shape, const void *value);

// ---- Other actors --------------------------------------------------------------------------------------

typedef enum gr_call_error_kind {
  GR_CALL_FAILED,              // the callee ran and answered with `failure`
  GR_CALL_UNKNOWN_ACTOR_TYPE,  // nothing is deployed under that actor type
  GR_CALL_DEADLOCK,            // it waits for this very call; `detail` lists the chain
  GR_CALL_OVERLOADED,          // its mailbox is full
  GR_CALL_TIMEOUT,             // no reply before the deadline; it may still run
  GR_CALL_CRASHED,             // it trapped, or exceeded a limit; `detail` says which
  GR_CALL_UNAVAILABLE,         // it can't be reached now
} gr_call_error_kind;

// Why a call brought no reply.
typedef struct gr_call_error {
  gr_call_error_kind kind;
  gr_failure failure;
  gr_text detail;
} gr_call_error;

// Asks an actor and waits for its reply. What was recorded when it fails is a failure that names the call,
// with the callee's code if it failed; `gr_call_failed_with` has the particulars.
bool gr_call(gr_context *ctx, gr_address to, const char *method, gr_payload payload, gr_payload *reply);
// The same with JSON. `shape` NULL: no arguments; `reply_shape` NULL: whatever it replies.
bool gr_call_json(gr_context *ctx, gr_address to, const char *method, const gr_shape *shape,
                  const void *arguments, const gr_shape *reply_shape, void *reply);
// What was wrong with the last call that failed in this turn; NULL when none did.
const gr_call_error *gr_call_failed_with(const gr_context *ctx);

// Tells an actor: once this turn has succeeded, and no sooner than `delay_ms` from now, the message is
// processed exactly once. Messages to one actor arrive in the order they were sent.
bool gr_send(gr_context *ctx, gr_address to, const char *method, gr_payload payload, uint64_t delay_ms);
bool gr_send_json(gr_context *ctx, gr_address to, const char *method, const gr_shape *shape,
                  const void *arguments, uint64_t delay_ms);

// ---- Messages to oneself, later ------------------------------------------------------------------------

// When a reminder or a timer fires, counted from now: after `delay_ms`, and then, if there is a period, again
// and again; at most `repetitions` times in all, if that is given. What is not 0 is given; `has_…` is for
// numbers that come from elsewhere, so that the host refuses a 0 instead of taking it for none.
typedef struct gr_schedule {
  uint64_t delay_ms;
  uint64_t period_ms;
  uint32_t repetitions;
  bool has_period;
  bool has_repetitions;
} gr_schedule;

typedef struct gr_reminder {
  gr_text name;
  gr_text method;
  uint64_t due_in_ms;
  gr_schedule schedule;
} gr_reminder;

typedef struct gr_reminders {
  const gr_reminder *items;
  size_t count;
} gr_reminders;

// Durable: it survives restarts and wakes a dormant actor. Replaces a reminder of the same name.
bool gr_set_reminder(gr_context *ctx, const char *name, gr_schedule schedule, const char *method,
                     gr_payload payload);
// Says whether there was one.
bool gr_cancel_reminder(gr_context *ctx, const char *name);
gr_reminders gr_list_reminders(gr_context *ctx);

// In memory only: gone when the actor is deactivated.
bool gr_set_timer(gr_context *ctx, const char *name, gr_schedule schedule, const char *method,
                  gr_payload payload);
bool gr_cancel_timer(gr_context *ctx, const char *name);

// ---- The actor -----------------------------------------------------------------------------------------

// Answers with a value as JSON. The last answer counts; without one the reply is empty.
bool gr_reply(gr_context *ctx, const gr_shape *shape, const void *value);
// Answers with anything.
bool gr_reply_payload(gr_context *ctx, gr_payload payload);

// A method: the actor's struct, which it may change, and its arguments, both as their shapes say.
typedef bool gr_run(gr_context *ctx, void *state, const void *arguments);

typedef struct gr_method {
  const char *name;
  gr_run *run;
  const gr_shape *arguments;  // NULL: the body is not looked at; `gr_received` has it
} gr_method;

// The method FUNCTION, called by that name; without arguments, or with those of the struct ARGUMENTS.
#define GR_METHOD(function) {#function, function, NULL}
#define GR_METHOD_OF(function, arguments_type) {#function, function, &arguments_type##_shape}

typedef struct gr_actor {
  // The struct that is kept as JSON under the key `actor`, all zero before anything was stored. NULL: the
  // actor keeps what it needs under keys of its own.
  const gr_shape *state;
  const gr_method *methods;
  size_t method_count;
  // Runs when the actor comes into memory, before its first message; may be NULL.
  bool (*activate)(gr_context *ctx, void *state);
  // Runs when it leaves memory; may be NULL.
  bool (*deactivate)(gr_context *ctx, void *state);
} gr_actor;

// Makes ACTOR, a `gr_actor`, the behavior of this component.
#define GR_EXPORT(actor)                                                                   \
  bool greenroom_activate(gr_context *ctx) { return gr_actor_activate(&(actor), ctx); }    \
  bool greenroom_receive(gr_context *ctx) { return gr_actor_receive(&(actor), ctx); }      \
  bool greenroom_deactivate(gr_context *ctx) { return gr_actor_deactivate(&(actor), ctx); }

// The three functions that a component consists of. `GR_EXPORT` defines them; so may an actor itself, if
// it does without `gr_actor`.
bool greenroom_activate(gr_context *ctx);
bool greenroom_receive(gr_context *ctx);
bool greenroom_deactivate(gr_context *ctx);

bool gr_actor_activate(const gr_actor *actor, gr_context *ctx);
bool gr_actor_receive(const gr_actor *actor, gr_context *ctx);
bool gr_actor_deactivate(const gr_actor *actor, gr_context *ctx);

#ifdef __cplusplus
}
#endif

#endif
