//! Actors in Zig: a struct whose fields are durable and whose public functions can be called by address.
//!
//! ```zig
//! const greenroom = @import("greenroom");
//! pub const panic = greenroom.panic;
//!
//! pub const Counter = struct {
//!     count: u32 = 0,
//!
//!     pub fn add(self: *Counter, ctx: *greenroom.Context, given: struct { amount: u32 }) !u32 {
//!         if (given.amount == 0) return ctx.fail(.invalid_argument, "add something", .{});
//!         self.count += given.amount;
//!         return self.count;
//!     }
//! };
//!
//! comptime {
//!     greenroom.actor(Counter);
//! }
//! ```
//!
//! For each message the struct is read from the actor's state, the function runs, and the struct is stored
//! if it has changed. Memory is that of the turn: `ctx.allocator` frees all of it when the turn ends, also
//! what arguments and state point to, so nothing has to be freed and nothing may be kept in a variable.
//! An error that a function returns fails the turn: `ctx.fail` says with what, any other error is
//! `internal` with its name.

const std = @import("std");

const host = @import("host.zig");
const json = @import("json.zig");

pub const testing = @import("testing.zig");

/// For the root file of an actor, `pub const panic = greenroom.panic;`: what a panic says goes to the
/// actor's log.
pub const panic = std.debug.FullPanic(panicked);

fn panicked(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    host.gr_panic("%.*s", @as(c_int, @intCast(@min(message.len, 400))), message.ptr);
}

/// Why an actor refuses a message. Each has its HTTP status.
pub const Code = enum(c_uint) {
    /// 400: the request is wrong, whatever the state
    invalid_argument,
    /// 403: not for this sender
    permission_denied,
    /// 404: what it is about is not there
    not_found,
    /// 409: it contradicts what is there
    conflict,
    /// 412: not in the present state
    failed_precondition,
    /// 429: a limit is reached
    resource_exhausted,
    /// 500: the actor is at fault
    internal,
    /// 501: no such method
    unimplemented,
};

pub const Failure = struct { code: Code, message: []const u8 };

pub const Address = struct {
    actor_type: []const u8,
    id: []const u8,

    /// Whether a text can be an actor's id: 1 to 512 bytes without control characters.
    pub fn isId(id: []const u8) bool {
        return host.gr_is_id(.of(id));
    }

    fn out(address: Address) host.Address {
        return .{ .actor_type = .of(address.actor_type), .id = .of(address.id) };
    }
};

/// Bytes with a media type. A function that has one as its only argument gets the message's bytes as they
/// came; one that returns it replies with it.
pub const Payload = struct {
    content_type: []const u8 = "",
    body: []const u8 = "",

    fn of(payload: host.Payload) Payload {
        return .{ .content_type = payload.content_type.slice(), .body = payload.body.slice() };
    }

    fn out(payload: Payload) host.Payload {
        return .{ .content_type = .of(payload.content_type), .body = .of(payload.body) };
    }
};

pub const Message = struct { id: []const u8, method: []const u8, attempt: u32 };

pub const Level = enum(c_uint) { trace, debug, info, warn, err };

/// When a reminder or a timer fires, counted from now: after `delay_ms`, and then, if there is a period,
/// again and again; at most `repetitions` times in all.
pub const Schedule = struct {
    delay_ms: u64,
    period_ms: ?u64 = null,
    repetitions: ?u32 = null,

    fn out(schedule: Schedule) host.Schedule {
        return .{
            .delay_ms = schedule.delay_ms,
            .period_ms = schedule.period_ms orelse 0,
            .repetitions = schedule.repetitions orelse 0,
            .has_period = schedule.period_ms != null,
            .has_repetitions = schedule.repetitions != null,
        };
    }
};

pub const Reminder = struct { name: []const u8, method: []const u8, due_in_ms: u64, schedule: Schedule };

pub const CallErrorKind = enum(c_uint) {
    failed,
    unknown_actor_type,
    deadlock,
    overloaded,
    timeout,
    crashed,
    unavailable,
};

/// Why a call brought no reply. `failure` is the callee's when `kind` is `failed`.
pub const CallError = struct { kind: CallErrorKind, failure: Failure, detail: []const u8 };

