// A message's body as the arguments of a method, matched to its parameters by name or by position.

#include <string.h>

#include "context.h"

// The parameters, as complaints list them.
static const char *listed(gr_context *ctx, const char *const *names, size_t count) {
  gr_text list = GR_TEXT("");
  for (size_t i = 0; i < count; i++) {
    list = gr_format(ctx, "%s%s%s", list.data, i == 0 ? "" : ", ", names[i]);
  }
  return list.data;
}

static bool by_name(gr_context *ctx, yyjson_val *object, const char *const *names, size_t count,
                    yyjson_val **given) {
  size_t index, most;
  yyjson_val *name, *value;
  yyjson_obj_foreach(object, index, most, name, value) {
    gr_text called = {yyjson_get_str(name), yyjson_get_len(name)};
    size_t position = 0;
    while (position < count && !gr_text_is(called, names[position])) position++;
    int shown = called.length > 60 ? 60 : (int)called.length;
    if (position == count) {
      return gr_fail(ctx, GR_INVALID_ARGUMENT, "unknown argument `%.*s`; there are %s", shown, called.data,
                     listed(ctx, names, count));
    }
    if (given[position] != NULL) {
      return gr_fail(ctx, GR_INVALID_ARGUMENT, "argument `%.*s` is given twice", shown, called.data);
    }
    given[position] = value;
  }
  return true;
}

static bool by_position(gr_context *ctx, yyjson_val *array, const char *const *names, size_t count,
                        yyjson_val **given) {
  if (yyjson_arr_size(array) > count) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "%zu arguments are too many; there are %s", yyjson_arr_size(array),
                   listed(ctx, names, count));
  }
  size_t index, most;
  yyjson_val *value;
  yyjson_arr_foreach(array, index, most, value) given[index] = value;
  return true;
}

static bool is_blank(gr_bytes body) {
  for (size_t i = 0; i < body.length; i++) {
    if (memchr(" \t\r\n", body.data[i], 4) == NULL) return false;
  }
  return true;
}

bool gr_match_arguments(gr_context *ctx, const char *const *names, size_t count, yyjson_val **given) {
  for (size_t i = 0; i < count; i++) given[i] = NULL;
  gr_bytes body = ctx->message.payload.body;
  if (count == 0 || is_blank(body)) return true;
  yyjson_val *root;
  if (!gr_parse(ctx, body, &root)) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "the body is %s", ctx->failure.message.data);
  }
  if (count == 1) {
    yyjson_val *only = yyjson_is_obj(root) && yyjson_obj_size(root) == 1 ? yyjson_obj_get(root, names[0]) : NULL;
    given[0] = only != NULL ? only : root;
    return true;
  }
  if (yyjson_is_obj(root)) return by_name(ctx, root, names, count, given);
  if (yyjson_is_arr(root)) return by_position(ctx, root, names, count, given);
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "expected an object or an array of the arguments %s",
                 listed(ctx, names, count));
}
