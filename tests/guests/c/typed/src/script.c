// What both guests have in common, compiled against the bindings of this one.

#include "../bindings/typed.h"
#include "../../script/script.c"
