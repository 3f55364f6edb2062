// Actors in C++20: `greenroom.h` with values that own what they hold, and methods whose types say what
// their arguments are. Without exceptions and RTTI.
//
// An actor is a class. `fields` names the members that are kept, `methods` those that can be called by
// address, and GREENROOM_ACTOR makes it the behavior of the component:
//
//     struct Counter {
//       std::uint32_t count = 0;
//
//       greenroom::Result<std::uint32_t> add(greenroom::Context &ctx, std::uint32_t amount);
//
//       static constexpr auto fields = greenroom::fields(greenroom::field("count", &Counter::count));
//       static constexpr auto methods = greenroom::methods(greenroom::method("add", &Counter::add, "amount"));
//     };
//     GREENROOM_ACTOR(Counter)
//
// For each message an object is made from the actor's state, the method runs, and the object is stored if
// it has changed, and destroyed. Views that come from a Context live until the turn ends.

#ifndef GREENROOM_HPP
#define GREENROOM_HPP

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "greenroom_support.h"

namespace greenroom {

// ---- Failures ------------------------------------------------------------------------------------------

// Why an actor refuses a message. Each has its HTTP status.
enum class Code {
  invalid_argument = GR_INVALID_ARGUMENT,        // 400: the request is wrong, whatever the state
  permission_denied = GR_PERMISSION_DENIED,      // 403: not for this sender
  not_found = GR_NOT_FOUND,                      // 404: what it is about is not there
  conflict = GR_CONFLICT,                        // 409: it contradicts what is there
  failed_precondition = GR_FAILED_PRECONDITION,  // 412: not in the present state
  resource_exhausted = GR_RESOURCE_EXHAUSTED,    // 429: a limit is reached
  internal = GR_INTERNAL,                        // 500: the actor is at fault
  unimplemented = GR_UNIMPLEMENTED,              // 501: no such method
};

// An actor's answer to a message that it could not do. The turn that ends in it leaves no trace.
struct Failure {
  Code code;
  std::string message;
};

inline Failure invalid_argument(std::string message) { return {Code::invalid_argument, std::move(message)}; }
inline Failure permission_denied(std::string message) { return {Code::permission_denied, std::move(message)}; }
inline Failure not_found(std::string message) { return {Code::not_found, std::move(message)}; }
inline Failure conflict(std::string message) { return {Code::conflict, std::move(message)}; }
inline Failure failed_precondition(std::string message) {
  return {Code::failed_precondition, std::move(message)};
}
inline Failure resource_exhausted(std::string message) { return {Code::resource_exhausted, std::move(message)}; }
inline Failure internal(std::string message) { return {Code::internal, std::move(message)}; }
inline Failure unimplemented(std::string message) { return {Code::unimplemented, std::move(message)}; }

struct Nothing {};

// A value, or why there is none. `Result<>` is success without a value.
template <class T = Nothing>
class [[nodiscard]] Result {
 public:
  Result()
    requires std::same_as<T, Nothing>
      : value_(T{}) {}
  template <class U>
    requires std::constructible_from<T, U &&> && (!std::same_as<std::remove_cvref_t<U>, Result>) &&
             (!std::same_as<std::remove_cvref_t<U>, Failure>)
  Result(U &&value) : value_(std::forward<U>(value)) {}
  Result(Failure failure) : failure_(std::move(failure)) {}

  explicit operator bool() const { return value_.has_value(); }
  // Traps when there is none.
  T &operator*() & { return checked(); }
  T &&operator*() && { return std::move(checked()); }
  T *operator->() { return &checked(); }
  // Only when there is no value.
  const Failure &failure() const {
    if (value_.has_value()) gr_panic("there is a value, and no failure");
    return failure_;
  }

 private:
  T &checked() {
    if (!value_.has_value()) gr_panic("a value was used that is not there: %s", failure_.message.c_str());
    return *value_;
  }

  std::optional<T> value_;
  Failure failure_{Code::internal, {}};
};

// ---- Texts, addresses and payloads ---------------------------------------------------------------------

inline std::string_view view_of(gr_text text) { return {text.data == nullptr ? "" : text.data, text.length}; }
inline gr_text text_of(std::string_view view) { return {view.data() == nullptr ? "" : view.data(), view.size()}; }

// Where an actor is. An address always exists: there is nothing to create or to look up.
struct Address {
  std::string actor_type;
  std::string id;

