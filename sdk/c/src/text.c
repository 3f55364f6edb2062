// Texts: measuring, comparing and making them.

#include <stdio.h>
#include <string.h>

#include "context.h"

gr_text gr_text_of(const char *string) {
  return string == NULL ? (gr_text){NULL, 0} : (gr_text){string, strlen(string)};
}

bool gr_text_equal(gr_text left, gr_text right) {
  return left.length == right.length && (left.length == 0 || memcmp(left.data, right.data, left.length) == 0);
}

bool gr_text_is(gr_text text, const char *string) { return gr_text_equal(text, gr_text_of(string)); }

size_t gr_text_characters(gr_text text) {
  size_t characters = 0;
  for (size_t i = 0; i < text.length; i++) characters += ((uint8_t)text.data[i] & 0xC0) != 0x80;
  return characters;
}

bool gr_is_id(gr_text text) {
  if (text.length < 1 || text.length > 512) return false;
  for (size_t i = 0; i < text.length; i++) {
    uint8_t byte = (uint8_t)text.data[i];
    uint8_t next = i + 1 < text.length ? (uint8_t)text.data[i + 1] : 0;
    // U+0080 to U+009F are control characters too: C2 80 to C2 9F.
    if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next >= 0x80 && next <= 0x9F)) return false;
  }
  return true;
}

gr_text gr_copy_text(gr_context *ctx, gr_text text) {
  char *copy = arena_take(&ctx->memory, text.length + 1);
  if (text.length > 0) memcpy(copy, text.data, text.length);
  copy[text.length] = 0;
  return (gr_text){copy, text.length};
}

gr_text format_text(gr_context *ctx, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  if (length < 0) gr_panic("a format that can't be used: %s", format);
  char *text = arena_take(&ctx->memory, (size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return (gr_text){text, (size_t)length};
}

gr_text gr_format(gr_context *ctx, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  gr_text text = format_text(ctx, format, arguments);
  va_end(arguments);
  return text;
}
