//! One line of a script: what it does, and its result in words.

const std = @import("std");
const greenroom = @import("greenroom");

const Context = greenroom.Context;
const Payload = greenroom.Payload;
const Text = []const u8;

/// Does what the line says. `content_type` is that of the message.
pub fn perform(ctx: *Context, content_type: Text, line: Text) !Text {
    var words: Words = .{ .ctx = ctx, .content_type = content_type, .rest = line };
    const name = try words.next();
    inline for (@typeInfo(commands).@"struct".decl_names) |known| {
        if (std.mem.eql(u8, name, known)) return @field(commands, known)(ctx, &words);
    }
    return ctx.fail(.invalid_argument, "no command {s}", .{name});
}

/// Adds one to the decimal number under a key.
pub fn addOne(ctx: *Context, key: Text) !Text {
    const number = try std.fmt.parseInt(u64, ctx.getBytes(key) orelse "0", 10);
    const text = try ctx.allocator.print("{d}", .{number + 1});
    try ctx.setBytes(key, text);
    return text;
}

/// The arguments that are left of a line.
const Words = struct {
    ctx: *Context,
    content_type: Text,
    rest: Text,

    /// The next one; `-` is nothing.
    fn next(words: *Words) ![:0]const u8 {
        const word, words.rest = std.mem.cutScalar(u8, words.rest, ' ') orelse .{ words.rest, "" };
        return words.ctx.allocator.dupeSentinel(u8, if (std.mem.eql(u8, word, "-")) "" else word, 0);
    }

    fn optionalNumber(words: *Words, comptime T: type) !?T {
        const digits = try words.next();
        if (digits.len == 0) return null;
        return std.fmt.parseInt(T, digits, 10) catch words.ctx.fail(.invalid_argument, "no number", .{});
    }

    fn number(words: *Words, comptime T: type) !T {
        return try words.optionalNumber(T) orelse words.ctx.fail(.invalid_argument, "a number is missing", .{});
    }

    /// The name of a tag, which has `_` for each `-`.
    fn tag(words: *Words, comptime Tags: type) !Tags {
        const name = try words.next();
        const snake = try words.ctx.allocator.dupe(u8, name);
        std.mem.replaceScalar(u8, snake, '-', '_');
        return std.meta.stringToEnum(Tags, snake) orelse words.ctx.fail(.invalid_argument, "no {s}", .{name});
    }

    fn address(words: *Words) !greenroom.Address {
        return .{ .actor_type = try words.next(), .id = try words.next() };
    }

    fn schedule(words: *Words) !greenroom.Schedule {
        return .{
            .delay_ms = try words.number(u64),
            .period_ms = try words.optionalNumber(u64),
            .repetitions = try words.optionalNumber(u32),
        };
    }

    fn payload(words: *Words) Payload {
        return .{ .content_type = "text/plain", .body = words.rest };
    }
};

fn nameOf(ctx: *Context, tag: anytype) !Text {
    const name = try ctx.allocator.dupe(u8, @tagName(tag));
    std.mem.replaceScalar(u8, name, '_', '-');
    return name;
}

fn truth(value: bool) Text {
    return if (value) "true" else "false";
}

/// A limit that was met is a result and no end.
fn outcome(ctx: *Context, done: anytype, otherwise: Text) !Text {
    if (done) return otherwise else |_| return ctx.allocator.print("limit {s}", .{ctx.failure().?.message});
}

fn orNone(ctx: *Context, number: anytype) !Text {
    return if (number) |given| ctx.allocator.print("{d}", .{given}) else "-";
}

fn originOf(ctx: *Context) !Text {
    const origin = ctx.origin();
    const actor_type, const id = std.mem.cutScalar(u8, origin, '/') orelse return origin;
    // The name of a reminder may have a slash too, but no actor type has a space.
    if (std.mem.findScalar(u8, actor_type, ' ') != null) return origin;
    return ctx.allocator.print("actor {s} {s}", .{ actor_type, id });
}

/// Kept in a variable, not in the state.
var remembered: [1024]u8 = undefined;
var remembered_length: usize = 0;