/// How many characters a text has; its length counts bytes.
pub fn characters(text: []const u8) usize {
    return host.gr_text_characters(.of(text));
}

/// The actor's door to the host during one turn.
pub const Context = struct {
    raw: *host.Raw,
    /// Memory of the turn, freed when it ends.
    allocator: std.mem.Allocator,

    const Error = error{ Failed, OutOfMemory };

    fn init(raw: *host.Raw) Context {
        return .{ .raw = raw, .allocator = .{ .ptr = raw, .vtable = &allocator_of_turn } };
    }

    /// Records why the turn fails: `return ctx.fail(.conflict, "the task is called `{s}`", .{title});`
    pub fn fail(ctx: *Context, code: Code, comptime words: []const u8, arguments: anytype) Error {
        const text = try ctx.allocator.printSentinel(words, arguments, 0);
        _ = host.gr_fail(ctx.raw, @intFromEnum(code), "%s", text.ptr);
        return error.Failed;
    }

    /// What was recorded last.
    pub fn failure(ctx: *const Context) ?Failure {
        const found = host.gr_failed_with(ctx.raw) orelse return null;
        return .{ .code = @enumFromInt(found.code), .message = found.message.slice() };
    }

    /// This actor's address.
    pub fn me(ctx: *const Context) Address {
        const address = host.gr_me(ctx.raw);
        return .{ .actor_type = address.actor_type.slice(), .id = address.id.slice() };
    }

    /// The message of this turn; empty while the actor is activated or deactivated.
    pub fn message(ctx: *const Context) Message {
        const received = host.gr_received(ctx.raw);
        return .{ .id = received.id.slice(), .method = received.method.slice(), .attempt = received.attempt };
    }

    /// Who sent it: `client`, `chat/alice`, `reminder deadline`.
    pub fn origin(ctx: *const Context) []const u8 {
        return host.gr_origin_text(ctx.raw).slice();
    }

    pub fn isReminder(ctx: *const Context, name: [:0]const u8) bool {
        return host.gr_is_reminder(ctx.raw, name.ptr);
    }

    pub fn isTimer(ctx: *const Context, name: [:0]const u8) bool {
        return host.gr_is_timer(ctx.raw, name.ptr);
    }

    /// Milliseconds since the Unix epoch; the same all through a turn.
    pub fn nowMs(ctx: *const Context) u64 {
        return host.gr_now_ms(ctx.raw);
    }

    /// Fills `into` with cryptographically secure random bytes.
    pub fn random(ctx: *const Context, into: []u8) void {
        host.gr_random(ctx.raw, into.ptr, into.len);
    }

    /// Says something to the people who run the actor. Said at once: also by a turn that fails.
    pub fn log(ctx: *Context, level: Level, comptime words: []const u8, arguments: anytype) void {
        const text = ctx.allocator.print(words, arguments) catch return;
        host.gr_log_text(ctx.raw, @intFromEnum(level), .of(text));
    }

    /// The bytes under a key of one's own. The key `actor` is that of the actor's struct.
    pub fn getBytes(ctx: *Context, key: []const u8) ?[]const u8 {
        var value: host.Bytes = undefined;
        return if (host.gr_state_get(ctx.raw, .of(key), &value)) value.slice() else null;
    }

    pub fn setBytes(ctx: *Context, key: []const u8, value: []const u8) Error!void {
        if (!host.gr_state_set(ctx.raw, .of(key), .of(value))) return error.Failed;
    }

    /// The value under a key, read as JSON.
    pub fn get(ctx: *Context, comptime T: type, key: []const u8) Error!?T {
        const stored = ctx.getBytes(key) orelse return null;
        return ctx.readDocument(T, stored) catch |problem| switch (problem) {
            error.OutOfMemory => error.OutOfMemory,
            error.Failed => ctx.fail(.internal, "state `{s}` can't be read: {s}", .{ key, ctx.complaint() }),
        };
    }

    pub fn set(ctx: *Context, key: []const u8, value: anytype) Error!void {
        return ctx.setBytes(key, try json.write(ctx, value));
    }

    /// Says whether the key was there.
    pub fn delete(ctx: *Context, key: []const u8) bool {
        return host.gr_state_delete(ctx.raw, .of(key));
    }

    /// The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`.
    pub fn keys(ctx: *Context, prefix: []const u8, after: ?[]const u8, limit: u32) Error![]const []const u8 {
        const found = host.gr_state_keys(ctx.raw, .of(prefix), if (after) |last| .of(last) else .none, limit);
        const list = try ctx.allocator.alloc([]const u8, found.count);
        for (list, found.items[0..found.count]) |*key, text| key.* = text.slice();
        return list;
    }

    /// Asks an actor and waits for its reply, which is read as a `Reply`: `void` takes any. The arguments
    /// are a value, a struct, a Payload, or `{}` for none. `callError` says what was wrong.
    pub fn call(ctx: *Context, comptime Reply: type, to: Address, method: []const u8, arguments: anytype) Error!Reply {
        var reply: host.Payload = undefined;
        const payload = try ctx.payloadOf(arguments);
        const name = try ctx.allocator.dupeSentinel(u8, method, 0);
        if (!host.gr_call(ctx.raw, to.out(), name.ptr, payload.out(), &reply)) return error.Failed;
        if (Reply == void) return;
        if (Reply == Payload) return .of(reply);
        return ctx.readDocument(Reply, reply.body.slice()) catch |problem| switch (problem) {
            error.OutOfMemory => error.OutOfMemory,
            error.Failed => ctx.fail(.internal, "call {s}/{s} {s}: the reply is not what was expected: {s}", .{
                to.actor_type, to.id, method, ctx.complaint(),
            }),
        };
    }

    /// What was wrong with the last call that failed in this turn.
    pub fn callError(ctx: *const Context) ?CallError {
        const found = host.gr_call_failed_with(ctx.raw) orelse return null;
        return .{
            .kind = @enumFromInt(found.kind),
            .failure = .{ .code = @enumFromInt(found.failure.code), .message = found.failure.message.slice() },
            .detail = found.detail.slice(),
        };
    }

    /// Tells an actor: once this turn has succeeded, and no sooner than `delay_ms` from now, the message is
    /// processed exactly once.
    pub fn send(ctx: *Context, to: Address, method: []const u8, arguments: anytype, delay_ms: u64) Error!void {
        const payload = try ctx.payloadOf(arguments);
        const name = try ctx.allocator.dupeSentinel(u8, method, 0);
        if (!host.gr_send(ctx.raw, to.out(), name.ptr, payload.out(), delay_ms)) return error.Failed;
    }

    /// Sends this actor `method` on that schedule: durably, replacing a reminder of the same name.
    pub fn setReminder(ctx: *Context, name: [:0]const u8, schedule: Schedule, method: [:0]const u8, arguments: anytype) Error!void {
        const payload = try ctx.payloadOf(arguments);
        if (!host.gr_set_reminder(ctx.raw, name.ptr, schedule.out(), method.ptr, payload.out())) return error.Failed;
    }

    /// Says whether there was one.
    pub fn cancelReminder(ctx: *Context, name: [:0]const u8) bool {
        return host.gr_cancel_reminder(ctx.raw, name.ptr);
    }

    pub fn reminders(ctx: *Context) Error![]const Reminder {
        const found = host.gr_list_reminders(ctx.raw);
        const list = try ctx.allocator.alloc(Reminder, found.count);
        for (list, found.items[0..found.count]) |*reminder, each| reminder.* = reminderOf(each);
        return list;
    }

    /// The same in memory only: gone when the actor is deactivated.
    pub fn setTimer(ctx: *Context, name: [:0]const u8, schedule: Schedule, method: [:0]const u8, arguments: anytype) Error!void {
        const payload = try ctx.payloadOf(arguments);
        if (!host.gr_set_timer(ctx.raw, name.ptr, schedule.out(), method.ptr, payload.out())) return error.Failed;
    }

    pub fn cancelTimer(ctx: *Context, name: [:0]const u8) bool {
        return host.gr_cancel_timer(ctx.raw, name.ptr);
    }

    fn readDocument(ctx: *Context, comptime T: type, document: []const u8) Error!T {
        return json.read(T, ctx, try json.parse(ctx, document), null);
    }

    fn complaint(ctx: *const Context) []const u8 {
        return if (ctx.failure()) |found| found.message else "";
    }

    fn payloadOf(ctx: *Context, value: anytype) Error!Payload {
        if (@TypeOf(value) == Payload) return value;
        if (@TypeOf(value) == void) return .{};
        return .{ .content_type = "application/json", .body = try json.write(ctx, value) };
    }
};

