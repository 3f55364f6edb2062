// One line of a script: what it does, and its result in words.

#ifndef SCRIPT_H
#define SCRIPT_H

#include <greenroom.h>

// Does what the line says; `false` ends the turn.
bool perform(gr_context *ctx, gr_text line, gr_text *result);

// Adds one to the decimal number under a key.
bool add_one(gr_context *ctx, const char *key, gr_text *number);

#endif
