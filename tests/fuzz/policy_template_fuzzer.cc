// Templates of administrators: what is accepted can be filled for anybody, is JSON with nothing
// left to fill, and allows nothing beside the folder.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "stsfs/sts/policy_template.h"

namespace {

using nlohmann::json;

void must(bool holds) {
  if (!holds) abort();
}

void check_resource(const json& resource) {
  const auto text = resource.get<std::string>();
  must(text == "acs:oss:*:*:bucket" || text.starts_with("acs:oss:*:*:bucket/users/alice/"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed =
      stsfs::sts::PolicyTemplate::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto filled = parsed->fill({"alice", "bucket", "users/alice/"});
  must(filled.has_value());
  must(filled->find("${") == std::string::npos);
  const json policy = json::parse(*filled, nullptr, false);
  must(policy.is_object());
  for (const json& statement : policy["Statement"]) {
    if (statement["Effect"] != "Allow") continue;
    const json& resources = statement["Resource"];
    if (resources.is_string()) check_resource(resources);
    if (resources.is_array())
      for (const json& one : resources) check_resource(one);
  }
  return 0;
}
