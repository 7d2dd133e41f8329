#include "stsfs/base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <vector>

#include "stsfs/base/text.h"

namespace stsfs {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = getrandom(bytes.data(), bytes.size(), 0);
    if (count < 0 && errno != EINTR)
      std::abort();  // a kernel without getrandom: nothing is safe then
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::string random_hex(std::size_t size_bytes) {
  std::vector<std::byte> bytes(size_bytes);
  fill_random(bytes);
  return hex_lower(bytes);
}

std::uint64_t random_below(std::uint64_t bound) {
  if (bound == 0) return 0;
  // Values past the last whole multiple of `bound` would favour the small ones: draw again.
  const std::uint64_t unfair = std::numeric_limits<std::uint64_t>::max() % bound + 1;
  for (;;) {
    std::uint64_t value = 0;
    fill_random(std::as_writable_bytes(std::span(&value, 1)));
    if (unfair == bound || value <= std::numeric_limits<std::uint64_t>::max() - unfair)
      return value % bound;
  }
}

std::string random_uuid_upper() {
  std::array<std::byte, 16> bytes{};
  fill_random(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0F}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};
  std::string text = hex_upper(bytes);
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

}  // namespace stsfs
