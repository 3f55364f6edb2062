// The conformance guest in C as typed methods: the exports of `world typed`.

#include "../bindings/typed.h"

#include <stdlib.h>
#include <string.h>

#include "../../script/memory.h"
#include "../../script/script.h"

// Pieces that one order may have.
#define PIECES_MAX 100

static text in(typed_string_t string) { return (text){(const char *)string.ptr, string.len}; }

// Results are freed by the bindings, and so come from `malloc`.
static uint8_t *given_away(const void *data, size_t length) {
  if (length == 0) return NULL;
  uint8_t *copy = malloc(length);
  if (copy == NULL) abort();
  memcpy(copy, data, length);
  return copy;
}

static typed_string_t out(text text) { return (typed_string_t){given_away(text.data, text.length), text.length}; }

static bool refuse(const refusal *refusal, greenroom_actor_types_failure_t *err) {
  *err = (greenroom_actor_types_failure_t){refusal->code, out(refusal->words)};
  give_back_all();
  return false;
}

bool exports_greenroom_actor_lifecycle_activate(exports_greenroom_actor_lifecycle_address_t *me,
                                                exports_greenroom_actor_lifecycle_failure_t *err) {
  refusal refusal;
  if (!wake(in(me->actor_type), in(me->id), &refusal)) return refuse(&refusal, err);
  give_back_all();
  return true;
}

void exports_greenroom_actor_lifecycle_deactivate(void) {
  rest();
  give_back_all();
}

void exports_greenroom_conformance_conformance_echo(typed_list_u8_t *data, typed_list_u8_t *ret) {
  *ret = (typed_list_u8_t){given_away(data->ptr, data->len), data->len};
  give_back_all();
}

uint64_t exports_greenroom_conformance_conformance_increment(void) {
  refusal refusal;
  uint64_t number;
  if (!add_one("n", &number, &refusal)) abort();  // the method has no error to give
  give_back_all();
  return number;
}

bool exports_greenroom_conformance_conformance_run(typed_string_t *script, typed_string_t *ret,
                                                   exports_greenroom_conformance_conformance_failure_t *err) {
  known known = {.is_message = false};
  text results;
  refusal refusal;
  if (!run_script(in(*script), &known, &results, &refusal)) return refuse(&refusal, err);
  *ret = out(results);
  give_back_all();
  return true;
}

bool exports_greenroom_conformance_conformance_place(exports_greenroom_conformance_conformance_order_t *order,
                                                     exports_greenroom_conformance_conformance_order_t *ret,
                                                     exports_greenroom_conformance_conformance_refusal_t *err) {
  bool fits = order->pieces > 0 && order->pieces <= PIECES_MAX;
  if (order->pieces == 0) {
    err->tag = EXPORTS_GREENROOM_CONFORMANCE_CONFORMANCE_REFUSAL_NOTHING;
  } else if (!fits) {
    err->tag = EXPORTS_GREENROOM_CONFORMANCE_CONFORMANCE_REFUSAL_TOO_MANY;
    err->val.too_many = PIECES_MAX;
  } else {
    *ret = *order;
    ret->item = out(in(order->item));
    if (order->note.is_some) ret->note.val = out(in(order->note.val));
  }
  give_back_all();
  return fits;
}
