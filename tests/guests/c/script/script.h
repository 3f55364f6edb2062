// A script and the rest of what the guest does, in terms of texts. Included after the bindings, whose names
// for texts and bytes differ from world to world.

#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes, mostly text; in memory that lasts until the message has been dealt with.
typedef struct text {
  const char *data;
  size_t length;
} text;

// Why a turn fails: an error code of the contract, and words.
typedef struct refusal {
  uint8_t code;
  text words;
} refusal;

// What a script wants to know of the message, if there is one.
typedef struct known {
  bool is_message;
  text shown;         // the result of the command `message`
  uint32_t attempt;
} known;

text text_of(const char *string);
text joined(text left, text right);
text decimal(uint64_t number);
bool begins_with(text whole, const char *prefix);

// Remembers who this actor is, and does what `activate` does in the conformance guest.
bool wake(text actor_type, text id, refusal *refusal);
void rest(void);
bool add_one(const char *key, uint64_t *number, refusal *refusal);
// Does what the script says.
bool run_script(text script, const known *known, text *results, refusal *refusal);

#endif
