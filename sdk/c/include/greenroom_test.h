// Runs an actor in an ordinary native program, without a host and without WebAssembly.
//
// What is here keeps what the real host promises: one message at a time, and each turn takes effect as a
// whole or not at all. Its clock stands still until the test moves it, and nothing in it is random. There
// is one actor under test at a time; `gr_test_begin` begins anew.
//
// MEMORY. What these functions return lives until the next function that runs a turn, or the next
// `gr_test_begin`.

#ifndef GREENROOM_TEST_H
#define GREENROOM_TEST_H

#include "greenroom.h"

#ifdef __cplusplus
extern "C" {
#endif

// When every test begins: 2026-01-01, midnight UTC.
#define GR_TEST_BEGIN_MS UINT64_C(1767225600000)

// Forgets everything: the actor `id` of the type `actor_type` was never heard of.
void gr_test_begin(const char *actor_type, const char *id);
// Frees all that is left; for leak checkers, at the end.
void gr_test_end(void);

// Asks the actor as a client would. `json` is the body, NULL for none. The reply's body, or NULL when the
// actor failed; `gr_test_failure` says with what. An empty reply is "".
const char *gr_test_call(const char *method, const char *json);
// As somebody else: `gr_test_from_reminder("deadline")`.
const char *gr_test_call_from(gr_origin origin, const char *method, const char *json);
// With bytes, for bytes: whether the actor succeeded.
bool gr_test_call_payload(gr_origin origin, const char *method, gr_payload payload, gr_payload *reply);

gr_origin gr_test_from_client(void);
gr_origin gr_test_from_actor(const char *actor_type, const char *id);
gr_origin gr_test_from_reminder(const char *name);
gr_origin gr_test_from_timer(const char *name);

// What the last turn failed with; NULL when it succeeded.
const gr_failure *gr_test_failure(void);
// A value in the last reply, by JSON pointer: `gr_test_value("/history/0/by")`. NULL when there is none.
const yyjson_val *gr_test_value(const char *pointer);

// Moves the clock, and delivers on the way what becomes due, in its order: reminders, timers, and messages
// that the actor sent itself. 0 delivers what is due already. Says how many turns there were. A firing
// whose turn fails is not tried again; the real host would.
size_t gr_test_advance(uint64_t ms);
uint64_t gr_test_now_ms(void);
// Deactivates the actor, as when it was idle. Its next message activates it.
void gr_test_deactivate(void);
// Drops it from memory, as when the host was killed.
void gr_test_crash(void);

// Answers the calls that the actor makes: `true` and the reply, or `false` and the error. Without it
// nothing is deployed but the actor.
typedef bool gr_test_responder(gr_address to, gr_text method, gr_payload payload, gr_payload *reply,
                               gr_call_error *error);
void gr_test_on_call(gr_test_responder *responder);

// A message that the actor has sent, in a turn that succeeded.
typedef struct gr_test_sent_message {
  gr_address to;
  gr_text method;
  gr_payload payload;
  uint64_t delay_ms;
} gr_test_sent_message;

size_t gr_test_sent_count(void);
// NULL when there are not so many.
const gr_test_sent_message *gr_test_sent(size_t index);

// The reminder or the timer of that name; NULL when it is not set.
const gr_reminder *gr_test_reminder(const char *name);
const gr_reminder *gr_test_timer(const char *name);
size_t gr_test_reminder_count(void);

// What is stored under a key; `data` is NULL when nothing is.
gr_bytes gr_test_stored(const char *key);
size_t gr_test_stored_count(void);
// Puts bytes under a key behind the actor's back and drops it from memory: what an earlier version of it
// may have stored.
void gr_test_store(const char *key, gr_bytes value);

// Whether the actor has said these words, at any level; failed turns included.
bool gr_test_has_logged(const char *words);

// ---- Checks --------------------------------------------------------------------------------------------

// A check that fails is shown with its place and counted; the test goes on.
#define GR_CHECK(condition) gr_test_check((condition), __FILE__, __LINE__, #condition)
// The same text; NULL is only equal to NULL.
#define GR_CHECK_TEXT(found, expected) gr_test_check_text((found), (expected), __FILE__, __LINE__, #found)
// The last turn failed with that code.
#define GR_CHECK_REFUSED(reply, code) gr_test_check_refused((reply), (code), __FILE__, __LINE__, #reply)

bool gr_test_check(bool condition, const char *file, int line, const char *what);
bool gr_test_check_text(const char *found, const char *expected, const char *file, int line, const char *what);
bool gr_test_check_refused(const char *reply, gr_code code, const char *file, int line, const char *what);
// Runs a test, and says its name if a check in it fails.
#define GR_RUN(test) gr_test_run(#test, test)
void gr_test_run(const char *name, void (*test)(void));
// What `main` returns: 0 when every check held. Says how many tests there were.
int gr_test_result(void);

#ifdef __cplusplus
}
#endif

#endif
