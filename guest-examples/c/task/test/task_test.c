// What `guest-examples/task/README.md` says of a task, without a host.

#include <greenroom_test.h>
#include <stdio.h>
#include <string.h>

#define MINUTE UINT64_C(60000)

static void begin(void) { gr_test_begin("task", "task-123"); }

static const char *text_at(const char *pointer) {
  return yyjson_get_str((yyjson_val *)(uintptr_t)gr_test_value(pointer));
}

static uint64_t number_at(const char *pointer) {
  return yyjson_get_uint((yyjson_val *)(uintptr_t)gr_test_value(pointer));
}

static bool is_null_at(const char *pointer) {
  return yyjson_is_null((yyjson_val *)(uintptr_t)gr_test_value(pointer));
}

// A JSON string of `length` letters.
static const char *letters(size_t length) {
  static char json[1024];
  memset(json, 'x', sizeof json);
  json[0] = json[length + 1] = '"';
  json[length + 2] = 0;
  return json;
}

static void a_task_is_there_before_anybody_writes_to_it(void) {
  begin();
  GR_CHECK_TEXT(gr_test_call("get_task", NULL),
                "{\"id\":\"task-123\",\"title\":null,\"status\":\"todo\",\"assignee\":null,"
                "\"deadline_ms\":null,\"history\":[]}");
  GR_CHECK(gr_test_stored_count() == 0);
}

static void create_names_a_task_once(void) {
  begin();
  GR_CHECK(gr_test_call("create", "{\"title\": \"Report\", \"assignee\": \"alice\"}") != NULL);
  GR_CHECK_TEXT(text_at("/title"), "Report");
  GR_CHECK_TEXT(text_at("/assignee"), "alice");
  GR_CHECK_REFUSED(gr_test_call("create", "{\"title\": \"Other\"}"), GR_CONFLICT);
  GR_CHECK_TEXT(gr_test_failure()->message.data, "the task is called `Report` already");
  gr_test_call("set_title", "\"Longer report\"");
  GR_CHECK_TEXT(text_at("/title"), "Longer report");
  GR_CHECK_TEXT(text_at("/assignee"), "alice");
}

static void what_is_stored_is_what_the_other_languages_store(void) {
  begin();
  gr_test_call("create", "{\"title\": \"R\\u0000\\\"é\", \"assignee\": \"alice\"}");
  gr_test_call("update_status", "\"in_progress\"");
  GR_CHECK_TEXT((const char *)gr_test_stored("actor").data,
                "{\"title\":\"R\\u0000\\\"é\",\"status\":\"in_progress\",\"assignee\":\"alice\",\"deadline\":null,"
                "\"history\":[{\"sequence\":1,\"status\":\"in_progress\",\"at_ms\":1767225600000,\"by\":\"client\"}]}");
}

static void titles_and_assignees_are_bounded(void) {
  begin();
  GR_CHECK_REFUSED(gr_test_call("set_title", "\"\""), GR_INVALID_ARGUMENT);
  GR_CHECK_REFUSED(gr_test_call("set_title", letters(201)), GR_INVALID_ARGUMENT);
  GR_CHECK(gr_test_call("set_title", letters(200)) != NULL);
  static const char *const wrong[] = {"\"\"", "\"a\\nb\"", "\"a\\u0085b\"", "\"a\\u0000b\"", "7"};
  for (size_t i = 0; i < GR_COUNT(wrong); i++) {
    GR_CHECK_REFUSED(gr_test_call("assign_to", wrong[i]), GR_INVALID_ARGUMENT);
  }
  GR_CHECK_REFUSED(gr_test_call("assign_to", letters(513)), GR_INVALID_ARGUMENT);
  gr_test_call("assign_to", "\"alice\"");
  GR_CHECK_TEXT(text_at("/assignee"), "alice");
  gr_test_call("assign_to", NULL);
  GR_CHECK(is_null_at("/assignee"));
}

static void changes_of_status_are_numbered_in_the_order_they_arrive(void) {
  begin();
  gr_test_call("update_status", "\"done\"");
  gr_test_call_from(gr_test_from_actor("chat", "alice"), "update_status", "{\"status\": \"cancelled\"}");
  GR_CHECK(number_at("/history/0/sequence") == 1 && number_at("/history/1/sequence") == 2);
  GR_CHECK_TEXT(text_at("/history/0/by"), "client");
  GR_CHECK_TEXT(text_at("/history/1/by"), "chat/alice");
  GR_CHECK_TEXT(text_at("/history/1/status"), "cancelled");
}

static void the_same_status_again_is_no_change_and_old_changes_are_forgotten(void) {
  begin();
  for (int round = 0; round < 15; round++) {
    gr_test_call("update_status", "\"in_progress\"");
    gr_test_call("update_status", "\"in_progress\"");
    gr_test_call("update_status", "\"todo\"");
  }
  gr_test_call("get_task", NULL);
  GR_CHECK(number_at("/history/0/sequence") == 11);
  GR_CHECK(number_at("/history/19/sequence") == 30);
  GR_CHECK(gr_test_value("/history/20") == NULL);
}

static void a_status_nobody_knows_is_refused_by_name(void) {
  begin();
  GR_CHECK_REFUSED(gr_test_call("update_status", "\"finished\""), GR_INVALID_ARGUMENT);
  GR_CHECK_TEXT(gr_test_failure()->message.data,
                "argument `status`: unknown variant `finished`, expected one of `todo`, `in_progress`, `done`, "
                "`cancelled`, `overdue`");
  GR_CHECK_REFUSED(gr_test_call("update_status", "{\"state\": \"done\"}"), GR_INVALID_ARGUMENT);
  GR_CHECK_REFUSED(gr_test_call("update_status", NULL), GR_INVALID_ARGUMENT);
  GR_CHECK_REFUSED(gr_test_call("update_status", "\"overdue\""), GR_FAILED_PRECONDITION);
  GR_CHECK_REFUSED(gr_test_call("finish", NULL), GR_UNIMPLEMENTED);
}

