// yyjson, compiled for size: its functions are not forced into each other, and what no JSON has is left out.

#define YYJSON_DISABLE_NON_STANDARD 1
#define yyjson_inline inline

#include "../vendor/yyjson/yyjson.c"
