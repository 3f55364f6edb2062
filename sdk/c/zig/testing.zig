//! Runs an actor in an ordinary `zig test`, without a host and without WebAssembly. Each turn takes effect
//! as a whole or not at all; the clock stands still until the test moves it. There is one actor under test
//! at a time. Texts live until the next turn.

const std = @import("std");

const greenroom = @import("greenroom.zig");
const host = @import("host.zig");

const client: host.Origin = .{ .kind = 0, .address = .{ .actor_type = .none, .id = .none }, .name = .none };

/// Forgets everything: the actor `id` of the type `actor_type` was never heard of.
pub fn begin(actor_type: [:0]const u8, id: [:0]const u8) void {
    host.gr_test_begin(actor_type.ptr, id.ptr);
}

/// Asks the actor as a client would, with a body of JSON, or null for none. The reply's body, or null when
/// the actor failed; `failure` says with what.
pub fn call(method: [:0]const u8, body: ?[:0]const u8) ?[]const u8 {
    return from(client, method, body);
}

/// As its own reminder would.
pub fn callFromReminder(name: [:0]const u8, method: [:0]const u8, body: ?[:0]const u8) ?[]const u8 {
    return from(.{ .kind = 2, .address = client.address, .name = .of(name) }, method, body);
}

/// As another actor would.
pub fn callFromActor(address: greenroom.Address, method: [:0]const u8, body: ?[:0]const u8) ?[]const u8 {
    const sender: host.Address = .{ .actor_type = .of(address.actor_type), .id = .of(address.id) };
    return from(.{ .kind = 1, .address = sender, .name = .none }, method, body);
}

fn from(origin: host.Origin, method: [:0]const u8, body: ?[:0]const u8) ?[]const u8 {
    const reply = host.gr_test_call_from(origin, method.ptr, if (body) |text| text.ptr else null);
    return if (reply) |text| std.mem.span(text) else null;
}

/// What the last turn failed with.
pub fn failure() ?greenroom.Failure {
    const found = host.gr_test_failure() orelse return null;
    return .{ .code = @enumFromInt(found.code), .message = found.message.slice() };
}

/// The reply is that text.
pub fn expectReply(expected: []const u8, reply: ?[]const u8) !void {
    const found = reply orelse {
        std.debug.print("the actor failed: {?}\n", .{failure()});
        return error.ActorFailed;
    };
    try std.testing.expectEqualStrings(expected, found);
}

/// The actor failed with that code.
pub fn expectRefused(code: greenroom.Code, reply: ?[]const u8) !void {
    try std.testing.expectEqual(null, reply);
    try std.testing.expectEqual(code, failure().?.code);
}

/// Moves the clock, and delivers on the way what becomes due. Says how many turns there were.
pub fn advance(ms: u64) usize {
    return host.gr_test_advance(ms);
}

pub fn nowMs() u64 {
    return host.gr_test_now_ms();
}

/// Deactivates the actor, as when it was idle. Its next message activates it.
pub fn deactivate() void {
    host.gr_test_deactivate();
}

/// Drops it from memory, as when the host was killed.
pub fn crash() void {
    host.gr_test_crash();
}

pub const Sent = struct { to: greenroom.Address, method: []const u8, body: []const u8, delay_ms: u64 };

pub fn sentCount() usize {
    return host.gr_test_sent_count();
}

/// A message that the actor has sent, in a turn that succeeded.
pub fn sent(index: usize) ?Sent {
    const found = host.gr_test_sent(index) orelse return null;
    return .{
        .to = .{ .actor_type = found.to.actor_type.slice(), .id = found.to.id.slice() },
        .method = found.method.slice(),
        .body = found.payload.body.slice(),
        .delay_ms = found.delay_ms,
    };
}

/// Milliseconds until the reminder of that name fires; null when it is not set.
pub fn reminderDueInMs(name: [:0]const u8) ?u64 {
    return if (host.gr_test_reminder(name.ptr)) |found| found.due_in_ms else null;
}

pub fn timerDueInMs(name: [:0]const u8) ?u64 {
    return if (host.gr_test_timer(name.ptr)) |found| found.due_in_ms else null;
}

/// What is stored under a key; the actor's struct is under `actor`.
pub fn stored(key: [:0]const u8) ?[]const u8 {
    const found = host.gr_test_stored(key.ptr);
    return if (found.data == null) null else found.slice();
}

/// Whether the actor has said these words.
pub fn hasLogged(words: [:0]const u8) bool {
    return host.gr_test_has_logged(words.ptr);
}
