// The commands of a script, each a function of its words.

#include "script.hpp"

#include <charconv>
#include <cstdlib>

using namespace greenroom;
using Text = Result<std::string>;

namespace {

// The arguments that are left of a line, and what was wrong with those that were taken.
struct Words {
  std::string_view rest;
  const char *wrong = nullptr;

  // The next one; `-` is nothing.
  std::string next() {
    std::size_t space = rest.find(' ');
    std::string_view word = rest.substr(0, space);
    rest.remove_prefix(space == rest.npos ? rest.size() : space + 1);
    return std::string(word == "-" ? "" : word);
  }

  template <class T>
  std::optional<T> optional_number() {
    std::string digits = next();
    T value = 0;
    if (digits.empty()) return std::nullopt;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc() || end != digits.data() + digits.size()) wrong = "no number";
    return value;
  }

  template <class T = std::uint64_t>
  T number() {
    auto value = optional_number<T>();
    if (!value) wrong = "a number is missing";
    return value.value_or(0);
  }

  std::string bytes() {
    std::string digits = next(), bytes(digits.size() / 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); i++) {
      const char *pair = digits.data() + 2 * i;
      unsigned char byte = 0;
      if (std::from_chars(pair, pair + 2, byte, 16).ptr != pair + 2) wrong = "no bytes";
      bytes[i] = static_cast<char>(byte);
    }
    if (digits.size() % 2 != 0) wrong = "no bytes";
    return bytes;
  }

  Payload payload() const { return {"text/plain", std::string(rest)}; }
};

