// User names and prefix templates: whatever is accepted makes a policy that is JSON, fits, and has
// no wildcard but our own. The first line is the name, the second the template. The whole is also
// read as STS's answer.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "answer.h"
#include "stsfs/sts/session_policy.h"

namespace {

using namespace stsfs;
using namespace stsfs::sts;

void must(bool holds) {
  if (!holds) abort();
}

void check_policy(const std::string& prefix, const std::string& name) {
  must(prefix.ends_with('/') && prefix.find(name) != std::string::npos);
  must(prefix.find("..") == std::string::npos || prefix.find("/../") == std::string::npos);
  const auto policy = session_policy({.bucket = "bucket", .prefix = prefix});
  if (!policy) return;
  must(policy->size() <= kPolicyMaxBytes);
  const auto json = nlohmann::json::parse(*policy, nullptr, false);
  must(json.is_object() && json["Statement"].size() == 2);
  must(json["Statement"][0]["Resource"][0] == "acs:oss:*:*:bucket/" + prefix + "*");
  must(json["Statement"][1]["Condition"]["StringLike"]["oss:Prefix"][0] == prefix + "*");
  must(prefix.find_first_of("*?") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)read_answer({200, {}, text});
  (void)read_answer({400, {}, text});
  const auto line = text.find('\n');
  const std::string name = text.substr(0, line);
  const std::string prefix_template =
      line == std::string::npos ? "users/${user}/" : text.substr(line + 1);
  const auto prefix = expand_prefix(prefix_template, name);
  if (prefix) check_policy(*prefix, name);
  const auto usual = expand_prefix("users/${user}/", name);
  must(usual.has_value() == check_user_name(name).has_value());
  if (usual) check_policy(*usual, name);
  return 0;
}
