//! The actor type `task`: a to-do item with a status, an assignee and a deadline.
//!
//! A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and tells
//! the assignee's `chat` actor. The change of status and the message are one turn, so neither happens
//! without the other.

const greenroom = @import("greenroom");
const status_of = @import("status.zig");

const Change = status_of.Change;
const Context = greenroom.Context;
const Status = status_of.Status;

pub const panic = greenroom.panic;

/// The reminder that fires at the deadline.
const deadline_reminder = "deadline";
/// Longest title, in characters.
const title_chars_max = 200;

/// A task as others see it.
const TaskView = struct {
    id: []const u8,
    title: ?[]const u8,
    status: Status,
    assignee: ?[]const u8,
    deadline_ms: ?u64,
    /// The latest changes of status, oldest first.
    history: []const Change,
};

/// A to-do item. Every method answers with the whole task.
const Task = struct {
    title: ?[]const u8 = null,
    status: Status = .todo,
    assignee: ?[]const u8 = null,
    deadline: ?u64 = null,
    history: []const Change = &.{},

    /// Answers with the task.
    pub fn get_task(self: *const Task, ctx: *Context) TaskView {
        return .{
            .id = ctx.me().id,
            .title = self.title,
            .status = self.status,
            .assignee = self.assignee,
            .deadline_ms = self.deadline,
            .history = self.history,
        };
    }

    /// Names a new task.
    pub fn create(self: *Task, ctx: *Context, given: struct { title: []const u8, assignee: ?[]const u8 }) !TaskView {
        if (self.title) |present| return ctx.fail(.conflict, "the task is called `{s}` already", .{present});
        if (given.assignee != null) _ = try self.assign_to(ctx, .{ .assignee = given.assignee });
        return self.set_title(ctx, .{ .title = given.title });
    }

    /// Renames the task.
    pub fn set_title(self: *Task, ctx: *Context, given: struct { title: []const u8 }) !TaskView {
        if (given.title.len == 0 or greenroom.characters(given.title) > title_chars_max) {
            return ctx.fail(.invalid_argument, "a title has 1 to {d} characters", .{title_chars_max});
        }
        self.title = given.title;
        return self.get_task(ctx);
    }

    /// Changes the status, whatever it was. A finished task has no deadline.
    pub fn update_status(self: *Task, ctx: *Context, given: struct { status: Status }) !TaskView {
        if (given.status == .overdue) {
            return ctx.fail(.failed_precondition, "only a deadline that passes makes a task overdue", .{});
        }
        try self.changeStatus(ctx, given.status);
        if (given.status.isFinished()) {
            _ = ctx.cancelReminder(deadline_reminder);
            self.deadline = null;
        }
        return self.get_task(ctx);
    }

    /// Hands the task to a user, or to nobody.
    pub fn assign_to(self: *Task, ctx: *Context, given: struct { assignee: ?[]const u8 }) !TaskView {
        if (given.assignee) |id| {
            if (!greenroom.Address.isId(id)) {
                return ctx.fail(.invalid_argument, "an assignee has 1 to 512 bytes and no control characters", .{});
            }
        }
        self.assignee = given.assignee;
        return self.get_task(ctx);
    }

    /// Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one.
    pub fn set_deadline_reminder(self: *Task, ctx: *Context, given: struct { in_ms: ?u64, at_ms: ?u64 }) !TaskView {
        if (self.status.isFinished()) {
            return ctx.fail(.failed_precondition, "the task is {s}: it needs no deadline", .{@tagName(self.status)});
        }
        if ((given.in_ms == null) == (given.at_ms == null)) {
            return ctx.fail(.invalid_argument, "give one of the arguments `in_ms` and `at_ms`", .{});
        }
        const now = ctx.nowMs();
        const deadline = given.at_ms orelse now +| given.in_ms.?;
        if (deadline < now) return ctx.fail(.invalid_argument, "argument `at_ms`: it is past", .{});
        try ctx.setReminder(deadline_reminder, .{ .delay_ms = deadline - now }, "deadline_passed", {});
        self.deadline = deadline;
        if (self.status == .overdue) try self.changeStatus(ctx, status_of.beforeOverdue(self.history));
        return self.get_task(ctx);
    }

    /// The reminder's method: the task is overdue, and its assignee hears of it.
    pub fn deadline_passed(self: *Task, ctx: *Context) !TaskView {
        if (!ctx.isReminder(deadline_reminder)) {
            return ctx.fail(.permission_denied, "only the task's own reminder says that a deadline has passed", .{});
        }
        if (!self.status.isFinished()) {
            try self.changeStatus(ctx, .overdue);
            if (self.assignee) |assignee| if (self.deadline) |deadline_ms| {
                const chat: greenroom.Address = .{ .actor_type = "chat", .id = assignee };
                try ctx.send(chat, "task_overdue", .{ .title = self.title, .deadline_ms = deadline_ms }, 0);
            };
        }
        return self.get_task(ctx);
    }

    fn changeStatus(self: *Task, ctx: *Context, status: Status) !void {
        if (self.status == status) return;
        self.status = status;
        self.history = try status_of.withChange(ctx, self.history, status);
    }
};

comptime {
    greenroom.actor(Task);
}
