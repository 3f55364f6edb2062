//! JSON to and from Zig's types: structs are objects, enums strings, slices arrays, `[]const u8` text, and
//! optionals `null`. Complaints name the place in the document.

const std = @import("std");

const host = @import("host.zig");
const Context = @import("greenroom.zig").Context;

const Place = host.Place;
const Value = std.json.Value;

/// How deep a document is read into values.
const depth_max = 64;

pub const ReadError = error{ Failed, OutOfMemory };

/// What may be missing from an object.
pub const Lack = enum {
    /// Members that are optional, or have a default.
    optional,
    /// All; one that is missing keeps its default.
    all,
};

pub fn parse(ctx: *Context, document: []const u8) ReadError!Value {
    const text = if (document.len == 0) "null" else document;
    return std.json.parseFromSliceLeaky(Value, ctx.allocator, text, .{}) catch |problem| switch (problem) {
        error.OutOfMemory => error.OutOfMemory,
        else => ctx.fail(.invalid_argument, "not JSON: {s}", .{@errorName(problem)}),
    };
}

/// Writes a document. Members that are absent are `null`.
pub fn write(ctx: *Context, value: anytype) error{OutOfMemory}![]const u8 {
    return std.json.Stringify.valueAlloc(ctx.allocator, value, .{});
}

pub fn member(outer: ?*const Place, name: []const u8) Place {
    return .{ .outer = outer, .member = .of(name), .index = 0 };
}

pub fn read(comptime T: type, ctx: *Context, value: Value, place: ?*const Place) ReadError!T {
    if (T == Value) return value;
    return switch (@typeInfo(T)) {
        .bool => if (value == .bool) value.bool else wrongType(ctx, place, value, "a boolean"),
        .int => readInteger(T, ctx, value, place),
        .float => switch (value) {
            .integer => |number| @floatFromInt(number),
            .float => |number| @floatCast(number),
            else => wrongType(ctx, place, value, "a number"),
        },
        .optional => |optional| if (value == .null) null else try read(optional.child, ctx, value, place),
        .@"enum" => readEnum(T, ctx, value, place),
        .@"struct" => blk: {
            var made: T = undefined;
            try readStruct(T, ctx, value, place, .optional, &made);
            break :blk made;
        },
        .pointer => |pointer| if (pointer.child == u8)
            if (value == .string) value.string else wrongType(ctx, place, value, "a string")
        else
            readSlice(pointer.child, ctx, value, place),
        else => @compileError("no JSON can be read into " ++ @typeName(T)),
    };
}

fn readInteger(comptime T: type, ctx: *Context, value: Value, place: ?*const Place) ReadError!T {
    const number: ?T = switch (value) {
        .integer => |integer| std.math.cast(T, integer),
        // What does not fit into 64 bits with a sign.
        .number_string => |digits| std.fmt.parseInt(T, digits, 10) catch null,
        else => null,
    };
    return number orelse wrongType(ctx, place, value, @typeName(T));
}

fn readEnum(comptime T: type, ctx: *Context, value: Value, place: ?*const Place) ReadError!T {
    if (value != .string) return wrongType(ctx, place, value, "a string");
    if (std.meta.stringToEnum(T, value.string)) |found| return found;
    const known = comptime blk: {
        var list: []const u8 = "";
        for (@typeInfo(T).@"enum".field_names, 0..) |name, i| {
            list = list ++ (if (i == 0) "" else ", ") ++ "`" ++ name ++ "`";
        }
        break :blk list ++ "";
    };
    const shown = value.string[0..@min(value.string.len, 60)];
    return wrong(ctx, place, "unknown variant `{s}`, expected one of {s}", .{ shown, known });
}

fn readSlice(comptime T: type, ctx: *Context, value: Value, place: ?*const Place) ReadError![]const T {
    if (value != .array) return wrongType(ctx, place, value, "an array");
    var depth: usize = 0;
    var at = place;
    while (at) |outer| : (at = outer.outer) depth += 1;
    if (depth > depth_max) return ctx.fail(.invalid_argument, "nested deeper than {d}", .{depth_max});
    const items = try ctx.allocator.alloc(T, value.array.items.len);
    for (items, value.array.items, 0..) |*item, element, index| {
        const inner: Place = .{ .outer = place, .member = .none, .index = index };
        item.* = try read(T, ctx, element, &inner);
    }
    return items;
}

/// Reads the members of an object into `into`.
pub fn readStruct(comptime T: type, ctx: *Context, value: Value, place: ?*const Place, lack: Lack, into: *T) ReadError!void {
    if (value != .object) return wrongType(ctx, place, value, "an object");
    const info = @typeInfo(T).@"struct";
    inline for (info.field_names, info.field_types, info.field_attrs) |name, Field, attrs| {
        const inner = member(place, name);
        if (value.object.get(name)) |found| {
            @field(into, name) = try read(Field, ctx, found, &inner);
        } else if (comptime attrs.defaultValue(Field)) |default| {
            @field(into, name) = default;
        } else if (@typeInfo(Field) == .optional) {
            @field(into, name) = null;
        } else if (lack == .optional) {
            return missing(ctx, &inner);
        }
    }
}

fn wrong(ctx: *Context, place: ?*const Place, comptime words: []const u8, arguments: anytype) ReadError {
    const text = try ctx.allocator.printSentinel(words, arguments, 0);
    _ = host.gr_wrong(ctx.raw, place, "%s", text.ptr);
    return error.Failed;
}

pub fn missing(ctx: *Context, place: *const Place) error{Failed} {
    _ = host.gr_missing(ctx.raw, place);
    return error.Failed;
}

fn wrongType(ctx: *Context, place: ?*const Place, value: Value, comptime expected: []const u8) ReadError {
    return switch (value) {
        .null => wrong(ctx, place, "invalid type: null, expected {s}", .{expected}),
        .bool => |found| wrong(ctx, place, "invalid type: boolean `{}`, expected {s}", .{ found, expected }),
        .integer => |found| wrong(ctx, place, "invalid value: integer `{d}`, expected {s}", .{ found, expected }),
        .float => |found| wrong(ctx, place, "invalid type: floating point `{d}`, expected {s}", .{ found, expected }),
        .number_string => wrong(ctx, place, "invalid value: a large number, expected {s}", .{expected}),
        .string => |found| wrong(ctx, place, "invalid type: string \"{s}\", expected {s}", .{ found[0..@min(found.len, 60)], expected }),
        .array => wrong(ctx, place, "invalid type: array, expected {s}", .{expected}),
        .object => wrong(ctx, place, "invalid type: object, expected {s}", .{expected}),
    };
}