static void a_deadline_that_passes_makes_the_task_overdue_and_tells_the_assignee(void) {
  begin();
  gr_test_call("create", "{\"title\": \"Report\", \"assignee\": \"alice\"}");
  uint64_t deadline = gr_test_now_ms() + MINUTE;
  GR_CHECK(gr_test_call("set_deadline_reminder", "{\"in_ms\": 60000}") != NULL);
  gr_test_crash();

  GR_CHECK(gr_test_advance(MINUTE / 2) == 0);
  GR_CHECK(gr_test_advance(MINUTE / 2) == 1);
  GR_CHECK(gr_test_failure() == NULL);

  gr_test_call("get_task", NULL);
  GR_CHECK_TEXT(text_at("/status"), "overdue");
  GR_CHECK(number_at("/deadline_ms") == deadline);
  GR_CHECK_TEXT(text_at("/history/0/by"), "reminder deadline");
  const gr_test_sent_message *note = gr_test_sent(0);
  if (!GR_CHECK(note != NULL && gr_test_sent_count() == 1)) return;
  GR_CHECK(gr_text_is(note->to.actor_type, "chat") && gr_text_is(note->to.id, "alice"));
  GR_CHECK(gr_text_is(note->method, "task_overdue"));
  char expected[80];
  snprintf(expected, sizeof expected, "{\"title\":\"Report\",\"deadline_ms\":%llu}", (unsigned long long)deadline);
  GR_CHECK_TEXT((const char *)note->payload.body.data, expected);
}

static void finishing_a_task_cancels_its_deadline(void) {
  begin();
  gr_test_call("set_deadline_reminder", "{\"in_ms\": 60000}");
  GR_CHECK(gr_test_call("update_status", "\"done\"") != NULL);
  GR_CHECK(is_null_at("/deadline_ms"));
  GR_CHECK(gr_test_reminder_count() == 0);
  GR_CHECK(gr_test_advance(2 * MINUTE) == 0);
  GR_CHECK_REFUSED(gr_test_call("set_deadline_reminder", "{\"in_ms\": 1}"), GR_FAILED_PRECONDITION);
}

static void a_new_deadline_takes_an_overdue_task_back(void) {
  begin();
  gr_test_call("update_status", "\"in_progress\"");
  gr_test_call("set_deadline_reminder", "{\"in_ms\": 0}");
  GR_CHECK(gr_test_advance(0) == 1);
  gr_test_call("get_task", NULL);
  GR_CHECK_TEXT(text_at("/status"), "overdue");
  char arguments[64];
  uint64_t at = gr_test_now_ms() + MINUTE;
  snprintf(arguments, sizeof arguments, "{\"at_ms\": %llu}", (unsigned long long)at);
  gr_test_call("set_deadline_reminder", arguments);
  GR_CHECK_TEXT(text_at("/status"), "in_progress");
  GR_CHECK(number_at("/deadline_ms") == at);
  const gr_reminder *reminder = gr_test_reminder("deadline");
  GR_CHECK(reminder != NULL && reminder->due_in_ms == MINUTE);
}

static void a_deadline_is_given_one_way_and_not_in_the_past(void) {
  begin();
  static const char *const wrong[] = {"{}", "{\"in_ms\": 1, \"at_ms\": 2}", "{\"at_ms\": 1767225540000}",
                                      "{\"in_ms\": -1}", "{\"in_ms\": 1.5}", "{\"in_ms\": 18446744073709551616}"};
  for (size_t i = 0; i < GR_COUNT(wrong); i++) {
    GR_CHECK_REFUSED(gr_test_call("set_deadline_reminder", wrong[i]), GR_INVALID_ARGUMENT);
  }
  GR_CHECK(gr_test_reminder_count() == 0);
  GR_CHECK(gr_test_call("set_deadline_reminder", "{\"in_ms\": 18446744073709551615}") != NULL);
}

static void nobody_else_says_that_a_deadline_has_passed(void) {
  begin();
  GR_CHECK_REFUSED(gr_test_call("deadline_passed", NULL), GR_PERMISSION_DENIED);
  gr_origin others[] = {gr_test_from_actor("task", "x"), gr_test_from_timer("deadline"),
                        gr_test_from_reminder("other")};
  for (size_t i = 0; i < GR_COUNT(others); i++) {
    GR_CHECK_REFUSED(gr_test_call_from(others[i], "deadline_passed", NULL), GR_PERMISSION_DENIED);
  }
}

int main(void) {
  GR_RUN(a_task_is_there_before_anybody_writes_to_it);
  GR_RUN(create_names_a_task_once);
  GR_RUN(what_is_stored_is_what_the_other_languages_store);
  GR_RUN(titles_and_assignees_are_bounded);
  GR_RUN(changes_of_status_are_numbered_in_the_order_they_arrive);
  GR_RUN(the_same_status_again_is_no_change_and_old_changes_are_forgotten);
  GR_RUN(a_status_nobody_knows_is_refused_by_name);
  GR_RUN(a_deadline_that_passes_makes_the_task_overdue_and_tells_the_assignee);
  GR_RUN(finishing_a_task_cancels_its_deadline);
  GR_RUN(a_new_deadline_takes_an_overdue_task_back);
  GR_RUN(a_deadline_is_given_one_way_and_not_in_the_past);
  GR_RUN(nobody_else_says_that_a_deadline_has_passed);
  return gr_test_result();
}
