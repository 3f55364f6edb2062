// A HyperLogLog sketch: how many different things were seen, in 4 KiB, give or take 2 %.

#ifndef SKETCH_H
#define SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// 2^12 registers of a byte each: a relative error of 1.04 / sqrt(4096), about 1.6 %.
#define SKETCH_BITS 12
#define SKETCH_BYTES ((size_t)1 << SKETCH_BITS)

// The registers as they are stored. All zero: nothing was seen.
typedef struct sketch {
  uint8_t registers[SKETCH_BYTES];
} sketch;

// Adds a thing; says whether that changed anything.
bool sketch_add(sketch *sketch, const void *data, size_t length);
// Adds all that another has seen.
void sketch_merge(sketch *into, const sketch *other);
// About how many different things were seen.
uint64_t sketch_count(const sketch *sketch);
// Whether bytes can be the registers of a sketch.
bool sketch_is_valid(const uint8_t *bytes, size_t length);

#endif
