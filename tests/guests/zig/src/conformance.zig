//! The conformance guest, in Zig with the SDK: `tests/guests/README.md` says what it does.

const std = @import("std");
const greenroom = @import("greenroom");
const script = @import("script.zig");

const Context = greenroom.Context;
const Payload = greenroom.Payload;

pub const panic = greenroom.panic;

const Conformance = struct {
    pub fn activate(_: *Conformance, ctx: *Context) !void {
        if (std.mem.startsWith(u8, ctx.me().id, "fail-activate-") and ctx.getBytes("healed") == null) {
            return ctx.fail(.failed_precondition, "asked not to activate", .{});
        }
        try count(ctx, "activations");
    }

    pub fn deactivate(_: *Conformance, ctx: *Context) !void {
        try count(ctx, "deactivations");
    }

    /// Replies with the payload as it came.
    pub fn echo(_: *Conformance, received: Payload) Payload {
        return received;
    }

    /// Adds one to a durable number.
    pub fn increment(_: *Conformance, ctx: *Context) !Payload {
        return plain(try script.addOne(ctx, "n"));
    }

    /// Does what the script says, line by line.
    pub fn run(_: *Conformance, ctx: *Context, received: Payload) !Payload {
        const lines = std.mem.cutSuffix(u8, received.body, "\n") orelse received.body;
        var left = std.mem.splitScalar(u8, lines, '\n');
        var results: std.ArrayList([]const u8) = .empty;
        while (left.next()) |line| {
            try results.append(ctx.allocator, try script.perform(ctx, received.content_type, line));
        }
        return plain(try std.mem.join(ctx.allocator, "\n", results.items));
    }
};

fn plain(text: []const u8) Payload {
    return .{ .content_type = "text/plain", .body = text };
}

/// Counts for an actor that is counted.
fn count(ctx: *Context, key: []const u8) !void {
    if (std.mem.startsWith(u8, ctx.me().id, "counted-")) _ = try script.addOne(ctx, key);
}

comptime {
    greenroom.actor(Conformance);
}
