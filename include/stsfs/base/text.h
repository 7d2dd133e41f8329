#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Small functions over text that more than one layer needs. All are pure and thread-safe.
namespace stsfs {

// --- percent-encoding: `A-Z a-z 0-9 - . _ ~` stay, every other byte is %XX in upper case ---

std::string percent_encode(std::string_view text);
/// The same, but `/` stays: for keys inside a path.
std::string percent_encode_path(std::string_view text);
/// Undoes either; nullopt when a `%` is not followed by two hex digits. `+` stays a plus.
std::optional<std::string> percent_decode(std::string_view text);

// --- hex and base64 ---

std::string hex_lower(std::span<const std::byte> bytes);
std::string hex_upper(std::span<const std::byte> bytes);
std::optional<std::vector<std::byte>> hex_decode(std::string_view text);
std::string base64_encode(std::span<const std::byte> bytes);
/// Strict: standard alphabet, with padding.
std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// --- ASCII ---

std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
/// Without the blanks and tabs at both ends.
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

/// Well-formed, without overlong forms and surrogates.
bool is_valid_utf8(std::string_view text);

/// The whole text as a number in `base`; nullopt for anything else, a sign and overflow included.
std::optional<std::uint64_t> parse_u64(std::string_view text, int base = 10);

/// For logs and messages: control characters and invalid UTF-8 as \xNN, cut at `size_max` bytes
/// with "…".
std::string printable(std::string_view text, std::size_t size_max = 256);

/// "12.3 MiB": for people.
std::string human_bytes(std::uint64_t bytes);

/// "1 file", "12 files": `noun` in the singular, of those that take an s.
std::string count_of(std::uint64_t count, std::string_view noun);

/// "64K", "10M", "1.5G", "2TiB", "1000": a size as people write it, in bytes, binary units.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace stsfs
