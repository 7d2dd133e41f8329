#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::credentials {

/// A JSON document from outside; kProtocol unless it is one object within `size_max_bytes`.
Result<nlohmann::json> parse_object(std::string_view text, std::size_t size_max_bytes);

/// Takes members out of one object and keeps the first complaint, so that a reader reads like a
/// list of what it wants. Absent and null are the same.
class MemberReader {
 public:
  explicit MemberReader(nlohmann::json& object) : object_(object) {}

  /// Empty when absent, unless it is `required`.
  std::string text(const char* name, std::size_t size_max_bytes, bool required = false);
  /// The same for what goes into headers: visible ASCII; the text inside the document is wiped.
  Secret secret(const char* name, std::size_t size_max_bytes, bool required = false);
  std::optional<WallTime> time(const char* name, bool required = false);
  bool boolean(const char* name);
  std::uint64_t number(const char* name);
  /// A list of texts; what is none in it is a complaint.
  std::vector<std::string> texts(const char* name, std::size_t count_max,
                                 std::size_t size_max_bytes);
  bool has(const char* name) const;

  void complain(const char* name, const char* what);
  Result<void> result() const;

 private:
  nlohmann::json* find(const char* name, bool required);

  nlohmann::json& object_;
  std::string complaint_;
};

}  // namespace stsfs::credentials
