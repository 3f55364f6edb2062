// Values to and from JSON as their shapes say, with complaints that name the place in the document.

#include <stdio.h>
#include <string.h>

#include "context.h"

#define BASIC(c_name, json_name, type, which) \
  const gr_shape c_name = {.kind = which, .name = json_name, .size = sizeof(type)}

BASIC(gr_bool, "a boolean", bool, GR_KIND_BOOL);
BASIC(gr_u8, "u8", uint8_t, GR_KIND_UNSIGNED);
BASIC(gr_u16, "u16", uint16_t, GR_KIND_UNSIGNED);
BASIC(gr_u32, "u32", uint32_t, GR_KIND_UNSIGNED);
BASIC(gr_u64, "u64", uint64_t, GR_KIND_UNSIGNED);
BASIC(gr_i8, "i8", int8_t, GR_KIND_SIGNED);
BASIC(gr_i16, "i16", int16_t, GR_KIND_SIGNED);
BASIC(gr_i32, "i32", int32_t, GR_KIND_SIGNED);
BASIC(gr_i64, "i64", int64_t, GR_KIND_SIGNED);
BASIC(gr_f64, "f64", double, GR_KIND_FLOAT);
BASIC(gr_string, "a string", gr_text, GR_KIND_TEXT);
BASIC(gr_json, "anything", yyjson_val *, GR_KIND_JSON);

// ---- Memory --------------------------------------------------------------------------------------------

static void *json_malloc(void *ctx, size_t size) { return arena_take(&((gr_context *)ctx)->memory, size); }

static void *json_realloc(void *ctx, void *piece, size_t old_size, size_t size) {
  return arena_resize(&((gr_context *)ctx)->memory, piece, old_size, size);
}

static void json_free(void *ctx, void *piece) {
  (void)ctx;
  (void)piece;  // with the turn
}

const yyjson_alc *gr_json_memory(gr_context *ctx) {
  ctx->json_memory = (yyjson_alc){json_malloc, json_realloc, json_free, ctx};
  return &ctx->json_memory;
}

// ---- Complaints ----------------------------------------------------------------------------------------

// The place as `items[2].price`, written from its end towards the beginning of a piece of `room` bytes.
static gr_text place_text(gr_context *ctx, const gr_place *place) {
  size_t room = 1;
  for (const gr_place *at = place; at != NULL; at = at->outer) room += at->member.length + 24;
  char *text = gr_alloc(ctx, room);
  size_t begin = room - 1;
  for (const gr_place *at = place; at != NULL; at = at->outer) {
    if (at->member.data != NULL) {
      begin -= at->member.length;
      memcpy(text + begin, at->member.data, at->member.length);
      if (at->outer != NULL) text[--begin] = '.';
    } else {
      char index[24];
      int length = snprintf(index, sizeof index, "[%zu]", at->index);
      begin -= (size_t)length;
      memcpy(text + begin, index, (size_t)length);
    }
  }
  return (gr_text){text + begin, room - 1 - begin};
}

bool gr_wrong(gr_context *ctx, const gr_place *place, const char *words, ...) {
  va_list arguments;
  va_start(arguments, words);
  gr_text problem = format_text(ctx, words, arguments);
  va_end(arguments);
  gr_text where = place_text(ctx, place);
  if (where.length == 0) return gr_fail(ctx, GR_INVALID_ARGUMENT, "%s", problem.data);
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "`%s`: %s", where.data, problem.data);
}

// What was found, in few words: a long string is cut.
static gr_text described(gr_context *ctx, yyjson_val *json) {
  switch (yyjson_get_type(json)) {
    case YYJSON_TYPE_BOOL: return gr_format(ctx, "boolean `%s`", yyjson_get_bool(json) ? "true" : "false");
    case YYJSON_TYPE_STR: {
      size_t length = yyjson_get_len(json);
      const char *string = yyjson_get_str(json);
      size_t shown = length > 60 ? 60 : length;
      while (shown < length && shown > 0 && ((uint8_t)string[shown] & 0xC0) == 0x80) shown--;
      return gr_format(ctx, "string \"%.*s%s\"", (int)shown, string, shown < length ? "…" : "");
    }
    case YYJSON_TYPE_NUM:
      if (yyjson_is_uint(json)) {
        return gr_format(ctx, "integer `%llu`", (unsigned long long)yyjson_get_uint(json));
      }
      if (yyjson_is_sint(json)) return gr_format(ctx, "integer `%lld`", (long long)yyjson_get_sint(json));
      return gr_format(ctx, "floating point `%g`", yyjson_get_real(json));
    case YYJSON_TYPE_ARR: return GR_TEXT("array");
    case YYJSON_TYPE_OBJ: return GR_TEXT("object");
    default: return GR_TEXT("null");
  }
}

