// Runs the actor natively, with a clock that the test moves.

#include <greenroom_test.h>

static void it_counts_and_forgets(void) {
  gr_test_begin("{{name}}", "counter-1");
  GR_CHECK_TEXT(gr_test_call("add", "2"), "2");
  GR_CHECK_REFUSED(gr_test_call("add", "0"), GR_INVALID_ARGUMENT);
  GR_CHECK_REFUSED(gr_test_call("add", "4294967295"), GR_INVALID_ARGUMENT);

  gr_test_crash();
  GR_CHECK_TEXT(gr_test_call("get", NULL), "2");

  gr_test_advance(3600000);
  GR_CHECK_TEXT(gr_test_call("get", NULL), "0");
}

int main(void) {
  GR_RUN(it_counts_and_forgets);
  return gr_test_result();
}
