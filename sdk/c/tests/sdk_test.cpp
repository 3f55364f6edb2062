// What the C++ layer adds to the SDK for C: types that own, raw methods, results, state under keys.

#include <greenroom.hpp>
#include <greenroom_test.h>

using greenroom::Context;
using greenroom::Payload;
using greenroom::Result;
using greenroom::field;
using greenroom::method;

namespace {

enum class Size { small, large };
constexpr auto greenroom_names(Size) { return std::array{"small", "large"}; }

struct Item {
  std::string name;
  std::optional<std::vector<Size>> sizes;

  static constexpr auto fields = greenroom::fields(field("name", &Item::name), field("sizes", &Item::sizes));
};

struct Shelf {
  std::map<std::string, Item> items;
  bool woken = false;

  Result<> activate(Context &ctx) {
    if (ctx.me().id == "sleeper") return greenroom::failed_precondition("it sleeps");
    woken = true;
    return {};
  }

  std::size_t put(std::string place, Item item) {
    items[std::move(place)] = std::move(item);
    return items.size();
  }
  const std::map<std::string, Item> &all() const { return items; }
  Payload echo(const Payload &payload) const { return payload; }
  void nothing() {}
  Result<std::string> keyed(Context &ctx, std::string key, double value) {
    if (auto kept = ctx.set(key, std::vector<double>{value}); !kept) return kept.failure();
    auto found = ctx.get<std::vector<double>>(key);
    if (!found) return found.failure();
    auto wrong = ctx.get<bool>(key);
    if (wrong) return greenroom::internal("it was read as something else");
    return std::to_string((*found)->size()) + " " + ctx.keys("").back() + " " + wrong.failure().message;
  }
  Result<std::vector<std::string>> ask(Context &ctx) {
    return ctx.actor("oracle", "o").call<std::vector<std::string>>("answers", std::string("all"));
  }
  Result<> schedule(Context &ctx) {
    if (auto set = ctx.set_timer("t", {.delay_ms = 1, .period_ms = 20, .repetitions = 3}, "nothing"); !set) return set;
    return ctx.set_reminder("r", {.delay_ms = 7}, "nothing", Item{"x", std::nullopt});
  }

  static constexpr auto fields = greenroom::fields(field("items", &Shelf::items), field("woken", &Shelf::woken));
  static constexpr auto methods = greenroom::methods(
      method("put", &Shelf::put, "place", "item"), method("all", &Shelf::all), method("echo", &Shelf::echo),
      method("nothing", &Shelf::nothing), method("keyed", &Shelf::keyed, "key", "value"),
      method("ask", &Shelf::ask), method("schedule", &Shelf::schedule));
};

void values_are_read_into_owning_types_and_back() {
  gr_test_begin("shelf", "s");
  GR_CHECK_TEXT(gr_test_call("put", R"(["left", {"name": "cup", "sizes": ["large", "small"]}])"), "1");
  GR_CHECK_TEXT(gr_test_call("put", R"({"place": "right", "item": {"name": ""}})"), "2");
  gr_test_crash();
  GR_CHECK_TEXT(gr_test_call("all", nullptr),
                R"({"left":{"name":"cup","sizes":["large","small"]},"right":{"name":"","sizes":null}})");
  GR_CHECK_REFUSED(gr_test_call("put", R"(["x", {"name": "cup", "sizes": ["huge"]}])"), GR_INVALID_ARGUMENT);
  GR_CHECK_TEXT(gr_test_failure()->message.data,
                "argument `item.sizes[0]`: unknown variant `huge`, expected one of `small`, `large`");
}

void bytes_go_through_as_they_came() {
  gr_test_begin("shelf", "s");
  gr_payload reply;
  gr_payload sent = {gr_text_of("a/b"), {reinterpret_cast<const std::uint8_t *>("\0\xff"), 2}};
  GR_CHECK(gr_test_call_payload(gr_test_from_client(), "echo", sent, &reply));
  GR_CHECK(gr_text_is(reply.content_type, "a/b") && reply.body.length == 2 && reply.body.data[1] == 0xff);
  GR_CHECK_TEXT(gr_test_call("nothing", nullptr), "");
}

void state_under_keys_is_typed() {
  gr_test_begin("shelf", "s");
  GR_CHECK_TEXT(gr_test_call("keyed", R"(["ratios", 0.5])"),
                R"("1 ratios state `ratios` can't be read: invalid type: array, expected a boolean")");
}

bool oracle(gr_address, gr_text, gr_payload payload, gr_payload *reply, gr_call_error *) {
  GR_CHECK(payload.body.length == 5);
  *reply = {gr_text_of("application/json"), {reinterpret_cast<const std::uint8_t *>(R"(["a","b"])"), 9}};
  return true;
}

void calls_and_alarms() {
  gr_test_begin("shelf", "s");
  GR_CHECK_REFUSED(gr_test_call("ask", nullptr), GR_FAILED_PRECONDITION);
  gr_test_on_call(oracle);
  GR_CHECK_TEXT(gr_test_call("ask", nullptr), R"(["a","b"])");
  gr_test_call("schedule", nullptr);
  GR_CHECK(gr_test_timer("t") != nullptr && gr_test_timer("t")->schedule.repetitions == 3);
  GR_CHECK(gr_test_reminder("r") != nullptr && gr_test_reminder("r")->due_in_ms == 7);
  GR_CHECK(gr_test_advance(100) == 4);
}

void activation_may_fail() {
  gr_test_begin("shelf", "sleeper");
  GR_CHECK_REFUSED(gr_test_call("all", nullptr), GR_FAILED_PRECONDITION);
}

}  // namespace

GREENROOM_ACTOR(Shelf)

int main() {
  GR_RUN(values_are_read_into_owning_types_and_back);
  GR_RUN(bytes_go_through_as_they_came);
  GR_RUN(state_under_keys_is_typed);
  GR_RUN(calls_and_alarms);
  GR_RUN(activation_may_fail);
  return gr_test_result();
}