  // Whether a text can be an actor's id: 1 to 512 bytes without control characters.
  static bool is_id(std::string_view id) { return gr_is_id(text_of(id)); }
};

// Bytes with a media type: what messages and replies carry.
struct Payload {
  std::string content_type;
  std::string body;

  static Payload text(std::string body) { return {"text/plain; charset=utf-8", std::move(body)}; }
};

// How many characters a text has; its size counts bytes.
inline std::size_t characters(std::string_view text) { return gr_text_characters(text_of(text)); }

// ---- Values and their JSON -----------------------------------------------------------------------------

// A member of a struct and its name in JSON.
template <class Struct, class Member>
struct Field {
  const char *name;
  Member Struct::*member;
};

template <class Struct, class Member>
constexpr Field<Struct, Member> field(const char *name, Member Struct::*member) {
  return {name, member};
}

// What a struct is in JSON: an object with these members. Its `static constexpr auto fields`.
template <class... Fields>
constexpr std::tuple<Fields...> fields(Fields... all) {
  return {all...};
}

// An enumeration is in JSON what the function `constexpr auto greenroom_names(THE_TYPE)` beside it says:
// an array of strings for its values 0, 1, 2 ….
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) { greenroom_names(value).size(); };

// The name of an enumeration's value.
template <NamedEnum E>
std::string_view name_of(E value) {
  return greenroom_names(value)[static_cast<std::size_t>(value)];
}

namespace detail {

template <class T>
concept Struct = requires { std::tuple_size<std::remove_cvref_t<decltype(T::fields)>>::value; };

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <std::integral T>
bool read(gr_context *ctx, yyjson_val *json, T &value, const gr_place *place) {
  constexpr bool is_signed = std::is_signed_v<T>;
  constexpr const gr_shape *shapes[2][4] = {{&gr_u8, &gr_u16, &gr_u32, &gr_u64}, {&gr_i8, &gr_i16, &gr_i32, &gr_i64}};
  constexpr std::size_t size = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return gr_read_value(ctx, shapes[is_signed][size], json, &value, place);
}

inline bool read(gr_context *ctx, yyjson_val *json, bool &value, const gr_place *place) {
  return gr_read_value(ctx, &gr_bool, json, &value, place);
}

inline bool read(gr_context *ctx, yyjson_val *json, double &value, const gr_place *place) {
  return gr_read_value(ctx, &gr_f64, json, &value, place);
}

inline bool read(gr_context *ctx, yyjson_val *json, std::string &value, const gr_place *place) {
  gr_text text;
  if (!gr_read_value(ctx, &gr_string, json, &text, place)) return false;
  value.assign(text.data, text.length);
  return true;
}

// Anything, as it is, until the turn ends.
inline bool read(gr_context *, yyjson_val *json, yyjson_val *&value, const gr_place *) {
  value = json;
  return true;
}

template <NamedEnum E>
bool read(gr_context *ctx, yyjson_val *json, E &value, const gr_place *place) {
  auto names = greenroom_names(value);
  gr_shape shape{};
  shape.kind = GR_KIND_ENUM;
  shape.name = "a name";
  shape.names = names.data();
  shape.count = names.size();
  int number = 0;
  if (!gr_read_value(ctx, &shape, json, &number, place)) return false;
  value = static_cast<E>(number);
  return true;
}

template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::optional<T> &value, const gr_place *place);
template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::vector<T> &value, const gr_place *place);
template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::map<std::string, T> &value, const gr_place *place);
template <Struct T>
bool read(gr_context *ctx, yyjson_val *json, T &value, const gr_place *place, bool may_lack = false);

template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::optional<T> &value, const gr_place *place) {
  if (yyjson_is_null(json)) {
    value.reset();
    return true;
  }
  return read(ctx, json, value.emplace(), place);
}

template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::vector<T> &value, const gr_place *place) {
  if (!yyjson_is_arr(json)) return gr_wrong_type(ctx, place, json, "an array");
  value.clear();
  std::size_t index, most;
  yyjson_val *element;
  yyjson_arr_foreach(json, index, most, element) {
    gr_place inner{place, {nullptr, 0}, index};
    T item{};
    if (!read(ctx, element, item, &inner)) return false;
    value.push_back(std::move(item));
  }
  return true;
}

