// How far a task is, and how it got there: a bounded list of changes, each with its number.

#pragma once

#include <greenroom.hpp>

enum class Status {
  todo,         // nobody has begun
  in_progress,  // somebody is at it
  done,         // finished
  cancelled,    // not to be done any more
  overdue,      // the deadline has passed, and it is not finished
};

constexpr auto greenroom_names(Status) {
  return std::array{"todo", "in_progress", "done", "cancelled", "overdue"};
}

// Whether there is nothing left to do.
constexpr bool is_finished(Status status) { return status == Status::done || status == Status::cancelled; }

// One change of status.
struct Change {
  std::uint64_t sequence = 0;  // 1 for the first change of the task, one more for each further one
  Status status = Status::todo;
  std::uint64_t at_ms = 0;
  std::string by;  // who asked for it

  static constexpr auto fields =
      greenroom::fields(greenroom::field("sequence", &Change::sequence), greenroom::field("status", &Change::status),
                        greenroom::field("at_ms", &Change::at_ms), greenroom::field("by", &Change::by));
};

// Adds a change, and forgets the oldest one when there are too many.
void add_change(std::vector<Change> &history, Status status, const greenroom::Context &ctx);
// The status before the deadline passed.
Status before_overdue(const std::vector<Change> &history);
