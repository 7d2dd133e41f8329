#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// CRC-64/XZ, the checksum that OSS sends as `x-oss-hash-crc64ecma`: ECMA-182 polynomial,
/// reflected, all ones before and after. Pure; any thread. Source: OSS API, AppendObject.
namespace stsfs {

/// The CRC of `bytes` appended to what `before` is the CRC of; 0 to start with. 10 GB/s from
/// memory.
std::uint64_t crc64(std::uint64_t before, std::span<const std::byte> bytes);

/// The CRC of A followed by B, from crc64(A), crc64(B) and the length of B. Below 1 µs when that
/// length was the same a moment ago (parts of an upload), 20 µs otherwise.
std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second,
                            std::uint64_t second_size_bytes);

}  // namespace stsfs
