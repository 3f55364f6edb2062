// Blocks in a list.

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
  struct block *older;
  max_align_t contents[];
} block;

static block *blocks;

void *take(size_t size) {
  block *made = size > SIZE_MAX / 2 ? NULL : malloc(sizeof(block) + size);
  if (made == NULL) abort();
  made->older = blocks;
  blocks = made;
  return made->contents;
}

void give_back_all(void) {
  while (blocks != NULL) {
    block *gone = blocks;
    blocks = gone->older;
    free(gone);
  }
}

__attribute__((__export_name__("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align,
                                                                     size_t size) {
  if (size == 0) return (void *)align;
  void *made = take(size);
  if (old_size > 0) memcpy(made, old, old_size < size ? old_size : size);
  return made;
}
