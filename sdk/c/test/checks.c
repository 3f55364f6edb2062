// Checks that say what they found and go on, and the count of tests for `main`.

#include <stdio.h>
#include <string.h>

#include "../include/greenroom_test.h"

static size_t tests;
static size_t failed_checks;

bool gr_test_check(bool condition, const char *file, int line, const char *what) {
  if (!condition) {
    failed_checks++;
    const gr_failure *failure = gr_test_failure();
    printf("%s:%d: not so: %s\n", file, line, what);
    if (failure != NULL) printf("  the last turn failed: %s: %s\n", gr_code_name(failure->code), failure->message.data);
  }
  return condition;
}

bool gr_test_check_text(const char *found, const char *expected, const char *file, int line, const char *what) {
  bool same = found == NULL || expected == NULL ? found == expected : strcmp(found, expected) == 0;
  if (!gr_test_check(same, file, line, what)) {
    printf("  found:    %s\n  expected: %s\n", found == NULL ? "nothing" : found,
           expected == NULL ? "nothing" : expected);
  }
  return same;
}

bool gr_test_check_refused(const char *reply, gr_code code, const char *file, int line, const char *what) {
  const gr_failure *failure = gr_test_failure();
  bool refused = reply == NULL && failure != NULL && failure->code == code;
  if (!gr_test_check(refused, file, line, what)) {
    printf("  expected: %s\n  replied:  %s\n", gr_code_name(code), reply == NULL ? "nothing" : reply);
  }
  return refused;
}

void gr_test_run(const char *name, void (*test)(void)) {
  size_t before = failed_checks;
  tests++;
  test();
  if (failed_checks != before) printf("%s failed\n", name);
}

int gr_test_result(void) {
  gr_test_end();
  printf("%zu tests, %zu failed checks\n", tests, failed_checks);
  return failed_checks == 0 ? 0 : 1;
}
