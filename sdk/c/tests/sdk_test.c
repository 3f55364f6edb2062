// The SDK for C against the host of `test/fake_host.c`: arguments, values, state, calls, alarms, failures.

#include <greenroom_test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- An actor that does a bit of everything ------------------------------------------------------------

typedef enum colour { RED, GREEN } colour;

GR_ENUM(colour, "red", "green");

typedef struct point {
  int8_t x;
  uint16_t y;
} point;

GR_STRUCT(point, GR_FIELD(point, x, gr_i8), GR_FIELD(point, y, gr_u16));

typedef struct ledger {
  int64_t sum;
  double ratio;
  bool open;
  colour colour;
  point *points;
  size_t points_count;
  yyjson_val *extra;
} ledger;

GR_STRUCT(ledger, GR_FIELD(ledger, sum, gr_i64), GR_FIELD(ledger, ratio, gr_f64), GR_FIELD(ledger, open, gr_bool),
          GR_FIELD(ledger, colour, colour_shape), GR_LIST(ledger, points, point_shape),
          GR_FIELD(ledger, extra, gr_json));

static bool get(gr_context *ctx, void *state, const void *arguments) {
  (void)arguments;
  return gr_reply(ctx, &ledger_shape, state);
}

static bool replace(gr_context *ctx, void *state, const void *arguments) {
  *(ledger *)state = *(const ledger *)arguments;
  return gr_reply(ctx, &ledger_shape, state);
}

typedef struct add_arguments {
  int64_t left;
  bool has_right;
  int64_t right;
} add_arguments;

GR_STRUCT(add_arguments, GR_FIELD(add_arguments, left, gr_i64), GR_OPTIONAL(add_arguments, right, gr_i64));

static bool add(gr_context *ctx, void *state, const void *arguments) {
  const add_arguments *given = arguments;
  ledger *self = state;
  self->sum += given->left + (given->has_right ? given->right : 0);
  return gr_reply(ctx, &gr_i64, &self->sum);
}

typedef struct text_argument {
  gr_text text;
} text_argument;

GR_STRUCT(text_argument, GR_FIELD(text_argument, text, gr_string));

// Keeps, sends, schedules, and then fails if the text says so.
static bool do_all(gr_context *ctx, void *state, const void *arguments) {
  gr_text text = ((const text_argument *)arguments)->text;
  ((ledger *)state)->sum = 99;
  gr_bytes bytes = {(const uint8_t *)text.data, text.length};
  gr_schedule schedule = {.delay_ms = 5, .period_ms = 10, .repetitions = 2};
  bool done = gr_state_set(ctx, gr_format(ctx, "text/%zu", text.length), bytes) &&
              gr_send_json(ctx, gr_me(ctx), "add", &add_arguments_shape, &(add_arguments){.left = 1}, 3) &&
              gr_set_reminder(ctx, "r", schedule, "get", GR_NOTHING) &&
              gr_set_timer(ctx, "t", (gr_schedule){.delay_ms = 1}, "get", GR_NOTHING);
  gr_log(ctx, GR_WARN, "did all for %.*s", GR_SHOWN(text));
  return done && (!gr_text_is(text, "fail") || gr_fail(ctx, GR_CONFLICT, "as told"));
}

static bool ask(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  (void)arguments;
  gr_text answer;
  gr_address to = {GR_TEXT("oracle"), GR_TEXT("o")};
  if (gr_call_json(ctx, to, "answer", NULL, NULL, &gr_string, &answer)) return gr_reply(ctx, &gr_string, &answer);
  const gr_call_error *error = gr_call_failed_with(ctx);
  if (error != NULL && error->kind == GR_CALL_OVERLOADED) return gr_reply(ctx, &gr_bool, &(bool){true});
  return false;
}

static bool echo(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  (void)arguments;
  return gr_reply_payload(ctx, gr_received(ctx)->payload);
}

static bool list(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  (void)arguments;
  gr_texts keys = gr_state_keys(ctx, GR_TEXT("text/"), GR_TEXT("text/1"), 2);
  gr_text joined = GR_TEXT("");
  for (size_t i = 0; i < keys.count; i++) joined = gr_format(ctx, "%s %s", joined.data, keys.items[i].data);
  return gr_reply(ctx, &gr_string, &joined);
}

static bool limits(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  (void)arguments;
  size_t length = ((size_t)1 << 20) + 1;
  gr_bytes large = {gr_alloc(ctx, length), length};
  return gr_state_set(ctx, GR_TEXT("large"), large);
}

static bool chance(gr_context *ctx, void *state, const void *arguments) {
  (void)state;
  (void)arguments;
  uint8_t bytes[5000];
  gr_random(ctx, bytes, sizeof bytes);
  return gr_reply(ctx, &gr_u8, &bytes[4097]);
}

