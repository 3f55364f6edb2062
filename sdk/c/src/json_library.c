// yyjson, compiled for size: its functions are not forced into each other, what no JSON has is left out, and
// in a component none is exported, so that what nobody calls goes.

#define YYJSON_DISABLE_NON_STANDARD 1
#define yyjson_inline inline
#ifdef __wasm__
#define yyjson_api __attribute__((visibility("hidden")))
#endif

#include "../vendor/yyjson/yyjson.c"
