// The actor type `task`: a to-do item with a status, an assignee and a deadline.
//
// A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and tells
// the assignee's `chat` actor. The change of status and the message are one turn, so neither happens
// without the other.

#include <greenroom.h>

#include "status.h"

// The reminder that fires at the deadline.
#define DEADLINE "deadline"
// Longest title, in characters.
#define TITLE_CHARS_MAX 200

GR_ENUM(status, "todo", "in_progress", "done", "cancelled", "overdue");
GR_STRUCT(change, GR_FIELD(change, sequence, gr_u64), GR_FIELD(change, status, status_shape),
          GR_FIELD(change, at_ms, gr_u64), GR_FIELD(change, by, gr_string));

// A to-do item.
typedef struct task {
  bool has_title;
  gr_text title;
  status status;
  bool has_assignee;
  gr_text assignee;
  bool has_deadline;
  uint64_t deadline;
  change *history;  // the latest changes of status, oldest first
  size_t history_count;
} task;

GR_STRUCT(task, GR_OPTIONAL(task, title, gr_string), GR_FIELD(task, status, status_shape),
          GR_OPTIONAL(task, assignee, gr_string), GR_OPTIONAL(task, deadline, gr_u64),
          GR_LIST(task, history, change_shape));

// A task as others see it.
typedef struct task_view {
  gr_text id;
  bool has_title;
  gr_text title;
  status status;
  bool has_assignee;
  gr_text assignee;
  bool has_deadline_ms;
  uint64_t deadline_ms;
  change *history;
  size_t history_count;
} task_view;

GR_STRUCT(task_view, GR_FIELD(task_view, id, gr_string), GR_OPTIONAL(task_view, title, gr_string),
          GR_FIELD(task_view, status, status_shape), GR_OPTIONAL(task_view, assignee, gr_string),
          GR_OPTIONAL(task_view, deadline_ms, gr_u64), GR_LIST(task_view, history, change_shape));

// What the assignee's `chat` actor is told when a deadline has passed.
typedef struct overdue {
  bool has_title;
  gr_text title;
  uint64_t deadline_ms;
} overdue;

GR_STRUCT(overdue, GR_OPTIONAL(overdue, title, gr_string), GR_FIELD(overdue, deadline_ms, gr_u64));

// ---- The methods ---------------------------------------------------------------------------------------

static bool reply_view(gr_context *ctx, const task *self) {
  task_view view = {
      .id = gr_me(ctx).id,
      .has_title = self->has_title,
      .title = self->title,
      .status = self->status,
      .has_assignee = self->has_assignee,
      .assignee = self->assignee,
      .has_deadline_ms = self->has_deadline,
      .deadline_ms = self->deadline,
      .history = self->history,
      .history_count = self->history_count,
  };
  return gr_reply(ctx, &task_view_shape, &view);
}

static void change_status(gr_context *ctx, task *self, status status) {
  if (self->status == status) return;
  self->status = status;
  self->history = with_change(ctx, self->history, &self->history_count, status);
}

// Answers with the task.
static bool get_task(gr_context *ctx, void *state, const void *arguments) {
  (void)arguments;
  return reply_view(ctx, state);
}

typedef struct title_argument {
  gr_text title;
} title_argument;

GR_STRUCT(title_argument, GR_FIELD(title_argument, title, gr_string));

// Renames the task.
static bool set_title(gr_context *ctx, void *state, const void *arguments) {
  task *self = state;
  gr_text title = ((const title_argument *)arguments)->title;
  if (title.length == 0 || gr_text_characters(title) > TITLE_CHARS_MAX) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "a title has 1 to %d characters", TITLE_CHARS_MAX);
  }
  self->has_title = true;
  self->title = title;
  return reply_view(ctx, self);
}

typedef struct assignee_argument {
  bool has_assignee;
  gr_text assignee;
} assignee_argument;

GR_STRUCT(assignee_argument, GR_OPTIONAL(assignee_argument, assignee, gr_string));

// Hands the task to a user, or to nobody.
static bool assign_to(gr_context *ctx, void *state, const void *arguments) {
  task *self = state;
  const assignee_argument *given = arguments;
  if (given->has_assignee && !gr_is_id(given->assignee)) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "an assignee has 1 to 512 bytes and no control characters");
  }
  self->has_assignee = given->has_assignee;
  self->assignee = given->assignee;
  return reply_view(ctx, self);
}

typedef struct create_arguments {
  gr_text title;
  bool has_assignee;
  gr_text assignee;
} create_arguments;

