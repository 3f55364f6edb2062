//! What `guest-examples/task/README.md` says of a task, without a host: the tests that all languages of
//! `sdk/c` have in common, and what is said in Zig's own terms.

const greenroom = @import("greenroom");
const std = @import("std");

const testing = greenroom.testing;

comptime {
    _ = @import("task.zig");
}

/// `guest-examples/c/task/test/task_test.c`, whose `main` has another name here.
extern fn task_tests() c_int;

test "a task in Zig does what a task in C does" {
    try std.testing.expectEqual(0, task_tests());
}

test "a deadline that passes makes the task overdue and tells the assignee" {
    testing.begin("task", "task-123");
    _ = testing.call("create", "{\"title\": \"Report\", \"assignee\": \"alice\"}");
    _ = testing.call("set_deadline_reminder", "{\"in_ms\": 60000}");
    try std.testing.expectEqual(60_000, testing.reminderDueInMs("deadline").?);
    testing.crash();
    try std.testing.expectEqual(0, testing.advance(59_999));
    try std.testing.expectEqual(1, testing.advance(1));

    const note = testing.sent(0).?;
    try std.testing.expectEqualStrings("alice", note.to.id);
    try std.testing.expectEqualStrings("{\"title\":\"Report\",\"deadline_ms\":1767225660000}", note.body);
    try std.testing.expectEqual(null, testing.reminderDueInMs("deadline"));
}

test "what was refused has left no trace" {
    testing.begin("task", "task-123");
    try testing.expectRefused(.invalid_argument, testing.call("create", "{\"title\": \"A\", \"assignee\": \"\"}"));
    try std.testing.expectEqual(null, testing.stored("actor"));
}