bool gr_wrong_type(gr_context *ctx, const gr_place *place, yyjson_val *found, const char *expected) {
  bool is_number = yyjson_is_int(found) && (expected[0] == 'u' || expected[0] == 'i' || expected[0] == 'f');
  return gr_wrong(ctx, place, "invalid %s: %s, expected %s", is_number ? "value" : "type",
                  described(ctx, found).data, expected);
}

bool gr_missing(gr_context *ctx, const gr_place *place) {
  return gr_fail(ctx, GR_INVALID_ARGUMENT, "`%s` is missing", place_text(ctx, place).data);
}

// ---- Reading -------------------------------------------------------------------------------------------

bool gr_parse(gr_context *ctx, gr_bytes document, yyjson_val **root) {
  static const char nothing[] = "null";
  if (document.length == 0) document = (gr_bytes){(const uint8_t *)nothing, sizeof nothing - 1};
  yyjson_read_err error;
  // Without the flag "in situ" the document is only read.
  yyjson_doc *parsed = yyjson_read_opts((char *)(uintptr_t)document.data, document.length, YYJSON_READ_NOFLAG,
                                        gr_json_memory(ctx), &error);
  if (parsed == NULL) return gr_fail(ctx, GR_INVALID_ARGUMENT, "not JSON: %s at byte %zu", error.msg, error.pos);
  *root = yyjson_doc_get_root(parsed);
  return true;
}

static bool read_unsigned(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value,
                          const gr_place *place) {
  if (!yyjson_is_uint(json)) return gr_wrong_type(ctx, place, json, shape->name);
  uint64_t number = yyjson_get_uint(json);
  uint64_t most = shape->size == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * shape->size)) - 1;
  if (number > most) return gr_wrong_type(ctx, place, json, shape->name);
  switch (shape->size) {
    case 1: *(uint8_t *)value = (uint8_t)number; break;
    case 2: *(uint16_t *)value = (uint16_t)number; break;
    case 4: *(uint32_t *)value = (uint32_t)number; break;
    default: *(uint64_t *)value = number;
  }
  return true;
}

static bool read_signed(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value,
                        const gr_place *place) {
  bool fits = yyjson_is_int(json) && !(yyjson_is_uint(json) && yyjson_get_uint(json) > INT64_MAX);
  int64_t number = fits ? yyjson_get_sint(json) : 0;
  int64_t most = INT64_MAX >> (64 - 8 * shape->size);
  if (!fits || number > most || number < -most - 1) return gr_wrong_type(ctx, place, json, shape->name);
  switch (shape->size) {
    case 1: *(int8_t *)value = (int8_t)number; break;
    case 2: *(int16_t *)value = (int16_t)number; break;
    case 4: *(int32_t *)value = (int32_t)number; break;
    default: *(int64_t *)value = number;
  }
  return true;
}

static bool read_enum(gr_context *ctx, const gr_shape *shape, yyjson_val *json, int *value,
                      const gr_place *place) {
  if (!yyjson_is_str(json)) return gr_wrong_type(ctx, place, json, shape->name);
  gr_text name = {yyjson_get_str(json), yyjson_get_len(json)};
  for (size_t i = 0; i < shape->count; i++) {
    if (gr_text_is(name, shape->names[i])) {
      *value = (int)i;
      return true;
    }
  }
  gr_text known = GR_TEXT("");
  for (size_t i = 0; i < shape->count; i++) {
    known = gr_format(ctx, "%s%s`%s`", known.data, i == 0 ? "" : ", ", shape->names[i]);
  }
  return gr_wrong(ctx, place, "unknown variant `%.*s`, expected one of %s",
                  name.length > 60 ? 60 : (int)name.length, name.data, known.data);
}