fn reminderOf(each: host.Reminder) Reminder {
    const schedule = each.schedule;
    return .{
        .name = each.name.slice(),
        .method = each.method.slice(),
        .due_in_ms = each.due_in_ms,
        .schedule = .{
            .delay_ms = schedule.delay_ms,
            .period_ms = if (schedule.has_period) schedule.period_ms else null,
            .repetitions = if (schedule.has_repetitions) schedule.repetitions else null,
        },
    };
}

const allocator_of_turn: std.mem.Allocator.VTable = .{
    .alloc = allocate,
    .resize = std.mem.Allocator.noResize,
    .remap = std.mem.Allocator.noRemap,
    .free = std.mem.Allocator.noFree,
};

fn allocate(raw: *anyopaque, length: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    if (alignment.toByteUnits() > 16) return null;
    return host.gr_alloc(@ptrCast(raw), length);
}

/// Makes the struct `Actor` the behavior of this component. Its public functions that take `*Actor` or
/// `*const Actor` first are methods, but for `activate` and `deactivate`, which run when the actor comes
/// into memory and leaves it. After that they may take a `*Context`, and then one struct whose fields are
/// the method's parameters, or a Payload.
pub fn actor(comptime Actor: type) void {
    const behavior = struct {
        fn activate(raw: *host.Raw) callconv(.c) bool {
            return turn(Actor, raw, "activate");
        }

        fn receive(raw: *host.Raw) callconv(.c) bool {
            const asked = host.gr_received(raw).method.slice();
            const names = comptime methods(Actor);
            inline for (names) |name| {
                if (std.mem.eql(u8, asked, name)) return turn(Actor, raw, name);
            }
            var known: [names.len][*:0]const u8 = undefined;
            inline for (names, &known) |name, *each| each.* = name.ptr;
            return host.gr_unknown_method(raw, &known, names.len);
        }

        fn deactivate(raw: *host.Raw) callconv(.c) bool {
            return if (@hasDecl(Actor, "deactivate")) turn(Actor, raw, "deactivate") else true;
        }
    };
    @export(&behavior.activate, .{ .name = "greenroom_activate" });
    @export(&behavior.receive, .{ .name = "greenroom_receive" });
    @export(&behavior.deactivate, .{ .name = "greenroom_deactivate" });
}

