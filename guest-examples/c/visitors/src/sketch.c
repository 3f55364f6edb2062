// HyperLogLog: a thing's hash chooses a register, which keeps the longest run of zeros that it has seen.

#include "sketch.h"

#include <math.h>

#define HASH_BITS 64
// The longest run that the bits besides those that choose the register can have.
#define RUN_MAX (HASH_BITS - SKETCH_BITS + 1)

// FNV-1a, and then a mixer, for HyperLogLog needs every bit to depend on all of the input.
static uint64_t hash_of(const uint8_t *bytes, size_t length) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
  return hash ^ (hash >> 31);
}

bool sketch_add(sketch *sketch, const void *data, size_t length) {
  uint64_t hash = hash_of(data, length);
  size_t chosen = (size_t)(hash >> (HASH_BITS - SKETCH_BITS));
  uint64_t rest = hash << SKETCH_BITS;
  uint8_t run = 1;
  while (run < RUN_MAX && (rest & (UINT64_C(1) << 63)) == 0) {
    rest <<= 1;
    run++;
  }
  if (run <= sketch->registers[chosen]) return false;
  sketch->registers[chosen] = run;
  return true;
}

void sketch_merge(sketch *into, const sketch *other) {
  for (size_t i = 0; i < SKETCH_BYTES; i++) {
    if (other->registers[i] > into->registers[i]) into->registers[i] = other->registers[i];
  }
}

uint64_t sketch_count(const sketch *sketch) {
  double sum = 0;
  size_t empty = 0;
  for (size_t i = 0; i < SKETCH_BYTES; i++) {
    sum += ldexp(1, -sketch->registers[i]);
    empty += sketch->registers[i] == 0;
  }
  double count = (double)SKETCH_BYTES;
  double estimate = 0.7213 / (1 + 1.079 / count) * count * count / sum;
  // While registers are empty, their number says more.
  if (estimate <= 2.5 * count && empty > 0) estimate = count * log(count / (double)empty);
  return (uint64_t)(estimate + 0.5);
}

bool sketch_is_valid(const uint8_t *bytes, size_t length) {
  if (length != SKETCH_BYTES) return false;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] > RUN_MAX) return false;
  }
  return true;
}
