// What the C++ and Zig layers stand on besides `greenroom.h`. Actors need nothing of it.

#ifndef GREENROOM_SUPPORT_H
#define GREENROOM_SUPPORT_H

#include "greenroom.h"

#ifdef __cplusplus
extern "C" {
#endif

// How deep a document is read into values.
#define GR_DEPTH_MAX 64

// The key that an actor's struct is kept under.
#define GR_ACTOR_KEY "actor"

// Where in a document something is, from the inside out. Made on the stack on the way in.
typedef struct gr_place {
  const struct gr_place *outer;
  gr_text member;  // no text: an element of an array
  size_t index;
} gr_place;

// Parses a document; fails with `invalid-argument`. An empty one is `null`.
bool gr_parse(gr_context *ctx, gr_bytes document, yyjson_val **root);

// Reads a value of a shape; `place` is NULL at the top of a document.
bool gr_read_value(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value, const gr_place *place);

// Matches a message's body to the parameters called `names`: by name, by position, or, when there is one,
// as it is. `given` has a place for each; NULL where no argument was given. `null` counts as given.
bool gr_match_arguments(gr_context *ctx, const char *const *names, size_t count, yyjson_val **given);

// Fails with `invalid-argument`: "`PLACE`: WORDS".
bool gr_wrong(gr_context *ctx, const gr_place *place, const char *words, ...) GR_PRINTF(3, 4);
// The same for a value of the wrong type: "`PLACE`: invalid type: string "x", expected EXPECTED".
bool gr_wrong_type(gr_context *ctx, const gr_place *place, yyjson_val *found, const char *expected);
// Fails for an argument or a member that is not there.
bool gr_missing(gr_context *ctx, const gr_place *place);

// Writes the struct as `document` unless it is `stored` already.
bool gr_keep(gr_context *ctx, gr_bytes stored, gr_bytes document);
// Turns what reading the state complained about into the actor's own fault.
bool gr_unreadable_state(gr_context *ctx);
// Fails with `unimplemented`, and says what there is instead.
bool gr_unknown_method(gr_context *ctx, const char *const *known, size_t count);

#ifdef __cplusplus
}
#endif

#endif
