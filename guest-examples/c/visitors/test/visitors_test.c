// What `README.md` says of visitors, without a host.

#include <greenroom_test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/sketch.h"

static void begin(void) { gr_test_begin("visitors", "front-page"); }

// Adds the visitors `from` to `to`, a thousand at a time.
static void visit(unsigned from, unsigned to) {
  static char json[20000];
  while (from < to) {
    size_t length = 1;
    json[0] = '[';
    unsigned until = to - from > 1000 ? from + 1000 : to;
    for (; from < until; from++) {
      length += (size_t)snprintf(json + length, sizeof json - length, "%s\"v%u\"", length > 1 ? "," : "", from);
    }
    json[length] = ']';
    json[length + 1] = 0;
    GR_CHECK(gr_test_call("add", json) != NULL);
  }
}

static bool is_about(const char *reply, double expected) {
  double found = reply == NULL ? -1 : strtod(reply, NULL);
  bool near = found > expected * 0.95 && found < expected * 1.05;
  if (!near) printf("  %s is not about %.0f\n", reply == NULL ? "nothing" : reply, expected);
  return near;
}

static void few_are_counted_exactly_and_nobody_twice(void) {
  begin();
  GR_CHECK_TEXT(gr_test_call("count", NULL), "0");
  GR_CHECK_TEXT(gr_test_call("add", "[\"ada\", \"bob\", \"ada\"]"), "2");
  GR_CHECK_TEXT(gr_test_call("add", "{\"visitors\": [\"bob\"]}"), "2");
  gr_test_crash();
  GR_CHECK_TEXT(gr_test_call("count", NULL), "2");
  gr_test_call("reset", NULL);
  GR_CHECK_TEXT(gr_test_call("count", NULL), "0");
}

static void many_are_counted_nearly_in_four_kilobytes(void) {
  begin();
  visit(0, 3000);
  GR_CHECK(is_about(gr_test_call("count", NULL), 3000));
  visit(0, 100000);
  GR_CHECK(is_about(gr_test_call("count", NULL), 100000));
  GR_CHECK(gr_test_stored("sketch").length == SKETCH_BYTES && gr_test_stored_count() == 1);
}

static sketch other_page;

static bool answer(gr_address to, gr_text method, gr_payload payload, gr_payload *reply, gr_call_error *error) {
  (void)payload, (void)error;
  GR_CHECK(gr_text_is(to.actor_type, "visitors") && gr_text_is(method, "registers"));
  reply->content_type = gr_text_of("application/octet-stream");
  reply->body = (gr_bytes){other_page.registers, gr_text_is(to.id, "odd") ? 7 : SKETCH_BYTES};
  return true;
}

static void two_pages_are_merged_and_who_was_on_both_counts_once(void) {
  begin();
  visit(5000, 15000);
  gr_payload sent;
  GR_CHECK(gr_test_call_payload(gr_test_from_client(), "registers", GR_NOTHING, &sent));
  GR_CHECK(sent.body.length == SKETCH_BYTES);
  memcpy(other_page.registers, sent.body.data, SKETCH_BYTES);
  begin();
  gr_test_on_call(answer);
  visit(0, 10000);
  GR_CHECK(is_about(gr_test_call("merge", "\"other\""), 15000));
  GR_CHECK_REFUSED(gr_test_call("merge", "\"odd\""), GR_INTERNAL);
  GR_CHECK_REFUSED(gr_test_call("merge", "\"\""), GR_INVALID_ARGUMENT);
}

static void what_is_no_sketch_is_not_counted(void) {
  begin();
  uint8_t bytes[SKETCH_BYTES] = {99};
  gr_test_store("sketch", (gr_bytes){bytes, sizeof bytes});
  GR_CHECK_REFUSED(gr_test_call("count", NULL), GR_INTERNAL);
  gr_test_store("sketch", (gr_bytes){bytes, 3});
  GR_CHECK_REFUSED(gr_test_call("add", "[\"ada\"]"), GR_INTERNAL);
  GR_CHECK_REFUSED(gr_test_call("add", "[1]"), GR_INVALID_ARGUMENT);
}

int main(void) {
  GR_RUN(few_are_counted_exactly_and_nobody_twice);
  GR_RUN(many_are_counted_nearly_in_four_kilobytes);
  GR_RUN(two_pages_are_merged_and_who_was_on_both_counts_once);
  GR_RUN(what_is_no_sketch_is_not_counted);
  return gr_test_result();
}
