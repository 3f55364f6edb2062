// The conformance guest, in C++ with the SDK: `tests/guests/README.md` says what it does.

#include <greenroom.hpp>

#include "script.hpp"

using greenroom::Context;
using greenroom::Payload;
using greenroom::Result;

static Payload plain(std::string text) { return {"text/plain", std::move(text)}; }

// Counts for an actor that is counted.
static Result<> count(Context &ctx, std::string_view key) {
  if (!ctx.me().id.starts_with("counted-")) return {};
  auto counted = add_one(ctx, key);
  if (!counted) return counted.failure();
  return {};
}

struct Conformance {
  Result<> activate(Context &ctx) {
    if (ctx.me().id.starts_with("fail-activate-") && !ctx.get_bytes("healed")) {
      return greenroom::failed_precondition("asked not to activate");
    }
    return count(ctx, "activations");
  }

  Result<> deactivate(Context &ctx) { return count(ctx, "deactivations"); }

  // Replies with the payload as it came.
  Payload echo(Payload received) const { return received; }

  // Adds one to a durable number.
  Result<Payload> increment(Context &ctx, Payload) const {
    auto number = add_one(ctx, "n");
    if (!number) return number.failure();
    return plain(*number);
  }

  // Does what the script says, line by line.
  Result<Payload> run(Context &ctx, Payload received) const {
    std::string_view left = received.body;
    std::string results;
    do {
      std::size_t end = left.find('\n');
      auto result = perform(ctx, left.substr(0, end));
      if (!result) return result.failure();
      results += *result + "\n";
      left.remove_prefix(end == left.npos ? left.size() : end + 1);
    } while (!left.empty());
    results.pop_back();
    return plain(std::move(results));
  }

  static constexpr auto methods = greenroom::methods(greenroom::method("echo", &Conformance::echo),
                                                     greenroom::method("increment", &Conformance::increment),
                                                     greenroom::method("run", &Conformance::run));
};

GREENROOM_ACTOR(Conformance)