fn methods(comptime Actor: type) []const [:0]const u8 {
    var names: []const [:0]const u8 = &.{};
    for (@typeInfo(Actor).@"struct".decl_names) |name| {
        if (std.mem.eql(u8, name, "activate") or std.mem.eql(u8, name, "deactivate")) continue;
        const info = @typeInfo(@TypeOf(@field(Actor, name)));
        if (info != .@"fn" or info.@"fn".param_types.len == 0) continue;
        const First = info.@"fn".param_types[0] orelse continue;
        if (First == *Actor or First == *const Actor) names = names ++ .{name};
    }
    return names;
}

/// One turn: loads the actor, runs the function, if there is one, and keeps what it changed.
fn turn(comptime Actor: type, raw: *host.Raw, comptime name: [:0]const u8) bool {
    var ctx: Context = .init(raw);
    if (run(Actor, &ctx, name)) {
        return true;
    } else |problem| {
        if (problem != error.Failed) _ = host.gr_fail(raw, @intFromEnum(Code.internal), "%s", @errorName(problem).ptr);
        return false;
    }
}

fn run(comptime Actor: type, ctx: *Context, comptime name: [:0]const u8) anyerror!void {
    var self: Actor = .{};
    var stored: host.Bytes = undefined;
    const has_state = @typeInfo(Actor).@"struct".field_names.len > 0;
    if (has_state) {
        if (host.gr_state_get(ctx.raw, .of("actor"), &stored)) {
            load(Actor, ctx, stored.slice(), &self) catch |problem| {
                if (problem == error.Failed) _ = host.gr_unreadable_state(ctx.raw);
                return problem;
            };
        } else {
            stored = .of(try json.write(ctx, self));
        }
    }
    if (@hasDecl(Actor, name)) try invoke(Actor, ctx, &self, name);
    if (has_state) {
        const now = try json.write(ctx, self);
        if (!host.gr_keep(ctx.raw, stored, .of(now))) return error.Failed;
    }
}