GR_STRUCT(create_arguments, GR_FIELD(create_arguments, title, gr_string),
          GR_OPTIONAL(create_arguments, assignee, gr_string));

// Names a new task.
static bool create(gr_context *ctx, void *state, const void *arguments) {
  task *self = state;
  const create_arguments *given = arguments;
  if (self->has_title) {
    return gr_fail(ctx, GR_CONFLICT, "the task is called `%.*s` already", GR_SHOWN(self->title));
  }
  if (given->has_assignee && !assign_to(ctx, self, &(assignee_argument){true, given->assignee})) return false;
  return set_title(ctx, self, &(title_argument){given->title});
}

typedef struct status_argument {
  status status;
} status_argument;

GR_STRUCT(status_argument, GR_FIELD(status_argument, status, status_shape));

// Changes the status, whatever it was. A finished task has no deadline.
static bool update_status(gr_context *ctx, void *state, const void *arguments) {
  task *self = state;
  status status = ((const status_argument *)arguments)->status;
  if (status == OVERDUE) {
    return gr_fail(ctx, GR_FAILED_PRECONDITION, "only a deadline that passes makes a task overdue");
  }
  change_status(ctx, self, status);
  if (is_finished(status)) {
    gr_cancel_reminder(ctx, DEADLINE);
    self->has_deadline = false;
  }
  return reply_view(ctx, self);
}

typedef struct deadline_arguments {
  bool has_in_ms;
  uint64_t in_ms;
  bool has_at_ms;
  uint64_t at_ms;
} deadline_arguments;

GR_STRUCT(deadline_arguments, GR_OPTIONAL(deadline_arguments, in_ms, gr_u64),
          GR_OPTIONAL(deadline_arguments, at_ms, gr_u64));

// Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one.
static bool set_deadline_reminder(gr_context *ctx, void *state, const void *arguments) {
  task *self = state;
  const deadline_arguments *given = arguments;
  if (is_finished(self->status)) {
    return gr_fail(ctx, GR_FAILED_PRECONDITION, "the task is %s: it needs no deadline",
                   status_name(self->status));
  }
  if (given->has_in_ms == given->has_at_ms) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "give one of the arguments `in_ms` and `at_ms`");
  }
  uint64_t now = gr_now_ms(ctx);
  uint64_t latest_delay = UINT64_MAX - now;
  uint64_t delay = given->in_ms < latest_delay ? given->in_ms : latest_delay;
  if (given->has_at_ms) {
    if (given->at_ms < now) return gr_fail(ctx, GR_INVALID_ARGUMENT, "argument `at_ms`: it is past");
    delay = given->at_ms - now;
  }
  gr_schedule once = {.delay_ms = delay};
  if (!gr_set_reminder(ctx, DEADLINE, once, "deadline_passed", GR_NOTHING)) return false;
  self->has_deadline = true;
  self->deadline = now + delay;
  if (self->status == OVERDUE) change_status(ctx, self, before_overdue(self->history, self->history_count));
  return reply_view(ctx, self);
}

// The reminder's method: the task is overdue, and its assignee hears of it.
static bool deadline_passed(gr_context *ctx, void *state, const void *arguments) {
  (void)arguments;
  task *self = state;
  if (!gr_is_reminder(ctx, DEADLINE)) {
    return gr_fail(ctx, GR_PERMISSION_DENIED, "only the task's own reminder says that a deadline has passed");
  }
  if (!is_finished(self->status)) {
    change_status(ctx, self, OVERDUE);
    if (self->has_assignee && self->has_deadline) {
      gr_address chat = {GR_TEXT("chat"), self->assignee};
      overdue note = {self->has_title, self->title, self->deadline};
      if (!gr_send_json(ctx, chat, "task_overdue", &overdue_shape, &note, 0)) return false;
    }
  }
  return reply_view(ctx, self);
}

static const gr_method methods[] = {
    GR_METHOD(get_task),
    GR_METHOD_OF(create, create_arguments),
    GR_METHOD_OF(set_title, title_argument),
    GR_METHOD_OF(update_status, status_argument),
    GR_METHOD_OF(assign_to, assignee_argument),
    GR_METHOD_OF(set_deadline_reminder, deadline_arguments),
    GR_METHOD(deadline_passed),
};

static const gr_actor task_actor = {.state = &task_shape, .methods = methods, .method_count = GR_COUNT(methods)};

GR_EXPORT(task_actor)
