// The programs' own free() and realloc(), in glibc's place: what is freed is wiped. Keys and tokens
// pass through strings of ours and through buffers of libcurl, libmicrohttpd and nlohmann-json,
// which are freed, or outgrown, with what they held. One place for all of them forgets none.
// operator delete calls free().
//
// Not in test programs, and not beside a sanitizer, which has a free() of its own.

#include <malloc.h>
#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace {

// More than any buffer that a secret passes through: libcurl's for what it sends has 64 KiB.
constexpr std::size_t kWipedMax = std::size_t{128} << 10;

}  // namespace

extern "C" {

// Source: glibc exports its own ones under these names, too (malloc/malloc.c).
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_realloc(void* memory, std::size_t size) noexcept;
void __libc_free(void* memory) noexcept;
// NOLINTEND(bugprone-reserved-identifier)

void free(void* memory) noexcept {
  if (memory == nullptr) return;
  if (const std::size_t size = malloc_usable_size(memory); size <= kWipedMax)
    explicit_bzero(memory, size);
  __libc_free(memory);
}

/// glibc's leaves the old bytes behind when it moves them.
void* realloc(void* memory, std::size_t size) noexcept {
  const std::size_t old_size = memory == nullptr ? 0 : malloc_usable_size(memory);
  if (memory == nullptr || size == 0 || old_size > kWipedMax) return __libc_realloc(memory, size);
  if (size <= old_size && size > old_size / 2) return memory;
  void* moved = malloc(size);
  if (moved == nullptr) return nullptr;
  memcpy(moved, memory, std::min(old_size, size));
  free(memory);
  return moved;
}

}  // extern "C"
