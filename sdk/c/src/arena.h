// Memory of one turn: taken piece by piece, freed all at once.

#ifndef GREENROOM_ARENA_H
#define GREENROOM_ARENA_H

#include <stddef.h>

typedef struct arena_block arena_block;

// All zero is an empty arena.
typedef struct arena {
  arena_block *blocks;  // newest first
  char *free;           // what is left of the block for small pieces
  size_t left;
} arena;

// Memory aligned for anything; traps when there is none. Its contents are undefined.
void *arena_take(arena *arena, size_t size);
// Makes the piece larger or smaller, and may move it.
void *arena_resize(arena *arena, void *piece, size_t old_size, size_t size);
// Takes over memory that `malloc` gave.
void arena_adopt(arena *arena, void *allocation);
void arena_clear(arena *arena);

#endif
