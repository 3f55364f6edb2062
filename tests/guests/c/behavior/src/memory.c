// Memory, the same for both guests.

#include "../../script/memory.c"
