// How far a task is, and how it got there.

#include "status.hpp"

#include <algorithm>

// Changes that are kept.
constexpr std::size_t changes_max = 20;

void add_change(std::vector<Change> &history, Status status, const greenroom::Context &ctx) {
  std::uint64_t sequence = history.empty() ? 1 : history.back().sequence + 1;
  history.push_back({sequence, status, ctx.now_ms(), ctx.origin()});
  if (history.size() > changes_max) history.erase(history.begin());
}

Status before_overdue(const std::vector<Change> &history) {
  auto earlier = std::find_if(history.rbegin(), history.rend(),
                              [](const Change &change) { return change.status != Status::overdue; });
  return earlier == history.rend() ? Status::todo : earlier->status;
}
