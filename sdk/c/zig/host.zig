//! The functions of the SDK for C, as Zig calls them.

pub const Raw = opaque {};

pub const Text = extern struct {
    data: ?[*]const u8,
    length: usize,

    pub const none: Text = .{ .data = null, .length = 0 };

    pub fn of(text: []const u8) Text {
        return .{ .data = text.ptr, .length = text.len };
    }

    pub fn slice(text: Text) []const u8 {
        return if (text.data) |data| data[0..text.length] else "";
    }
};

/// A text and bytes are laid out alike.
pub const Bytes = Text;
pub const Texts = extern struct { items: [*]const Text, count: usize };
pub const Address = extern struct { actor_type: Text, id: Text };
pub const Payload = extern struct { content_type: Text, body: Bytes };
pub const Origin = extern struct { kind: c_uint, address: Address, name: Text };
pub const Message = extern struct { id: Text, method: Text, payload: Payload, origin: Origin, attempt: u32 };
pub const Failure = extern struct { code: c_uint, message: Text };
pub const CallError = extern struct { kind: c_uint, failure: Failure, detail: Text };
pub const Schedule = extern struct {
    delay_ms: u64,
    period_ms: u64,
    repetitions: u32,
    has_period: bool,
    has_repetitions: bool,
};
pub const Reminder = extern struct { name: Text, method: Text, due_in_ms: u64, schedule: Schedule };
pub const Reminders = extern struct { items: [*]const Reminder, count: usize };
pub const Place = extern struct { outer: ?*const Place, member: Text, index: usize };
pub const SentMessage = extern struct { to: Address, method: Text, payload: Payload, delay_ms: u64 };

pub extern fn gr_text_characters(text: Text) usize;
pub extern fn gr_is_id(text: Text) bool;
pub extern fn gr_me(ctx: *const Raw) Address;
pub extern fn gr_received(ctx: *const Raw) *const Message;
pub extern fn gr_origin_text(ctx: *Raw) Text;
pub extern fn gr_is_reminder(ctx: *const Raw, name: [*:0]const u8) bool;
pub extern fn gr_is_timer(ctx: *const Raw, name: [*:0]const u8) bool;
pub extern fn gr_now_ms(ctx: *Raw) u64;
pub extern fn gr_random(ctx: *Raw, into: [*]u8, length: usize) void;
pub extern fn gr_alloc(ctx: *Raw, size: usize) [*]align(16) u8;
pub extern fn gr_fail(ctx: *Raw, code: c_uint, format: [*:0]const u8, ...) bool;
pub extern fn gr_failed_with(ctx: *const Raw) ?*const Failure;
pub extern fn gr_panic(format: [*:0]const u8, ...) noreturn;
pub extern fn gr_log_text(ctx: *Raw, level: c_uint, message: Text) void;
pub extern fn gr_state_get(ctx: *Raw, key: Text, value: *Bytes) bool;
pub extern fn gr_state_set(ctx: *Raw, key: Text, value: Bytes) bool;
pub extern fn gr_state_delete(ctx: *Raw, key: Text) bool;
pub extern fn gr_state_keys(ctx: *Raw, prefix: Text, after: Text, limit: u32) Texts;
pub extern fn gr_call(ctx: *Raw, to: Address, method: [*:0]const u8, payload: Payload, reply: *Payload) bool;
pub extern fn gr_call_failed_with(ctx: *const Raw) ?*const CallError;
pub extern fn gr_send(ctx: *Raw, to: Address, method: [*:0]const u8, payload: Payload, delay_ms: u64) bool;
pub extern fn gr_set_reminder(ctx: *Raw, name: [*:0]const u8, schedule: Schedule, method: [*:0]const u8, payload: Payload) bool;
pub extern fn gr_cancel_reminder(ctx: *Raw, name: [*:0]const u8) bool;
pub extern fn gr_list_reminders(ctx: *Raw) Reminders;
pub extern fn gr_set_timer(ctx: *Raw, name: [*:0]const u8, schedule: Schedule, method: [*:0]const u8, payload: Payload) bool;
pub extern fn gr_cancel_timer(ctx: *Raw, name: [*:0]const u8) bool;
pub extern fn gr_reply_payload(ctx: *Raw, payload: Payload) bool;
pub extern fn gr_keep(ctx: *Raw, stored: Bytes, document: Bytes) bool;
pub extern fn gr_unreadable_state(ctx: *Raw) bool;
pub extern fn gr_unknown_method(ctx: *Raw, known: [*]const [*:0]const u8, count: usize) bool;
pub extern fn gr_wrong(ctx: *Raw, place: ?*const Place, words: [*:0]const u8, ...) bool;
pub extern fn gr_missing(ctx: *Raw, place: *const Place) bool;

pub extern fn gr_test_begin(actor_type: [*:0]const u8, id: [*:0]const u8) void;
pub extern fn gr_test_call_from(origin: Origin, method: [*:0]const u8, json: ?[*:0]const u8) ?[*:0]const u8;
pub extern fn gr_test_failure() ?*const Failure;
pub extern fn gr_test_advance(ms: u64) usize;
pub extern fn gr_test_now_ms() u64;
pub extern fn gr_test_deactivate() void;
pub extern fn gr_test_crash() void;
pub extern fn gr_test_sent_count() usize;
pub extern fn gr_test_sent(index: usize) ?*const SentMessage;
pub extern fn gr_test_reminder(name: [*:0]const u8) ?*const Reminder;
pub extern fn gr_test_timer(name: [*:0]const u8) ?*const Reminder;
pub extern fn gr_test_stored(key: [*:0]const u8) Bytes;
pub extern fn gr_test_has_logged(words: [*:0]const u8) bool;
