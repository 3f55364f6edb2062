// The actor type `{{name}}`: a counter that forgets.

#include <greenroom.hpp>
#include <limits>

using greenroom::Context;
using greenroom::Result;

struct Counter {
  std::uint32_t count = 0;

  // Adds `amount`; an hour later the counter is back at zero.
  Result<std::uint32_t> add(Context &ctx, std::uint32_t amount) {
    if (amount == 0) return greenroom::invalid_argument("add something");
    if (amount > std::numeric_limits<std::uint32_t>::max() - count) {
      return greenroom::invalid_argument("too much");
    }
    count += amount;
    auto set = ctx.set_reminder("forget", {.delay_ms = 3'600'000}, "forget");
    if (!set) return set.failure();
    return count;
  }

  // Says what the count is.
  std::uint32_t get() const { return count; }

  // The reminder's method.
  void forget() { count = 0; }

  static constexpr auto fields = greenroom::fields(greenroom::field("count", &Counter::count));
  static constexpr auto methods =
      greenroom::methods(greenroom::method("add", &Counter::add, "amount"), greenroom::method("get", &Counter::get),
                         greenroom::method("forget", &Counter::forget));
};

GREENROOM_ACTOR(Counter)
