#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

/// JSON from outside, read without exceptions: what is missing or of another type is empty, 0 or
/// false.
namespace stsfs::control {

using Json = nlohmann::json;

/// nullopt when `text` is no JSON, no object, or nested deeper than any of ours.
std::optional<Json> parse_object(const std::string& text);
/// Compact, without a line break; bytes that are no UTF-8 are replaced.
std::string to_line(const Json& value);

std::string text_member(const Json& object, const char* name);
std::uint64_t number_member(const Json& object, const char* name);
bool bool_member(const Json& object, const char* name);
Json object_member(const Json& object, const char* name);
Json list_member(const Json& object, const char* name);

}  // namespace stsfs::control
