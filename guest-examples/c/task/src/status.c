// How far a task is, and how it got there.

#include "status.h"

#include <string.h>

const char *status_name(status status) {
  static const char *const names[] = {"todo", "in_progress", "done", "cancelled", "overdue"};
  return names[status];
}

bool is_finished(status status) { return status == DONE || status == CANCELLED; }

change *with_change(gr_context *ctx, const change *history, size_t *count, status status) {
  size_t kept = *count < CHANGES_MAX ? *count : CHANGES_MAX - 1;
  change *longer = gr_alloc(ctx, (kept + 1) * sizeof *longer);
  if (kept > 0) memcpy(longer, history + (*count - kept), kept * sizeof *longer);
  longer[kept] = (change){
      .sequence = kept > 0 ? longer[kept - 1].sequence + 1 : 1,
      .status = status,
      .at_ms = gr_now_ms(ctx),
      .by = gr_origin_text(ctx),
  };
  *count = kept + 1;
  return longer;
}

status before_overdue(const change *history, size_t count) {
  for (size_t i = count; i > 0; i--) {
    if (history[i - 1].status != OVERDUE) return history[i - 1].status;
  }
  return TODO;
}