const commands = struct {
    pub fn set(ctx: *Context, words: *Words) !Text {
        const key = try words.next();
        return outcome(ctx, ctx.setBytes(key, words.rest), "ok");
    }

    pub fn @"set-hex"(ctx: *Context, words: *Words) !Text {
        const key = try words.next();
        const digits = try words.next();
        const room = try ctx.allocator.alloc(u8, digits.len / 2);
        const bytes = std.fmt.hexToBytes(room, digits) catch return ctx.fail(.invalid_argument, "no bytes", .{});
        return outcome(ctx, ctx.setBytes(key, bytes), "ok");
    }

    pub fn fill(ctx: *Context, words: *Words) !Text {
        const key = try words.next();
        const bytes = try ctx.allocator.alloc(u8, try words.number(usize));
        @memset(bytes, 'x');
        return outcome(ctx, ctx.setBytes(key, bytes), "ok");
    }

    pub fn append(ctx: *Context, words: *Words) !Text {
        const key = try words.next();
        const stored = ctx.getBytes(key) orelse "";
        const comma = if (stored.len > 0) "," else "";
        const longer = try std.mem.concat(ctx.allocator, u8, &.{ stored, comma, words.rest });
        return outcome(ctx, ctx.setBytes(key, longer), longer);
    }

    pub fn get(ctx: *Context, words: *Words) !Text {
        const stored = ctx.getBytes(try words.next()) orelse return "none";
        return ctx.allocator.print("value {s}", .{stored});
    }

    pub fn @"get-hex"(ctx: *Context, words: *Words) !Text {
        const stored = ctx.getBytes(try words.next()) orelse return "none";
        return ctx.allocator.print("value {x}", .{stored});
    }

    pub fn size(ctx: *Context, words: *Words) !Text {
        const stored = ctx.getBytes(try words.next()) orelse return "none";
        return ctx.allocator.print("{d}", .{stored.len});
    }

    pub fn delete(ctx: *Context, words: *Words) !Text {
        return truth(ctx.delete(try words.next()));
    }

    pub fn keys(ctx: *Context, words: *Words) !Text {
        const prefix = try words.next();
        const after = try words.next();
        const found = try ctx.keys(prefix, if (after.len > 0) after else null, try words.number(u32));
        return std.mem.join(ctx.allocator, " ", found);
    }

    pub fn call(ctx: *Context, words: *Words) !Text {
        const to = try words.address();
        const method = try words.next();
        const reply = ctx.call(Payload, to, method, words.payload()) catch {
            const problem = ctx.callError().?;
            const kind = try nameOf(ctx, problem.kind);
            return switch (problem.kind) {
                .failed => ctx.allocator.print("failed {s} {s}", .{
                    try nameOf(ctx, problem.failure.code), problem.failure.message,
                }),
                .unknown_actor_type, .overloaded, .timeout => kind,
                .deadlock, .crashed, .unavailable => ctx.allocator.print("{s} {s}", .{ kind, problem.detail }),
            };
        };
        return ctx.allocator.print("reply {s}", .{reply.body});
    }

    pub fn send(ctx: *Context, words: *Words) !Text {
        const delay_ms = try words.number(u64);
        const to = try words.address();
        const method = try words.next();
        return outcome(ctx, ctx.send(to, method, words.payload(), delay_ms), "ok");
    }

    pub fn remind(ctx: *Context, words: *Words) !Text {
        const name = try words.next();
        const schedule = try words.schedule();
        const method = try words.next();
        return outcome(ctx, ctx.setReminder(name, schedule, method, words.payload()), "ok");
    }

    pub fn timer(ctx: *Context, words: *Words) !Text {
        const name = try words.next();
        const schedule = try words.schedule();
        const method = try words.next();
        return outcome(ctx, ctx.setTimer(name, schedule, method, words.payload()), "ok");
    }

    pub fn @"cancel-reminder"(ctx: *Context, words: *Words) !Text {
        return truth(ctx.cancelReminder(try words.next()));
    }

    pub fn @"cancel-timer"(ctx: *Context, words: *Words) !Text {
        return truth(ctx.cancelTimer(try words.next()));
    }

    pub fn reminders(ctx: *Context, _: *Words) !Text {
        var list: std.ArrayList(u8) = .empty;
        for (try ctx.reminders(), 0..) |each, i| {
            const schedule = each.schedule;
            try list.print(ctx.allocator, "{s}{s} {s} {d} {d} {s} {s}", .{
                if (i == 0) "" else "; ",              each.name,
                each.method,                           each.due_in_ms,
                schedule.delay_ms,                     try orNone(ctx, schedule.period_ms),
                try orNone(ctx, schedule.repetitions),
            });
        }
        return list.items;
    }

    pub fn fail(ctx: *Context, words: *Words) !Text {
        return ctx.fail(try words.tag(greenroom.Code), "{s}", .{words.rest});
    }

    pub fn @"fail-until"(ctx: *Context, words: *Words) !Text {
        if (ctx.message().attempt < try words.number(u32)) return ctx.fail(.failed_precondition, "too early", .{});
        return "ok";
    }

    pub fn trap(_: *Context, _: *Words) !Text {
        @panic("asked to");
    }

    pub fn spin(_: *Context, _: *Words) !Text {
        var turn: u32 = 0;
        while (true) std.mem.doNotOptimizeAway(&turn);
    }

    pub fn bomb(ctx: *Context, _: *Words) !Text {
        while (true) @memset(try ctx.allocator.alloc(u8, 1 << 20), 'x');
    }

    pub fn remember(ctx: *Context, words: *Words) !Text {
        if (words.rest.len > remembered.len) return ctx.fail(.resource_exhausted, "too long", .{});
        remembered_length = words.rest.len;
        @memcpy(remembered[0..remembered_length], words.rest);
        return "ok";
    }

    pub fn recall(ctx: *Context, _: *Words) !Text {
        return ctx.allocator.print("value {s}", .{remembered[0..remembered_length]});
    }

    pub fn me(ctx: *Context, _: *Words) !Text {
        return ctx.allocator.print("{s} {s}", .{ ctx.me().actor_type, ctx.me().id });
    }

    pub fn message(ctx: *Context, words: *Words) !Text {
        const key = try words.next();
        const type_end = std.mem.findScalar(u8, words.content_type, ';') orelse words.content_type.len;
        const it = ctx.message();
        const text = try ctx.allocator.print("{s} {s} {d} {s} {s}", .{
            it.id, it.method, it.attempt, words.content_type[0..type_end], try originOf(ctx),
        });
        if (key.len > 0) try ctx.setBytes(key, text);
        return text;
    }

    pub fn now(ctx: *Context, _: *Words) !Text {
        return ctx.allocator.print("{d}", .{ctx.nowMs()});
    }

    pub fn random(ctx: *Context, words: *Words) !Text {
        const bytes = try ctx.allocator.alloc(u8, try words.number(usize));
        ctx.random(bytes);
        return ctx.allocator.print("{x}", .{bytes});
    }

    pub fn log(ctx: *Context, words: *Words) !Text {
        const level = try words.tag(enum { trace, debug, info, warn, @"error" });
        ctx.log(@fromBackingInt(@intCast(@backingInt(level))), "{s}", .{words.rest});
        return "ok";
    }

    /// There is no standard output.
    pub fn print(ctx: *Context, words: *Words) !Text {
        ctx.log(.info, "{s}", .{words.rest});
        return "ok";
    }
};