template <class T>
bool read(gr_context *ctx, yyjson_val *json, std::map<std::string, T> &value, const gr_place *place) {
  if (!yyjson_is_obj(json)) return gr_wrong_type(ctx, place, json, "an object");
  value.clear();
  std::size_t index, most;
  yyjson_val *name, *member;
  yyjson_obj_foreach(json, index, most, name, member) {
    gr_text called{yyjson_get_str(name), yyjson_get_len(name)};
    gr_place inner{place, called, 0};
    if (!read(ctx, member, value[std::string(view_of(called))], &inner)) return false;
  }
  return true;
}

// Members that may be absent may be missing; with `may_lack`, any.
template <class S, class M>
bool read_member(gr_context *ctx, yyjson_val *json, S &value, const Field<S, M> &field, const gr_place *place,
                 bool may_lack) {
  gr_place inner{place, gr_text_of(field.name), 0};
  yyjson_val *member = yyjson_obj_get(json, field.name);
  if (member != nullptr) return read(ctx, member, value.*field.member, &inner);
  return may_lack || is_optional<M> || gr_missing(ctx, &inner);
}

template <Struct T>
bool read(gr_context *ctx, yyjson_val *json, T &value, const gr_place *place, bool may_lack) {
  if (!yyjson_is_obj(json)) return gr_wrong_type(ctx, place, json, "an object");
  return std::apply(
      [&](const auto &...field) { return (read_member(ctx, json, value, field, place, may_lack) && ...); },
      T::fields);
}

inline yyjson_mut_val *write(yyjson_mut_doc *doc, bool value) { return yyjson_mut_bool(doc, value); }
inline yyjson_mut_val *write(yyjson_mut_doc *doc, double value) { return yyjson_mut_real(doc, value); }

template <std::integral T>
yyjson_mut_val *write(yyjson_mut_doc *doc, T value) {
  if constexpr (std::is_signed_v<T>) return yyjson_mut_sint(doc, value);
  else return yyjson_mut_uint(doc, value);
}

// The text must live until the document is written.
inline yyjson_mut_val *write(yyjson_mut_doc *doc, std::string_view value) {
  return yyjson_mut_strn(doc, value.data() == nullptr ? "" : value.data(), value.size());
}
inline yyjson_mut_val *write(yyjson_mut_doc *doc, const std::string &value) {
  return write(doc, std::string_view(value));
}
inline yyjson_mut_val *write(yyjson_mut_doc *doc, const char *value) { return write(doc, std::string_view(value)); }
inline yyjson_mut_val *write(yyjson_mut_doc *doc, yyjson_val *value) {
  return value == nullptr ? yyjson_mut_null(doc) : yyjson_val_mut_copy(doc, value);
}

template <NamedEnum E>
yyjson_mut_val *write(yyjson_mut_doc *doc, E value) {
  return write(doc, name_of(value));
}

template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::optional<T> &value);
template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::vector<T> &value);
template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::map<std::string, T> &value);
template <Struct T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const T &value);

template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::optional<T> &value) {
  return value ? write(doc, *value) : yyjson_mut_null(doc);
}

template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::vector<T> &value) {
  yyjson_mut_val *array = yyjson_mut_arr(doc);
  for (const auto &element : value) yyjson_mut_arr_append(array, write(doc, element));
  return array;
}

template <class T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const std::map<std::string, T> &value) {
  yyjson_mut_val *object = yyjson_mut_obj(doc);
  for (const auto &[name, member] : value) yyjson_mut_obj_add(object, write(doc, name), write(doc, member));
  return object;
}

template <Struct T>
yyjson_mut_val *write(yyjson_mut_doc *doc, const T &value) {
  yyjson_mut_val *object = yyjson_mut_obj(doc);
  std::apply(
      [&](const auto &...field) {
        (yyjson_mut_obj_add(object, write(doc, field.name), write(doc, value.*field.member)), ...);
      },
      T::fields);
  return object;
}

