// What the C++ library says when it gives up goes to the actor's log, instead of to a standard error that
// a component does not have.

#include <cstdlib>
#include <new>

#include "../include/greenroom.h"

#if defined(_LIBCPP_VERSION)
namespace std {
inline namespace _LIBCPP_ABI_NAMESPACE {
[[noreturn]] void __libcpp_verbose_abort(const char *format, ...) noexcept { gr_panic("%s", format); }
}  // namespace _LIBCPP_ABI_NAMESPACE
}  // namespace std
#endif
