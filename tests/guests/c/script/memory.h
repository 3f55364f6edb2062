// Memory that is taken piece by piece and given back all at once, when a message has been dealt with.
//
// Also what the host hands over goes there: `cabi_realloc` is defined here, in place of the one that the
// bindings define weakly. Only results have to come from `malloc`, for the bindings free them.

#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

// Never NULL: out of memory is a trap.
void *take(size_t size);
void give_back_all(void);

#endif