template <class T>
bool payload_of(gr_context *ctx, const T &value, gr_payload &payload) {
  if constexpr (std::same_as<T, Nothing>) {
    payload = {};
    return true;
  } else {
    yyjson_mut_doc *doc = yyjson_mut_doc_new(gr_json_memory(ctx));
    return gr_payload_of_json(ctx, write(doc, value), &payload);
  }
}

inline gr_payload view_of(const Payload &payload) {
  return {text_of(payload.content_type),
          {reinterpret_cast<const std::uint8_t *>(payload.body.data()), payload.body.size()}};
}

inline Payload owned(const gr_payload &payload) {
  return {std::string(greenroom::view_of(payload.content_type)),
          std::string(reinterpret_cast<const char *>(payload.body.data), payload.body.length)};
}

inline Failure recorded(gr_context *ctx) {
  const gr_failure *failure = gr_failed_with(ctx);
  if (failure == nullptr) return internal("nothing says why");
  return {static_cast<Code>(failure->code), std::string(greenroom::view_of(failure->message))};
}

inline Result<> done(gr_context *ctx, bool succeeded) {
  if (succeeded) return {};
  return recorded(ctx);
}

}  // namespace detail

// ---- The context ---------------------------------------------------------------------------------------

// When a reminder or a timer fires, counted from now: after `delay_ms`, and then, if there is a period,
// again and again; at most `repetitions` times in all.
struct Schedule {
  std::uint64_t delay_ms = 0;
  std::optional<std::uint64_t> period_ms = std::nullopt;
  std::optional<std::uint32_t> repetitions = std::nullopt;
};

struct Reminder {
  std::string name;
  std::string method;
  std::uint64_t due_in_ms;
  Schedule schedule;
};

class Context;

// Another actor. There is always one at any address.
class ActorRef {
 public:
  ActorRef(Context &context, Address address) : context_(context), address_(std::move(address)) {}

  const Address &address() const { return address_; }
  // Asks, and waits for the reply, which is read as an `R`.
  template <class R = Nothing, class T = Nothing>
  Result<R> call(std::string_view method, const T &arguments = {});
  // Tells: once this turn has succeeded, processed exactly once.
  template <class T = Nothing>
  Result<> send(std::string_view method, const T &arguments = {}, std::uint64_t delay_ms = 0);

 private:
  Context &context_;
  Address address_;
};

// The actor's door to the host during one turn.
class Context {
 public:
  explicit Context(gr_context *ctx) : ctx_(ctx) {}

  // The same for functions of `greenroom.h`.
  gr_context *raw() const { return ctx_; }

  Address me() const {
    gr_address me = gr_me(ctx_);
    return {std::string(view_of(me.actor_type)), std::string(view_of(me.id))};
  }
  // The message as it came; all empty while the actor is activated or deactivated.
  const gr_message &message() const { return *gr_received(ctx_); }
  // Who sent it: `client`, `chat/alice`, `reminder deadline`.
  std::string origin() const { return std::string(view_of(gr_origin_text(ctx_))); }
  bool is_reminder(const char *name) const { return gr_is_reminder(ctx_, name); }
  bool is_timer(const char *name) const { return gr_is_timer(ctx_, name); }
  // Milliseconds since the Unix epoch; the same all through a turn.
  std::uint64_t now_ms() const { return gr_now_ms(ctx_); }
  std::string random_bytes(std::size_t length) const {
    std::string bytes(length, '\0');
    gr_random(ctx_, bytes.data(), length);
    return bytes;
  }
  void log(gr_level level, std::string_view message) const { gr_log_text(ctx_, level, text_of(message)); }