static bool infinite(gr_context *ctx, void *state, const void *arguments) {
  (void)arguments;
  ((ledger *)state)->ratio = strtod("inf", NULL);
  (void)ctx;
  return true;
}

static bool silent(gr_context *ctx, void *state, const void *arguments) {
  (void)ctx;
  (void)state;
  (void)arguments;
  return false;
}

static bool wake(gr_context *ctx, void *state) {
  (void)state;
  return !gr_text_is(gr_me(ctx).id, "sleeper") || gr_fail(ctx, GR_FAILED_PRECONDITION, "it sleeps");
}

static bool rest(gr_context *ctx, void *state) {
  (void)state;
  return gr_state_set(ctx, GR_TEXT("rested"), (gr_bytes){NULL, 0});
}

static const gr_method methods[] = {
    GR_METHOD(get),
    GR_METHOD_OF(replace, ledger),
    GR_METHOD_OF(add, add_arguments),
    GR_METHOD_OF(do_all, text_argument),
    GR_METHOD(ask),
    GR_METHOD(echo),
    GR_METHOD(list),
    GR_METHOD(limits),
    GR_METHOD(chance),
    GR_METHOD(infinite),
    GR_METHOD(silent),
};

static const gr_actor actor = {&ledger_shape, methods, GR_COUNT(methods), wake, rest};

GR_EXPORT(actor)

// ---- Tests ---------------------------------------------------------------------------------------------

static void begin(void) { gr_test_begin("ledger", "l1"); }

static const char *message(void) {
  const gr_failure *failure = gr_test_failure();
  return failure == NULL ? NULL : failure->message.data;
}

static void arguments_are_given_by_name_by_position_or_alone(void) {
  begin();
  GR_CHECK_TEXT(gr_test_call("add", "{\"left\": 1, \"right\": 2}"), "3");
  GR_CHECK_TEXT(gr_test_call("add", " [10, -3] "), "10");
  GR_CHECK_TEXT(gr_test_call("add", "{\"left\": 5, \"right\": null}"), "15");
  GR_CHECK_TEXT(gr_test_call("add", "[5]"), "20");
  GR_CHECK(gr_test_call("do_all", "\"alone\"") != NULL);
  GR_CHECK(gr_test_call("do_all", "{\"text\": \"by name\"}") != NULL);
}

static void what_does_not_fit_is_refused_and_says_where(void) {
  static const char *const cases[][3] = {
      {"add", "7", "expected an object or an array of the arguments left, right"},
      {"add", "{}", "argument `left` is missing"},
      {"add", "[1,2,3]", "3 arguments are too many; there are left, right"},
      {"add", "{\"left\":1,\"middle\":2}", "unknown argument `middle`; there are left, right"},
      {"add", "{\"left\":1,\"left\":2}", "argument `left` is given twice"},
      {"add", "[null]", "argument `left`: invalid type: null, expected i64"},
      {"add", "[9223372036854775808]", "argument `left`: invalid value: integer `9223372036854775808`, expected i64"},
      {"add", "[1.0]", "argument `left`: invalid type: floating point `1`, expected i64"},
      {"add", "[1", "the body is not JSON: "},
      {"add", "[1] 2", "the body is not JSON: "},
      {"do_all", NULL, "argument `text` is missing"},
      {"do_all", "\"\\ud800\"", "the body is not JSON: "},
      {"replace", "{\"sum\":0,\"ratio\":1,\"open\":true,\"colour\":\"red\",\"points\":[{\"x\":1,\"y\":2},{\"x\":128}],"
                  "\"extra\":0}",
       "argument `points[1].x`: invalid value: integer `128`, expected i8"},
      {"replace", "{\"sum\":0,\"ratio\":1,\"open\":true,\"colour\":\"red\",\"points\":[{\"x\":1}],\"extra\":0}",
       "argument `points[0].y` is missing"},
      {"replace", "{\"sum\":0,\"ratio\":1,\"open\":true,\"colour\":\"blue\",\"points\":[],\"extra\":0}",
       "argument `colour`: unknown variant `blue`, expected one of `red`, `green`"},
      {"replace", "{\"sum\":0,\"ratio\":1,\"open\":1,\"colour\":\"red\",\"points\":[],\"extra\":0}",
       "argument `open`: invalid type: integer `1`, expected a boolean"},
  };
  for (size_t i = 0; i < GR_COUNT(cases); i++) {
    begin();
    GR_CHECK_REFUSED(gr_test_call(cases[i][0], cases[i][1]), GR_INVALID_ARGUMENT);
    const char *said = message();
    if (said == NULL || strncmp(said, cases[i][2], strlen(cases[i][2])) != 0) {
      gr_test_check_text(said, cases[i][2], __FILE__, __LINE__, cases[i][1] == NULL ? "nothing" : cases[i][1]);
    }
    GR_CHECK(gr_test_stored_count() == 0);
  }
}