fn load(comptime Actor: type, ctx: *Context, stored: []const u8, self: *Actor) json.ReadError!void {
    try json.readStruct(Actor, ctx, try json.parse(ctx, stored), null, .all, self);
}

fn invoke(comptime Actor: type, ctx: *Context, self: *Actor, comptime name: [:0]const u8) anyerror!void {
    const function = @field(Actor, name);
    const types = @typeInfo(@TypeOf(function)).@"fn".param_types;
    var arguments: std.meta.ArgsTuple(@TypeOf(function)) = undefined;
    arguments[0] = self;
    inline for (types[1..], 1..) |Type, i| {
        if (Type.? == *Context) {
            arguments[i] = ctx;
        } else if (Type.? == Payload) {
            arguments[i] = .of(host.gr_received(ctx.raw).payload);
        } else {
            arguments[i] = try readArguments(Type.?, ctx);
        }
    }
    const result = @call(.auto, function, arguments);
    const value = if (@typeInfo(@TypeOf(result)) == .error_union) try result else result;
    const payload = try ctx.payloadOf(value);
    _ = host.gr_reply_payload(ctx.raw, payload.out());
}

/// The body as a struct of the parameters: by name, by position, or, when there is one, as it is.
fn readArguments(comptime Arguments: type, ctx: *Context) json.ReadError!Arguments {
    const info = @typeInfo(Arguments).@"struct";
    const count = info.field_names.len;
    var given: [count]?std.json.Value = @splat(null);
    const body = std.mem.trim(u8, host.gr_received(ctx.raw).payload.body.slice(), " \t\r\n");
    if (body.len > 0) {
        const root = json.parse(ctx, body) catch |problem| switch (problem) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Failed => return ctx.fail(.invalid_argument, "the body is {s}", .{ctx.complaint()}),
        };
        try match(info.field_names, ctx, root, &given);
    }
    var arguments: Arguments = undefined;
    inline for (info.field_names, info.field_types, info.field_attrs, given) |name, Type, attrs, value| {
        const place = json.member(null, name);
        const read: json.ReadError!Type = if (value) |found|
            json.read(Type, ctx, found, &place)
        else if (comptime attrs.defaultValue(Type)) |default|
            default
        else if (@typeInfo(Type) == .optional)
            null
        else
            json.missing(ctx, &place);
        @field(arguments, name) = read catch |problem| switch (problem) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Failed => return ctx.fail(.invalid_argument, "argument {s}", .{ctx.complaint()}),
        };
    }
    return arguments;
}

fn match(comptime names: []const [:0]const u8, ctx: *Context, root: std.json.Value, given: *[names.len]?std.json.Value) json.ReadError!void {
    const known = comptime blk: {
        var list: []const u8 = "";
        for (names, 0..) |name, i| list = list ++ (if (i == 0) "" else ", ") ++ name;
        break :blk list ++ "";
    };
    if (names.len == 1) {
        const is_named = root == .object and root.object.count() == 1;
        given[0] = if (is_named) root.object.get(names[0]) orelse root else root;
        return;
    }
    switch (root) {
        .object => |object| {
            inline for (names, given) |name, *each| each.* = object.get(name);
            for (object.keys()) |key| {
                const is_known = inline for (names) |name| {
                    if (std.mem.eql(u8, key, name)) break true;
                } else false;
                if (!is_known) return ctx.fail(.invalid_argument, "unknown argument `{s}`; there are {s}", .{
                    key[0..@min(key.len, 60)], known,
                });
            }
        },
        .array => |array| {
            if (array.items.len > names.len) {
                return ctx.fail(.invalid_argument, "{d} arguments are too many; there are {s}", .{ array.items.len, known });
            }
            for (array.items, 0..) |item, i| given[i] = item;
        },
        else => return ctx.fail(.invalid_argument, "expected an object or an array of the arguments {s}", .{known}),
    }
}