std::string hex(std::string_view bytes) {
  std::string text;
  for (unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string truth(bool value) { return value ? "true" : "false"; }

// A limit that was met is a result and no end.
Text outcome(const Result<> &done, std::string_view otherwise = "ok") {
  return std::string(done ? otherwise : "limit " + done.failure().message);
}

// ---- State ---------------------------------------------------------------------------------------------

Text set(Context &ctx, Words &words) {
  std::string key = words.next();
  return outcome(ctx.set_bytes(key, words.rest));
}

Text set_hex(Context &ctx, Words &words) {
  std::string key = words.next();
  return outcome(ctx.set_bytes(key, words.bytes()));
}

Text fill(Context &ctx, Words &words) {
  std::string key = words.next();
  return outcome(ctx.set_bytes(key, std::string(words.number<std::size_t>(), 'x')));
}

Text append(Context &ctx, Words &words) {
  std::string key = words.next(), longer = ctx.get_bytes(key).value_or("");
  if (!longer.empty()) longer += ',';
  longer += words.rest;
  return outcome(ctx.set_bytes(key, longer), longer);
}

Text get(Context &ctx, Words &words) {
  auto stored = ctx.get_bytes(words.next());
  return stored ? "value " + *stored : "none";
}

Text get_hex(Context &ctx, Words &words) {
  auto stored = ctx.get_bytes(words.next());
  return stored ? "value " + hex(*stored) : "none";
}

Text size(Context &ctx, Words &words) {
  auto stored = ctx.get_bytes(words.next());
  return stored ? std::to_string(stored->size()) : "none";
}

Text erase(Context &ctx, Words &words) { return truth(ctx.erase(words.next())); }

Text keys(Context &ctx, Words &words) {
  std::string prefix = words.next(), after = words.next(), list;
  auto from = after.empty() ? std::nullopt : std::optional<std::string_view>(after);
  for (const auto &key : ctx.keys(prefix, from, words.number<std::uint32_t>())) {
    list += (list.empty() ? "" : " ") + key;
  }
  return list;
}

// ---- Messages ------------------------------------------------------------------------------------------

std::string words_of(const gr_call_error &error) {
  std::string detail(view_of(error.detail));
  switch (error.kind) {
    case GR_CALL_FAILED:
      return std::string("failed ") + gr_code_name(error.failure.code) + " " +
             std::string(view_of(error.failure.message));
    case GR_CALL_UNKNOWN_ACTOR_TYPE: return "unknown-actor-type";
    case GR_CALL_DEADLOCK: return "deadlock " + detail;
    case GR_CALL_OVERLOADED: return "overloaded";
    case GR_CALL_TIMEOUT: return "timeout";
    case GR_CALL_CRASHED: return "crashed " + detail;
    default: return "unavailable " + detail;
  }
}

Address address(Words &words) {
  std::string actor_type = words.next();
  return {actor_type, words.next()};
}

Text call(Context &ctx, Words &words) {
  Address to = address(words);
  std::string method = words.next();
  auto reply = ctx.call(to, method, words.payload());
  return reply ? "reply " + reply->body : words_of(*gr_call_failed_with(ctx.raw()));
}

Text send(Context &ctx, Words &words) {
  auto delay_ms = words.number();
  Address to = address(words);
  std::string method = words.next();
  return outcome(ctx.send(to, method, words.payload(), delay_ms));
}

Schedule schedule(Words &words) {
  return {words.number(), words.optional_number<std::uint64_t>(), words.optional_number<std::uint32_t>()};
}

Text remind(Context &ctx, Words &words) {
  std::string name = words.next();
  Schedule when = schedule(words);
  std::string method = words.next();
  return outcome(ctx.set_reminder(name, when, method, words.payload()));
}

Text timer(Context &ctx, Words &words) {
  std::string name = words.next();
  Schedule when = schedule(words);
  std::string method = words.next();
  return outcome(ctx.set_timer(name, when, method, words.payload()));
}

Text cancel_reminder(Context &ctx, Words &words) { return truth(ctx.cancel_reminder(words.next())); }

Text cancel_timer(Context &ctx, Words &words) { return truth(ctx.cancel_timer(words.next())); }

Text reminders(Context &ctx, Words &) {
  auto or_none = [](auto value) { return value ? std::to_string(*value) : "-"; };
  std::string list;
  for (const auto &each : ctx.reminders()) {
    list += (list.empty() ? "" : "; ") + each.name + " " + each.method + " " + std::to_string(each.due_in_ms) + " " +
            std::to_string(each.schedule.delay_ms) + " " + or_none(each.schedule.period_ms) + " " +
            or_none(each.schedule.repetitions);
  }
  return list;
}

// ---- Failing -------------------------------------------------------------------------------------------

Text fail(Context &, Words &words) {
  std::string code = words.next();
  for (int each = GR_INVALID_ARGUMENT; each <= GR_UNIMPLEMENTED; each++) {
    if (code == gr_code_name(static_cast<gr_code>(each))) {
      return Failure{static_cast<Code>(each), std::string(words.rest)};
    }
  }
  return invalid_argument("no code " + code);
}

Text fail_until(Context &ctx, Words &words) {
  if (ctx.message().attempt < words.number()) return failed_precondition("too early");
  return "ok";
}

Text trap(Context &, Words &) { std::abort(); }

Text spin(Context &, Words &) {
  for (volatile unsigned turn = 0;; turn = turn + 1) continue;
}

Text bomb(Context &, Words &) {
  for (std::vector<std::string> taken;;) taken.emplace_back(1 << 20, 'x');
}

// ---- The rest ------------------------------------------------------------------------------------------

// Kept in a variable, not in the state.
std::string remembered;

Text remember(Context &, Words &words) {
  remembered = words.rest;
  return "ok";
}

Text recall(Context &, Words &) { return "value " + remembered; }

Text me(Context &ctx, Words &) { return ctx.me().actor_type + " " + ctx.me().id; }

Text message(Context &ctx, Words &words) {
  const gr_message &it = ctx.message();
  std::string origin = ctx.origin();
  if (it.origin.kind == GR_ORIGIN_ACTOR) origin = "actor " + origin.replace(origin.find('/'), 1, " ");
  std::string_view type = view_of(it.payload.content_type);
  std::string text = std::string(view_of(it.id)) + " " + std::string(view_of(it.method)) + " " +
                     std::to_string(it.attempt) + " " + std::string(type.substr(0, type.find(';'))) + " " + origin;
  std::string key = words.next();
  return key.empty() ? text : outcome(ctx.set_bytes(key, text), text);
}

Text now(Context &ctx, Words &) { return std::to_string(ctx.now_ms()); }

Text random(Context &ctx, Words &words) { return hex(ctx.random_bytes(words.number<std::size_t>())); }

Text log(Context &ctx, Words &words) {
  constexpr std::string_view levels[] = {"trace", "debug", "info", "warn", "error"};
  std::string level = words.next();
  for (std::size_t i = 0; i < std::size(levels); i++) {
    if (level != levels[i]) continue;
    ctx.log(static_cast<gr_level>(i), words.rest);
    return "ok";
  }
  return invalid_argument("no level " + level);
}

// There is no standard output.
Text print(Context &ctx, Words &words) {
  ctx.log(GR_INFO, words.rest);
  return "ok";
}

constexpr struct {
  std::string_view name;
  Text (*run)(Context &ctx, Words &words);
} commands[] = {
    {"set", set},           {"set-hex", set_hex}, {"fill", fill},
    {"append", append},     {"get", get},         {"get-hex", get_hex},
    {"size", size},         {"delete", erase},    {"keys", keys},
    {"call", call},         {"send", send},       {"remind", remind},
    {"timer", timer},       {"fail", fail},       {"fail-until", fail_until},
    {"trap", trap},         {"spin", spin},       {"bomb", bomb},
    {"remember", remember}, {"recall", recall},   {"me", me},
    {"message", message},   {"now", now},         {"random", random},
    {"log", log},           {"print", print},     {"reminders", reminders},
    {"cancel-timer", cancel_timer},               {"cancel-reminder", cancel_reminder},
};

}  // namespace

Text perform(Context &ctx, std::string_view line) {
  Words words{line};
  std::string name = words.next();
  for (const auto &command : commands) {
    if (name != command.name) continue;
    auto result = command.run(ctx, words);
    if (words.wrong != nullptr) return invalid_argument(words.wrong);
    return result;
  }
  return invalid_argument("no command " + name);
}

Text add_one(Context &ctx, std::string_view key) {
  std::string stored = ctx.get_bytes(key).value_or("0");
  Words words{stored};
  std::string number = std::to_string(words.number() + 1);
  auto kept = ctx.set_bytes(key, number);
  if (words.wrong != nullptr) return internal(words.wrong);
  if (!kept) return kept.failure();
  return number;
}