static void values_come_back_as_they_went(void) {
  begin();
  const char *value = "{\"sum\":-9223372036854775808,\"ratio\":0.1,\"open\":true,\"colour\":\"green\","
                      "\"points\":[{\"x\":-128,\"y\":65535},{\"x\":127,\"y\":0}],\"extra\":{\"a\":[1,\"\\u0000é\"]}}";
  GR_CHECK_TEXT(gr_test_call("replace", value), value);
  gr_test_crash();
  GR_CHECK_TEXT(gr_test_call("get", "whatever"), value);
}

static void members_of_the_state_may_come_and_go(void) {
  begin();
  gr_test_store("actor", (gr_bytes){(const uint8_t *)"{\"sum\":4,\"gone\":[]}", 19});
  GR_CHECK_TEXT(gr_test_call("add", "[1]"), "5");
  GR_CHECK(gr_test_stored("actor").length > 50);
}

static void a_state_that_cannot_be_read_refuses_every_message_and_stays(void) {
  begin();
  gr_test_store("actor", (gr_bytes){(const uint8_t *)"{\"sum\":\"x\"}", 11});
  GR_CHECK_REFUSED(gr_test_call("get", NULL), GR_INTERNAL);
  GR_CHECK_TEXT(message(), "the state of ledger/l1 can't be read: `sum`: invalid type: string \"x\", expected i64");
  GR_CHECK_TEXT((const char *)gr_test_stored("actor").data, "{\"sum\":\"x\"}");
}

static void a_turn_that_fails_leaves_no_trace(void) {
  begin();
  GR_CHECK(gr_test_call("do_all", "\"fine\"") != NULL);
  GR_CHECK(gr_test_call("get", NULL) != NULL);
  size_t stored = gr_test_stored_count(), sent = gr_test_sent_count();
  gr_test_begin("ledger", "l2");
  GR_CHECK_REFUSED(gr_test_call("do_all", "\"fail\""), GR_CONFLICT);
  GR_CHECK(gr_test_stored_count() == 0 && gr_test_sent_count() == 0 && gr_test_reminder_count() == 0);
  GR_CHECK(gr_test_timer("t") == NULL && stored == 2 && sent == 1);
  GR_CHECK(gr_test_has_logged("did all for fail"));
}

static void alarms_and_messages_to_itself_arrive_in_their_order(void) {
  begin();
  gr_test_call("do_all", "\"x\"");
  GR_CHECK(gr_test_reminder("r")->schedule.repetitions == 2);
  GR_CHECK(gr_test_advance(1) == 1);                                 // the timer
  GR_CHECK(gr_test_advance(2) == 1 && gr_test_failure() == NULL);    // the message
  GR_CHECK(gr_test_advance(100) == 2 && gr_test_reminder_count() == 0);
  gr_test_call("get", NULL);
  GR_CHECK(yyjson_get_sint((yyjson_val *)(uintptr_t)gr_test_value("/sum")) == 100);
}

static gr_call_error wrong;
static bool right;

static bool oracle(gr_address to, gr_text method, gr_payload payload, gr_payload *reply, gr_call_error *error) {
  GR_CHECK(gr_text_is(to.actor_type, "oracle") && gr_text_is(method, "answer") && payload.body.length == 0);
  *reply = (gr_payload){GR_TEXT("application/json"), {(const uint8_t *)"\"42\"", 4}};
  *error = wrong;
  return right;
}

static void calls_bring_a_reply_or_say_what_was_wrong(void) {
  begin();
  GR_CHECK_REFUSED(gr_test_call("ask", NULL), GR_FAILED_PRECONDITION);
  GR_CHECK_TEXT(message(), "call oracle/o answer: nothing is deployed under that actor type");
  gr_test_on_call(oracle);
  right = true;
  GR_CHECK_TEXT(gr_test_call("ask", NULL), "\"42\"");
  right = false;
  wrong = (gr_call_error){.kind = GR_CALL_FAILED, .failure = {GR_NOT_FOUND, GR_TEXT("no answer")}};
  GR_CHECK_REFUSED(gr_test_call("ask", NULL), GR_NOT_FOUND);
  GR_CHECK_TEXT(message(), "call oracle/o answer: no answer");
  wrong = (gr_call_error){.kind = GR_CALL_DEADLOCK, .detail = GR_TEXT("a/b -> a/b")};
  GR_CHECK_REFUSED(gr_test_call("ask", NULL), GR_CONFLICT);
  wrong = (gr_call_error){.kind = GR_CALL_CRASHED, .detail = GR_TEXT("memory-limit")};
  GR_CHECK_REFUSED(gr_test_call("ask", NULL), GR_INTERNAL);
  GR_CHECK_TEXT(message(), "call oracle/o answer: it crashed: memory-limit");
  wrong = (gr_call_error){.kind = GR_CALL_OVERLOADED};
  GR_CHECK_TEXT(gr_test_call("ask", NULL), "true");
}