  // State under keys of its own: bytes, or JSON of a type. The key `actor` is that of the actor itself.
  std::optional<std::string> get_bytes(std::string_view key) const {
    gr_bytes value;
    if (!gr_state_get(ctx_, text_of(key), &value)) return std::nullopt;
    return std::string(reinterpret_cast<const char *>(value.data), value.length);
  }
  Result<> set_bytes(std::string_view key, std::string_view value) const {
    gr_bytes bytes{reinterpret_cast<const std::uint8_t *>(value.data()), value.size()};
    return detail::done(ctx_, gr_state_set(ctx_, text_of(key), bytes));
  }
  template <class T>
  Result<std::optional<T>> get(std::string_view key) const {
    gr_bytes stored;
    std::optional<T> value;
    if (!gr_state_get(ctx_, text_of(key), &stored)) return value;
    yyjson_val *root;
    if (gr_parse(ctx_, stored, &root) && detail::read(ctx_, root, value.emplace(), nullptr)) return value;
    return internal("state `" + std::string(key) + "` can't be read: " + detail::recorded(ctx_).message);
  }
  template <class T>
  Result<> set(std::string_view key, const T &value) const {
    gr_payload payload;
    bool kept = detail::payload_of(ctx_, value, payload) && gr_state_set(ctx_, text_of(key), payload.body);
    return detail::done(ctx_, kept);
  }
  // Says whether the key was there.
  bool erase(std::string_view key) const { return gr_state_delete(ctx_, text_of(key)); }
  // The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`.
  std::vector<std::string> keys(std::string_view prefix, std::optional<std::string_view> after = std::nullopt,
                                std::uint32_t limit = 1000) const {
    gr_text none{nullptr, 0};
    gr_texts found = gr_state_keys(ctx_, text_of(prefix), after ? text_of(*after) : none, limit);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < found.count; i++) keys.emplace_back(view_of(found.items[i]));
    return keys;
  }

  ActorRef actor(std::string actor_type, std::string id) { return {*this, {std::move(actor_type), std::move(id)}}; }
  // Asks with bytes, for bytes. `gr_call_failed_with(raw())` has the particulars of a call that failed.
  Result<Payload> call(const Address &to, std::string_view method, const Payload &payload) const {
    gr_payload reply;
    if (!gr_call(ctx_, out(to), name(method), detail::view_of(payload), &reply)) return detail::recorded(ctx_);
    return detail::owned(reply);
  }
  Result<> send(const Address &to, std::string_view method, const Payload &payload,
                std::uint64_t delay_ms = 0) const {
    return detail::done(ctx_, gr_send(ctx_, out(to), name(method), detail::view_of(payload), delay_ms));
  }

  // Sends this actor `method` on that schedule: durably, replacing a reminder of the same name.
  template <class T = Nothing>
  Result<> set_reminder(std::string_view called, const Schedule &schedule, std::string_view method,
                        const T &arguments = {}) const {
    gr_payload payload;
    if (!payload_out(arguments, payload)) return detail::recorded(ctx_);
    return detail::done(ctx_, gr_set_reminder(ctx_, name(called), out(schedule), name(method), payload));
  }
  // Says whether there was one.
  bool cancel_reminder(std::string_view called) const { return gr_cancel_reminder(ctx_, name(called)); }
  std::vector<Reminder> reminders() const {
    gr_reminders found = gr_list_reminders(ctx_);
    std::vector<Reminder> list;
    for (std::size_t i = 0; i < found.count; i++) {
      const gr_reminder &each = found.items[i];
      Schedule schedule{each.schedule.delay_ms};
      if (each.schedule.has_period) schedule.period_ms = each.schedule.period_ms;
      if (each.schedule.has_repetitions) schedule.repetitions = each.schedule.repetitions;
      list.push_back({std::string(view_of(each.name)), std::string(view_of(each.method)), each.due_in_ms, schedule});
    }
    return list;
  }
  // The same in memory only: gone when the actor is deactivated.
  template <class T = Nothing>
  Result<> set_timer(std::string_view called, const Schedule &schedule, std::string_view method,
                     const T &arguments = {}) const {
    gr_payload payload;
    if (!payload_out(arguments, payload)) return detail::recorded(ctx_);
    return detail::done(ctx_, gr_set_timer(ctx_, name(called), out(schedule), name(method), payload));
  }
  bool cancel_timer(std::string_view called) const { return gr_cancel_timer(ctx_, name(called)); }

 private:
  friend class ActorRef;

  const char *name(std::string_view text) const { return gr_copy_text(ctx_, text_of(text)).data; }
  static gr_address out(const Address &address) { return {text_of(address.actor_type), text_of(address.id)}; }
  static gr_schedule out(const Schedule &schedule) {
    return {schedule.delay_ms, schedule.period_ms.value_or(0), schedule.repetitions.value_or(0),
            schedule.period_ms.has_value(), schedule.repetitions.has_value()};
  }
  template <class T>
  bool payload_out(const T &arguments, gr_payload &payload) const {
    if constexpr (std::same_as<T, Payload>) {
      payload = detail::view_of(arguments);
      return true;
    } else {
      return detail::payload_of(ctx_, arguments, payload);
    }
  }

  gr_context *ctx_;
};

