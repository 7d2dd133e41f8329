#include "access.h"

#include "stsfs/base/text.h"

namespace stsfs::sim {

std::string_view WireRequest::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, lower_name)) return trim(value);
  return {};
}

bool WireRequest::has_header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, lower_name)) return true;
  return false;
}

const std::string* WireRequest::parameter(std::string_view name) const {
  for (const auto& [known, value] : query)
    if (known == name) return &value;
  return nullptr;
}

}  // namespace stsfs::sim
