// The turn under way, as the files of the SDK see it.

#ifndef GREENROOM_CONTEXT_H
#define GREENROOM_CONTEXT_H

#include <stdarg.h>

#include "../bindings/actor.h"
#include "../include/greenroom_support.h"
#include "arena.h"

struct gr_context {
  arena memory;
  gr_address me;
  gr_message message;
  gr_payload reply;
  bool has_failed;
  gr_failure failure;
  bool has_call_error;
  gr_call_error call_error;
  yyjson_alc json_memory;
};

// Words of a `printf` format, in memory of the turn.
gr_text format_text(gr_context *ctx, const char *format, va_list arguments);

// Between the contract's texts and the SDK's. The first two take over what they are given: it is freed
// at the end of the turn at the latest.
gr_text text_in(gr_context *ctx, actor_string_t *text);
gr_bytes bytes_in(gr_context *ctx, actor_list_u8_t *bytes);
actor_string_t text_out(gr_text text);
actor_list_u8_t bytes_out(gr_bytes bytes);

// Reads a value of a shape; `place` is NULL at the top of a document. Members of the outermost struct may
// be missing if `may_lack`.
bool read_value(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value, const gr_place *place,
                bool may_lack);
// Reads the member of the struct `value` that the field describes.
bool read_field(gr_context *ctx, const gr_field *field, yyjson_val *json, char *value, const gr_place *place);

#endif