template <class R, class T>
Result<R> ActorRef::call(std::string_view method, const T &arguments) {
  gr_context *ctx = context_.raw();
  gr_payload payload, reply;
  if (!detail::payload_of(ctx, arguments, payload) ||
      !gr_call(ctx, Context::out(address_), context_.name(method), payload, &reply)) {
    return detail::recorded(ctx);
  }
  R value{};
  if constexpr (!std::same_as<R, Nothing>) {
    yyjson_val *root;
    if (!gr_parse(ctx, reply.body, &root) || !detail::read(ctx, root, value, nullptr)) {
      return internal("call " + address_.actor_type + "/" + address_.id + " " + std::string(method) +
                      ": the reply is not what was expected: " + detail::recorded(ctx).message);
    }
  }
  return value;
}

template <class T>
Result<> ActorRef::send(std::string_view method, const T &arguments, std::uint64_t delay_ms) {
  gr_context *ctx = context_.raw();
  gr_payload payload;
  bool sent = detail::payload_of(ctx, arguments, payload) &&
              gr_send(ctx, Context::out(address_), context_.name(method), payload, delay_ms);
  return detail::done(ctx, sent);
}

// ---- The actor -----------------------------------------------------------------------------------------

namespace detail {

// What a member function is called with, apart from the context.
template <class Function>
struct Signature;

template <class A, class R, class... P>
struct Signature<R (A::*)(P...)> {
  using Result = R;
  using Parameters = std::tuple<std::remove_cvref_t<P>...>;
  static constexpr bool has_context = false;
};
template <class A, class R, class... P>
struct Signature<R (A::*)(P...) const> : Signature<R (A::*)(P...)> {};
template <class A, class R, class... P>
struct Signature<R (A::*)(Context &, P...)> {
  using Result = R;
  using Parameters = std::tuple<std::remove_cvref_t<P>...>;
  static constexpr bool has_context = true;
};
template <class A, class R, class... P>
struct Signature<R (A::*)(Context &, P...) const> : Signature<R (A::*)(Context &, P...)> {};

template <class T>
constexpr bool is_result = false;
template <class T>
constexpr bool is_result<Result<T>> = true;

template <class T>
bool reply(gr_context *ctx, const T &value) {
  if constexpr (is_result<T>) {
    if (!value) return gr_fail(ctx, static_cast<gr_code>(value.failure().code), "%s", value.failure().message.c_str());
    return reply(ctx, *const_cast<T &>(value));
  } else if constexpr (std::same_as<T, Payload>) {
    gr_text type = gr_copy_text(ctx, text_of(value.content_type));
    gr_text body = gr_copy_text(ctx, text_of(value.body));
    return gr_reply_payload(ctx, {type, {reinterpret_cast<const std::uint8_t *>(body.data), body.length}});
  } else {
    gr_payload payload;
    return payload_of(ctx, value, payload) && gr_reply_payload(ctx, payload);
  }
}

template <class Function, std::size_t Count>
struct Method {
  const char *name;
  Function function;
  std::array<const char *, Count> parameters;

  using Shape = Signature<Function>;
  using Parameters = typename Shape::Parameters;
  static constexpr bool is_raw = std::same_as<Parameters, std::tuple<Payload>>;
  static_assert(is_raw ? Count == 0 : Count == std::tuple_size_v<Parameters>,
                "name every parameter but the context; a Payload has no name");

  template <class A>
  bool run(gr_context *ctx, A &actor) const {
    Parameters arguments{};
    if constexpr (is_raw) {
      std::get<0>(arguments) = owned(gr_received(ctx)->payload);
    } else if (!read_arguments(ctx, arguments, std::make_index_sequence<Count>())) {
      return false;
    }
    Context context(ctx);
    auto call = [&](auto &...argument) {
      if constexpr (Shape::has_context) return (actor.*function)(context, argument...);
      else return (actor.*function)(argument...);
    };
    if constexpr (std::is_void_v<typename Shape::Result>) {
      std::apply(call, arguments);
      return true;
    } else {
      return reply(ctx, std::apply(call, arguments));
    }
  }