static bool read_list(gr_context *ctx, const gr_field *field, yyjson_val *json, char *value,
                      const gr_place *place) {
  if (!yyjson_is_arr(json)) return gr_wrong_type(ctx, place, json, "an array");
  size_t count = yyjson_arr_size(json);
  if (count > SIZE_MAX / 2 / field->size) gr_panic("out of memory");
  char *elements = gr_alloc(ctx, count * field->size);
  size_t index, most;
  yyjson_val *element;
  yyjson_arr_foreach(json, index, most, element) {
    gr_place inner = {place, {NULL, 0}, index};
    if (!read_value(ctx, field->shape, element, elements + index * field->size, &inner, false)) return false;
  }
  memcpy(value + field->offset, &(void *){elements}, sizeof(void *));
  memcpy(value + field->count, &count, sizeof count);
  return true;
}

bool read_field(gr_context *ctx, const gr_field *field, yyjson_val *json, char *value, const gr_place *place) {
  if (field->count != GR_ALWAYS) return read_list(ctx, field, json, value, place);
  if (field->has != GR_ALWAYS) {
    *(bool *)(value + field->has) = !yyjson_is_null(json);
    if (yyjson_is_null(json)) return true;
  }
  return read_value(ctx, field->shape, json, value + field->offset, place, false);
}

static bool read_struct(gr_context *ctx, const gr_shape *shape, yyjson_val *json, char *value,
                        const gr_place *place, bool may_lack) {
  if (!yyjson_is_obj(json)) return gr_wrong_type(ctx, place, json, shape->name);
  for (size_t i = 0; i < shape->count; i++) {
    const gr_field *field = &shape->fields[i];
    gr_place inner = {place, gr_text_of(field->name), 0};
    yyjson_val *member = yyjson_obj_get(json, field->name);
    if (member == NULL) {
      if (may_lack || field->has != GR_ALWAYS) continue;
      return gr_missing(ctx, &inner);
    }
    if (!read_field(ctx, field, member, value, &inner)) return false;
  }
  return true;
}

static size_t depth_of(const gr_place *place) {
  size_t depth = 0;
  for (; place != NULL; place = place->outer) depth++;
  return depth;
}

bool read_value(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value, const gr_place *place,
                bool may_lack) {
  if (depth_of(place) > GR_DEPTH_MAX) {
    return gr_fail(ctx, GR_INVALID_ARGUMENT, "nested deeper than %d", GR_DEPTH_MAX);
  }
  switch (shape->kind) {
    case GR_KIND_BOOL:
      if (!yyjson_is_bool(json)) return gr_wrong_type(ctx, place, json, shape->name);
      *(bool *)value = yyjson_get_bool(json);
      return true;
    case GR_KIND_UNSIGNED: return read_unsigned(ctx, shape, json, value, place);
    case GR_KIND_SIGNED: return read_signed(ctx, shape, json, value, place);
    case GR_KIND_FLOAT:
      if (!yyjson_is_num(json)) return gr_wrong_type(ctx, place, json, shape->name);
      *(double *)value = yyjson_get_num(json);
      return true;
    case GR_KIND_TEXT:
      if (!yyjson_is_str(json)) return gr_wrong_type(ctx, place, json, shape->name);
      *(gr_text *)value = (gr_text){yyjson_get_str(json), yyjson_get_len(json)};
      return true;
    case GR_KIND_JSON: *(yyjson_val **)value = json; return true;
    case GR_KIND_ENUM: return read_enum(ctx, shape, json, value, place);
    case GR_KIND_STRUCT: return read_struct(ctx, shape, json, value, place, may_lack);
  }
  gr_panic("the shape `%s` is of no kind", shape->name);
}

bool gr_read_value(gr_context *ctx, const gr_shape *shape, yyjson_val *json, void *value, const gr_place *place) {
  return read_value(ctx, shape, json, value, place, false);
}

bool gr_read_json(gr_context *ctx, const gr_shape *shape, gr_bytes document, void *value) {
  yyjson_val *root;
  return gr_parse(ctx, document, &root) && read_value(ctx, shape, root, value, NULL, false);
}

// ---- Writing -------------------------------------------------------------------------------------------

static yyjson_mut_val *value_out(yyjson_mut_doc *doc, const gr_shape *shape, const void *value);

static yyjson_mut_val *list_out(yyjson_mut_doc *doc, const gr_field *field, const char *value) {
  char *elements;
  size_t count;
  memcpy(&elements, value + field->offset, sizeof elements);
  memcpy(&count, value + field->count, sizeof count);
  yyjson_mut_val *array = yyjson_mut_arr(doc);
  for (size_t i = 0; i < count; i++) {
    yyjson_mut_arr_append(array, value_out(doc, field->shape, elements + i * field->size));
  }
  return array;
}