static void bytes_keys_and_limits(void) {
  begin();
  gr_payload reply, sent = {GR_TEXT("image/png"), {(const uint8_t *)"\0\xff\n", 3}};
  GR_CHECK(gr_test_call_payload(gr_test_from_client(), "echo", sent, &reply));
  GR_CHECK(gr_text_is(reply.content_type, "image/png") && reply.body.length == 3);
  GR_CHECK(memcmp(reply.body.data, "\0\xff\n", 3) == 0);
  GR_CHECK_TEXT(gr_test_call("echo", NULL), "");
  static const char *const texts[] = {"\"4444\"", "\"1\"", "\"22\"", "\"333\""};
  for (size_t i = 0; i < GR_COUNT(texts); i++) gr_test_call("do_all", texts[i]);
  GR_CHECK_TEXT(gr_test_call("list", NULL), "\" text/2 text/3\"");
  GR_CHECK_REFUSED(gr_test_call("limits", NULL), GR_RESOURCE_EXHAUSTED);
  GR_CHECK_TEXT(gr_test_call("chance", NULL), "1");
}

static void failures_without_a_reason_and_values_without_json_are_the_actors_fault(void) {
  begin();
  GR_CHECK_REFUSED(gr_test_call("silent", NULL), GR_INTERNAL);
  GR_CHECK_REFUSED(gr_test_call("infinite", NULL), GR_INTERNAL);
  GR_CHECK_REFUSED(gr_test_call("nothing", NULL), GR_UNIMPLEMENTED);
  GR_CHECK(strncmp(message(), "ledger has no method `nothing`; it has get, replace, add", 56) == 0);
}

static void activate_and_deactivate_go_around_messages(void) {
  begin();
  gr_test_call("get", NULL);
  gr_test_deactivate();
  GR_CHECK(gr_test_stored("rested").data != NULL);
  gr_test_begin("ledger", "sleeper");
  GR_CHECK_REFUSED(gr_test_call("get", NULL), GR_FAILED_PRECONDITION);
}

// Every prefix of a document, and every byte of it replaced: refused or taken, never beyond its end.
static void broken_documents_do_no_harm(void) {
  static const char whole[] = "{\"sum\":1,\"ratio\":1e3,\"open\":false,\"colour\":\"red\",\"points\":[{\"x\":1,\"y\":2}],"
                              "\"extra\":[[\"\\u00e9\"]]}";
  begin();
  for (size_t length = 0; length < sizeof whole; length++) {
    char *prefix = malloc(length + 1);
    if (prefix == NULL) abort();
    memcpy(prefix, whole, length);
    prefix[length] = 0;
    gr_test_call("replace", prefix);
    if (length > 0) {
      static const char others[] = "\"\\{}[],:0-\xff\x01";
      for (size_t i = 0; i + 1 < sizeof others; i++) {
        char *changed = malloc(sizeof whole);
        if (changed == NULL) abort();
        memcpy(changed, whole, sizeof whole);
        changed[length - 1] = others[i];
        gr_test_call("replace", changed);
        free(changed);
      }
    }
    free(prefix);
  }
  size_t deep = 100000;
  char *nested = malloc(2 * deep + 1);
  if (nested == NULL) abort();
  memset(nested, '[', deep);
  memset(nested + deep, ']', deep);
  nested[2 * deep] = 0;
  GR_CHECK_REFUSED(gr_test_call("add", nested), GR_INVALID_ARGUMENT);
  free(nested);
}

int main(void) {
  GR_RUN(arguments_are_given_by_name_by_position_or_alone);
  GR_RUN(what_does_not_fit_is_refused_and_says_where);
  GR_RUN(values_come_back_as_they_went);
  GR_RUN(members_of_the_state_may_come_and_go);
  GR_RUN(a_state_that_cannot_be_read_refuses_every_message_and_stays);
  GR_RUN(a_turn_that_fails_leaves_no_trace);
  GR_RUN(alarms_and_messages_to_itself_arrive_in_their_order);
  GR_RUN(calls_bring_a_reply_or_say_what_was_wrong);
  GR_RUN(bytes_keys_and_limits);
  GR_RUN(failures_without_a_reason_and_values_without_json_are_the_actors_fault);
  GR_RUN(activate_and_deactivate_go_around_messages);
  GR_RUN(broken_documents_do_no_harm);
  return gr_test_result();
}