 private:
  template <std::size_t... I>
  bool read_arguments(gr_context *ctx, Parameters &arguments, std::index_sequence<I...>) const {
    std::array<yyjson_val *, Count> given{};
    return gr_match_arguments(ctx, parameters.data(), Count, given.data()) &&
           (read_argument(ctx, parameters[I], given[I], std::get<I>(arguments)) && ...);
  }

  template <class T>
  static bool read_argument(gr_context *ctx, const char *parameter, yyjson_val *given, T &argument) {
    gr_place place{nullptr, gr_text_of(parameter), 0};
    if (given == nullptr && is_optional<T>) return true;
    if (given == nullptr ? gr_missing(ctx, &place) : read(ctx, given, argument, &place)) return true;
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "argument %s", gr_failed_with(ctx)->message.data);
  }
};

template <class A>
struct Behavior {
  static bool write_state(gr_context *ctx, const A &actor, gr_bytes &document) {
    gr_payload payload;
    if (!payload_of(ctx, actor, payload)) return false;
    document = payload.body;
    return true;
  }

  // Makes the actor from its state, runs, and keeps it if it has changed.
  template <class Run>
  static bool turn(gr_context *ctx, Run run) {
    A actor{};
    if constexpr (!Struct<A>) {
      return run(actor);
    } else {
      gr_bytes stored, now;
      if (!gr_state_get(ctx, text_of(GR_ACTOR_KEY), &stored)) {
        if (!write_state(ctx, actor, stored)) return false;
      } else {
        yyjson_val *root;
        if (!gr_parse(ctx, stored, &root) || !read(ctx, root, actor, nullptr, true)) return gr_unreadable_state(ctx);
      }
      return run(actor) && write_state(ctx, actor, now) && gr_keep(ctx, stored, now);
    }
  }

  static bool activate(gr_context *ctx) {
    return turn(ctx, [&](A &actor) {
      if constexpr (requires(Context &context) { actor.activate(context); }) {
        Context context(ctx);
        return reply(ctx, Result<>(actor.activate(context)));
      } else {
        return true;
      }
    });
  }

  static bool deactivate(gr_context *ctx) {
    if constexpr (requires(A &actor, Context &context) { actor.deactivate(context); }) {
      return turn(ctx, [&](A &actor) {
        Context context(ctx);
        return reply(ctx, Result<>(actor.deactivate(context)));
      });
    } else {
      return true;
    }
  }

  static bool receive(gr_context *ctx) {
    std::string_view asked = greenroom::view_of(gr_received(ctx)->method);
    bool succeeded = false;
    bool known = std::apply(
        [&](const auto &...method) {
          return ((asked == method.name &&
                   ((succeeded = turn(ctx, [&](A &actor) { return method.run(ctx, actor); })), true)) || ...);
        },
        A::methods);
    if (known) return succeeded;
    auto names = std::apply([](const auto &...method) { return std::array{method.name...}; }, A::methods);
    return gr_unknown_method(ctx, names.data(), names.size());
  }
};

}  // namespace detail

// A method and its name, and those of its parameters apart from a first `Context &`. Its result is the
// reply: `void`, a value, a Payload, or a Result of one of them. One that takes only a Payload gets the
// message's bytes as they came.
template <class Function, class... Parameters>
constexpr detail::Method<Function, sizeof...(Parameters)> method(const char *name, Function function,
                                                                 Parameters... parameters) {
  return {name, function, {parameters...}};
}

// An actor's methods. Its `static constexpr auto methods`.
template <class... Methods>
constexpr std::tuple<Methods...> methods(Methods... all) {
  return {all...};
}

}  // namespace greenroom

// Makes the class ACTOR the behavior of this component.
#define GREENROOM_ACTOR(ACTOR)                                                                            \
  extern "C" bool greenroom_activate(gr_context *ctx) { return greenroom::detail::Behavior<ACTOR>::activate(ctx); } \
  extern "C" bool greenroom_receive(gr_context *ctx) { return greenroom::detail::Behavior<ACTOR>::receive(ctx); }   \
  extern "C" bool greenroom_deactivate(gr_context *ctx) {                                                 \
    return greenroom::detail::Behavior<ACTOR>::deactivate(ctx);                                           \
  }

#endif
