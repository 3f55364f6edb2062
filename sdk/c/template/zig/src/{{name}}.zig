//! The actor type `{{name}}`: a counter that forgets.

const std = @import("std");

const greenroom = @import("greenroom");

pub const panic = greenroom.panic;

const hour_ms = 3_600_000;

const Counter = struct {
    count: u32 = 0,

    /// Adds `amount`; an hour later the counter is back at zero.
    pub fn add(self: *Counter, ctx: *greenroom.Context, given: struct { amount: u32 }) !u32 {
        if (given.amount == 0) return ctx.fail(.invalid_argument, "add something", .{});
        self.count = std.math.add(u32, self.count, given.amount) catch {
            return ctx.fail(.invalid_argument, "too much", .{});
        };
        try ctx.setReminder("forget", .{ .delay_ms = hour_ms }, "forget", {});
        return self.count;
    }

    /// Says what the count is.
    pub fn get(self: *const Counter) u32 {
        return self.count;
    }

    /// The reminder's method.
    pub fn forget(self: *Counter) void {
        self.count = 0;
    }
};

comptime {
    greenroom.actor(Counter);
}

test "it counts and forgets" {
    const testing = greenroom.testing;
    testing.begin("{{name}}", "counter-1");
    try testing.expectReply("2", testing.call("add", "2"));
    try testing.expectRefused(.invalid_argument, testing.call("add", "0"));
    try testing.expectRefused(.invalid_argument, testing.call("add", "4294967295"));

    testing.crash();
    try testing.expectReply("2", testing.call("get", null));

    _ = testing.advance(hour_ms);
    try testing.expectReply("0", testing.call("get", null));
}
