// The actor type `task`: a to-do item with a status, an assignee and a deadline.
//
// A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and tells
// the assignee's `chat` actor. The change of status and the message are one turn, so neither happens
// without the other.

#include <greenroom.hpp>
#include <limits>

#include "status.hpp"

using greenroom::Address;
using greenroom::Context;
using greenroom::Result;
using greenroom::field;
using greenroom::method;

namespace {

// The reminder that fires at the deadline.
constexpr const char *deadline_reminder = "deadline";
// Longest title, in characters.
constexpr std::size_t title_chars_max = 200;

using Text = std::optional<std::string>;
using Milliseconds = std::optional<std::uint64_t>;

// A task as others see it.
struct TaskView {
  std::string id;
  Text title;
  Status status;
  Text assignee;
  Milliseconds deadline_ms;
  std::vector<Change> history;

  static constexpr auto fields =
      greenroom::fields(field("id", &TaskView::id), field("title", &TaskView::title),
                        field("status", &TaskView::status), field("assignee", &TaskView::assignee),
                        field("deadline_ms", &TaskView::deadline_ms), field("history", &TaskView::history));
};

// What the assignee's `chat` actor is told when a deadline has passed.
struct Overdue {
  Text title;
  std::uint64_t deadline_ms;

  static constexpr auto fields =
      greenroom::fields(field("title", &Overdue::title), field("deadline_ms", &Overdue::deadline_ms));
};

// A to-do item. Every method answers with the whole task.
class Task {
 public:
  TaskView get_task(Context &ctx) const {
    return {ctx.me().id, title, status, assignee, deadline, history};
  }

  // Names a new task.
  Result<TaskView> create(Context &ctx, std::string new_title, Text to) {
    if (title) return greenroom::conflict("the task is called `" + *title + "` already");
    if (to) {
      if (auto assigned = assign_to(ctx, std::move(to)); !assigned) return assigned.failure();
    }
    return set_title(ctx, std::move(new_title));
  }

  // Renames the task.
  Result<TaskView> set_title(Context &ctx, std::string new_title) {
    if (new_title.empty() || greenroom::characters(new_title) > title_chars_max) {
      return greenroom::invalid_argument("a title has 1 to " + std::to_string(title_chars_max) + " characters");
    }
    title = std::move(new_title);
    return get_task(ctx);
  }

  // Changes the status, whatever it was. A finished task has no deadline.
  Result<TaskView> update_status(Context &ctx, Status to) {
    if (to == Status::overdue) {
      return greenroom::failed_precondition("only a deadline that passes makes a task overdue");
    }
    change_status(ctx, to);
    if (is_finished(to)) {
      ctx.cancel_reminder(deadline_reminder);
      deadline.reset();
    }
    return get_task(ctx);
  }

  // Hands the task to a user, or to nobody.
  Result<TaskView> assign_to(Context &ctx, Text to) {
    if (to && !Address::is_id(*to)) {
      return greenroom::invalid_argument("an assignee has 1 to 512 bytes and no control characters");
    }
    assignee = std::move(to);
    return get_task(ctx);
  }

  // Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one.
  Result<TaskView> set_deadline_reminder(Context &ctx, Milliseconds in_ms, Milliseconds at_ms) {
    if (is_finished(status)) {
      return greenroom::failed_precondition("the task is " + std::string(greenroom::name_of(status)) +
                                            ": it needs no deadline");
    }
    if (in_ms.has_value() == at_ms.has_value()) {
      return greenroom::invalid_argument("give one of the arguments `in_ms` and `at_ms`");
    }
    std::uint64_t now = ctx.now_ms();
    if (at_ms && *at_ms < now) return greenroom::invalid_argument("argument `at_ms`: it is past");
    constexpr std::uint64_t latest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t at = at_ms ? *at_ms : *in_ms < latest - now ? now + *in_ms : latest;
    auto set = ctx.set_reminder(deadline_reminder, {.delay_ms = at - now}, "deadline_passed");
    if (!set) return set.failure();
    deadline = at;
    if (status == Status::overdue) change_status(ctx, before_overdue(history));
    return get_task(ctx);
  }

  // The reminder's method: the task is overdue, and its assignee hears of it.
  Result<TaskView> deadline_passed(Context &ctx) {
    if (!ctx.is_reminder(deadline_reminder)) {
      return greenroom::permission_denied("only the task's own reminder says that a deadline has passed");
    }
    if (!is_finished(status)) {
      change_status(ctx, Status::overdue);
      if (assignee && deadline) {
        auto sent = ctx.actor("chat", *assignee).send("task_overdue", Overdue{title, *deadline});
        if (!sent) return sent.failure();
      }
    }
    return get_task(ctx);
  }

 private:
  void change_status(const Context &ctx, Status to) {
    if (status == to) return;
    status = to;
    add_change(history, to, ctx);
  }

  Text title;
  Status status = Status::todo;
  Text assignee;
  Milliseconds deadline;
  std::vector<Change> history;  // the latest changes of status, oldest first

 public:
  static constexpr auto fields =
      greenroom::fields(field("title", &Task::title), field("status", &Task::status),
                        field("assignee", &Task::assignee), field("deadline", &Task::deadline),
                        field("history", &Task::history));
  static constexpr auto methods = greenroom::methods(
      method("get_task", &Task::get_task), method("create", &Task::create, "title", "assignee"),
      method("set_title", &Task::set_title, "title"), method("update_status", &Task::update_status, "status"),
      method("assign_to", &Task::assign_to, "assignee"),
      method("set_deadline_reminder", &Task::set_deadline_reminder, "in_ms", "at_ms"),
      method("deadline_passed", &Task::deadline_passed));
};

}  // namespace

GREENROOM_ACTOR(Task)