static yyjson_mut_val *struct_out(yyjson_mut_doc *doc, const gr_shape *shape, const char *value) {
  yyjson_mut_val *object = yyjson_mut_obj(doc);
  for (size_t i = 0; i < shape->count; i++) {
    const gr_field *field = &shape->fields[i];
    yyjson_mut_val *member;
    if (field->count != GR_ALWAYS) {
      member = list_out(doc, field, value);
    } else if (field->has != GR_ALWAYS && !*(const bool *)(value + field->has)) {
      member = yyjson_mut_null(doc);
    } else {
      member = value_out(doc, field->shape, value + field->offset);
    }
    yyjson_mut_obj_add(object, yyjson_mut_str(doc, field->name), member);
  }
  return object;
}

static yyjson_mut_val *value_out(yyjson_mut_doc *doc, const gr_shape *shape, const void *value) {
  switch (shape->kind) {
    case GR_KIND_BOOL: return yyjson_mut_bool(doc, *(const bool *)value);
    case GR_KIND_UNSIGNED:
      switch (shape->size) {
        case 1: return yyjson_mut_uint(doc, *(const uint8_t *)value);
        case 2: return yyjson_mut_uint(doc, *(const uint16_t *)value);
        case 4: return yyjson_mut_uint(doc, *(const uint32_t *)value);
        default: return yyjson_mut_uint(doc, *(const uint64_t *)value);
      }
    case GR_KIND_SIGNED:
      switch (shape->size) {
        case 1: return yyjson_mut_sint(doc, *(const int8_t *)value);
        case 2: return yyjson_mut_sint(doc, *(const int16_t *)value);
        case 4: return yyjson_mut_sint(doc, *(const int32_t *)value);
        default: return yyjson_mut_sint(doc, *(const int64_t *)value);
      }
    case GR_KIND_FLOAT: return yyjson_mut_real(doc, *(const double *)value);
    case GR_KIND_TEXT: {
      const gr_text *text = value;
      return yyjson_mut_strn(doc, text->data == NULL ? "" : text->data, text->length);
    }
    case GR_KIND_JSON: {
      yyjson_val *json = *(yyjson_val *const *)value;
      return json == NULL ? yyjson_mut_null(doc) : yyjson_val_mut_copy(doc, json);
    }
    case GR_KIND_ENUM: {
      int number = *(const int *)value;
      if (number < 0 || (size_t)number >= shape->count) gr_panic("%d is no `%s`", number, shape->name);
      return yyjson_mut_str(doc, shape->names[number]);
    }
    case GR_KIND_STRUCT: return struct_out(doc, shape, value);
  }
  gr_panic("the shape `%s` is of no kind", shape->name);
}

static bool write_document(gr_context *ctx, const yyjson_mut_val *json, gr_bytes *document) {
  yyjson_write_err error;
  size_t length;
  char *text = yyjson_mut_val_write_opts(json, YYJSON_WRITE_NOFLAG, gr_json_memory(ctx), &length, &error);
  if (text == NULL) return gr_fail(ctx, GR_INTERNAL, "can't be written as JSON: %s", error.msg);
  *document = (gr_bytes){(const uint8_t *)text, length};
  return true;
}

bool gr_write_json(gr_context *ctx, const gr_shape *shape, const void *value, gr_bytes *document) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(gr_json_memory(ctx));
  return write_document(ctx, value_out(doc, shape, value), document);
}

static gr_payload json_payload(gr_bytes document) {
  return (gr_payload){GR_TEXT("application/json"), document};
}

bool gr_payload_of(gr_context *ctx, const gr_shape *shape, const void *value, gr_payload *payload) {
  if (shape == NULL) {
    *payload = GR_NOTHING;
    return true;
  }
  gr_bytes document;
  if (!gr_write_json(ctx, shape, value, &document)) return false;
  *payload = json_payload(document);
  return true;
}

bool gr_payload_of_json(gr_context *ctx, const yyjson_mut_val *value, gr_payload *payload) {
  gr_bytes document;
  if (!write_document(ctx, value, &document)) return false;
  *payload = json_payload(document);
  return true;
}
