// How far a task is, and how it got there: a bounded list of changes, each with its number.

#ifndef STATUS_H
#define STATUS_H

#include <greenroom.h>

// Changes that are kept.
#define CHANGES_MAX 20

typedef enum status {
  TODO,         // nobody has begun
  IN_PROGRESS,  // somebody is at it
  DONE,         // finished
  CANCELLED,    // not to be done any more
  OVERDUE,      // the deadline has passed, and it is not finished
} status;

// One change of status.
typedef struct change {
  uint64_t sequence;  // 1 for the first change of the task, one more for each further one
  status status;
  uint64_t at_ms;
  gr_text by;  // who asked for it
} change;

// The name of a status.
const char *status_name(status status);
// Whether there is nothing left to do.
bool is_finished(status status);
// The changes with one more, and without the oldest one when there are too many.
change *with_change(gr_context *ctx, const change *history, size_t *count, status status);
// The status before the deadline passed.
status before_overdue(const change *history, size_t count);

#endif
