#include "json_reader.h"

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::credentials {
namespace {

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Result<nlohmann::json> parse_object(std::string_view text, std::size_t size_max_bytes) {
  if (text.size() > size_max_bytes)
    return fail(Errc::kProtocol, "the answer is longer than " + human_bytes(size_max_bytes));
  nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return fail(Errc::kProtocol, "the answer is not JSON");
  if (!document.is_object()) return fail(Errc::kProtocol, "the answer is no JSON object");
  return document;
}

bool MemberReader::has(const char* name) const {
  const auto found = object_.find(name);
  return found != object_.end() && !found->is_null();
}

nlohmann::json* MemberReader::find(const char* name, bool required) {
  const auto found = object_.find(name);
  if (found != object_.end() && !found->is_null()) return &*found;
  if (required) complain(name, "is missing");
  return nullptr;
}

void MemberReader::complain(const char* name, const char* what) {
  if (complaint_.empty()) complaint_ = std::string(name) + " " + what;
}

Result<void> MemberReader::result() const {
  if (complaint_.empty()) return {};
  return fail(Errc::kProtocol, complaint_);
}

std::string MemberReader::text(const char* name, std::size_t size_max_bytes, bool required) {
  const nlohmann::json* member = find(name, required);
  if (member == nullptr) return {};
  const auto* value = member->get_ptr<const std::string*>();
  if (value == nullptr) {
    complain(name, "is not a string");
  } else if (value->size() > size_max_bytes) {
    complain(name, "is too long");
  } else if (value->find('\0') != std::string::npos) {
    complain(name, "contains a NUL");
  } else if (required && value->empty()) {
    complain(name, "is empty");
  } else {
    return *value;
  }
  return {};
}

Secret MemberReader::secret(const char* name, std::size_t size_max_bytes, bool required) {
  nlohmann::json* member = find(name, required);
  if (member == nullptr) return {};
  auto* value = member->get_ptr<std::string*>();
  if (value == nullptr) {
    complain(name, "is not a string");
    return {};
  }
  if (value->size() > size_max_bytes) {
    complain(name, "is too long");
  } else if (required && value->empty()) {
    complain(name, "is empty");
  } else if (!is_visible_ascii(*value)) {
    complain(name, "contains characters that no key has");
  } else {
    return Secret(std::move(*value));
  }
  wipe(*value);
  return {};
}

std::optional<WallTime> MemberReader::time(const char* name, bool required) {
  const std::string written = text(name, 64, required);
  if (written.empty()) return std::nullopt;
  const auto time = parse_iso8601(written);
  if (!time) complain(name, "is not a time like 2026-01-02T03:04:05Z");
  return time;
}

bool MemberReader::boolean(const char* name) {
  const nlohmann::json* member = find(name, false);
  if (member == nullptr) return false;
  if (!member->is_boolean()) complain(name, "is neither true nor false");
  return member->is_boolean() && member->get<bool>();
}

std::vector<std::string> MemberReader::texts(const char* name, std::size_t count_max,
                                             std::size_t size_max_bytes) {
  const nlohmann::json* member = find(name, false);
  std::vector<std::string> out;
  if (member == nullptr) return out;
  if (!member->is_array() || member->size() > count_max) {
    complain(name, "is no list, or too long");
    return out;
  }
  for (const nlohmann::json& entry : *member) {
    const auto* text = entry.get_ptr<const std::string*>();
    if (text == nullptr || text->size() > size_max_bytes)
      complain(name, "has an entry that is no text, or too long");
    else
      out.push_back(*text);
  }
  return out;
}

std::uint64_t MemberReader::number(const char* name) {
  const nlohmann::json* member = find(name, false);
  if (member == nullptr) return 0;
  if (!member->is_number_unsigned()) {
    complain(name, "is not a whole number from 0 on");
    return 0;
  }
  return member->get<std::uint64_t>();
}

}  // namespace stsfs::credentials
