#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace stsfs {

/// Bytes from the kernel's generator, fit for tokens.
void fill_random(std::span<std::byte> bytes);
/// `size_bytes` random bytes as lower hex.
std::string random_hex(std::size_t size_bytes);
/// Evenly from [0, bound); for jitter and sampling. `bound` 0 gives 0.
std::uint64_t random_below(std::uint64_t bound);
/// A version 4 UUID in upper case, as STS prints its request ids.
std::string random_uuid_upper();

}  // namespace stsfs
