// Memory of one turn. Small pieces are cut from blocks; each large one is a block of its own, so that it
// can grow in place. Under a sanitizer every piece is a block, so that nobody reaches from one into the next.

#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../include/greenroom.h"

#define BLOCK_SIZE ((size_t)4096)
#define SMALL_MAX ((size_t)1024)
#define ALIGNMENT _Alignof(max_align_t)

#if defined(__SANITIZE_ADDRESS__)
#define PIECES_ARE_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECES_ARE_BLOCKS 1
#endif
#endif
#ifndef PIECES_ARE_BLOCKS
#define PIECES_ARE_BLOCKS 0
#endif

struct arena_block {
  arena_block *older;
  arena_block *newer;
  void *adopted;
  max_align_t contents[];
};

static void *allocated(void *memory) {
  if (memory == NULL) gr_panic("out of memory");
  return memory;
}

static void link_block(arena *arena, arena_block *block) {
  block->newer = NULL;
  block->older = arena->blocks;
  if (block->older != NULL) block->older->newer = block;
  arena->blocks = block;
}

static void *add_block(arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) gr_panic("out of memory");
  arena_block *block = allocated(malloc(sizeof(arena_block) + size));
  block->adopted = NULL;
  link_block(arena, block);
  return block->contents;
}

static bool is_small(size_t size) { return !PIECES_ARE_BLOCKS && size <= SMALL_MAX; }

void *arena_take(arena *arena, size_t size) {
  if (!is_small(size)) return add_block(arena, size);
  size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (arena->left < rounded) {
    arena->free = add_block(arena, BLOCK_SIZE);
    arena->left = BLOCK_SIZE;
  }
  void *piece = arena->free;
  arena->free += rounded;
  arena->left -= rounded;
  return piece;
}

void *arena_resize(arena *arena, void *piece, size_t old_size, size_t size) {
  if (piece == NULL || is_small(old_size)) {
    void *larger = arena_take(arena, size);
    if (piece != NULL) memcpy(larger, piece, old_size < size ? old_size : size);
    return larger;
  }
  if (is_small(size)) return piece;  // it stays a block, which is large enough
  if (size > SIZE_MAX / 2) gr_panic("out of memory");
  arena_block *block = (arena_block *)((char *)piece - offsetof(arena_block, contents));
  arena_block *older = block->older, *newer = block->newer;
  block = allocated(realloc(block, sizeof(arena_block) + size));
  if (older != NULL) older->newer = block;
  if (newer != NULL) newer->older = block;
  else arena->blocks = block;
  return block->contents;
}

void arena_adopt(arena *arena, void *allocation) {
  arena_block *block = allocated(malloc(sizeof(arena_block)));
  block->adopted = allocation;
  link_block(arena, block);
}

void arena_clear(arena *arena) {
  while (arena->blocks != NULL) {
    arena_block *block = arena->blocks;
    arena->blocks = block->older;
    free(block->adopted);
    free(block);
  }
  arena->free = NULL;
  arena->left = 0;
}
