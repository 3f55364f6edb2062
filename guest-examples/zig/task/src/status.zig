//! How far a task is, and how it got there: a bounded list of changes, each with its number.

const std = @import("std");
const greenroom = @import("greenroom");

/// Changes that are kept.
const changes_max = 20;

pub const Status = enum {
    /// Nobody has begun.
    todo,
    /// Somebody is at it.
    in_progress,
    /// Finished.
    done,
    /// Not to be done any more.
    cancelled,
    /// The deadline has passed, and it is not finished.
    overdue,

    /// Whether there is nothing left to do.
    pub fn isFinished(status: Status) bool {
        return status == .done or status == .cancelled;
    }
};

/// One change of status.
pub const Change = struct {
    /// 1 for the first change of the task, one more for each further one.
    sequence: u64,
    status: Status,
    at_ms: u64,
    /// Who asked for it.
    by: []const u8,
};

/// The changes with one more, and without the oldest one when there are too many.
pub fn withChange(ctx: *greenroom.Context, history: []const Change, status: Status) ![]const Change {
    const kept = history[history.len - @min(history.len, changes_max - 1) ..];
    const longer = try ctx.allocator.alloc(Change, kept.len + 1);
    @memcpy(longer[0..kept.len], kept);
    longer[kept.len] = .{
        .sequence = if (kept.len > 0) kept[kept.len - 1].sequence + 1 else 1,
        .status = status,
        .at_ms = ctx.nowMs(),
        .by = ctx.origin(),
    };
    return longer;
}

/// The status before the deadline passed.
pub fn beforeOverdue(history: []const Change) Status {
    var i = history.len;
    while (i > 0) : (i -= 1) {
        if (history[i - 1].status != .overdue) return history[i - 1].status;
    }
    return .todo;
}
